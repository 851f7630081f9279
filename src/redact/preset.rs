//! The built-in patterns: what the secrets of well-known services look like.
//!
//! They are data, not regular expressions: each starts with a literal that is shown, and the secret
//! behind it is a run of token characters. So nothing of them is compiled when a run starts, and what
//! is shown anyway never has to be held back.

use super::Verdict;
use super::bytes::{ALNUM, Set};

static TOKEN: Set = Set::of(b"A-Za-z0-9_-");
static DOTTED: Set = Set::of(b"A-Za-z0-9_.-");
static BEARER: Set = Set::of(b"A-Za-z0-9._~+/=-");
static UPPER: Set = Set::of(b"A-Z0-9");
static BASE64: Set = Set::of(b"A-Za-z0-9/+=");
static DASHED: Set = Set::of(b"A-Za-z0-9-");
static WORD: Set = Set::of(b"A-Za-z0-9_");
static PEM: Set = Set::of(b"A-Za-z0-9+/=\r\n\t :,.");
/// Line breaks may be written as `\n`.
static PEM_START: Set = Set::of(b"A-Za-z0-9+/=\r\n\t :,.\\");
/// Between the name of a variable and its value, in shells, INI files and (escaped) JSON.
static ASSIGNMENT: Set = Set::of(b" \t\"'\\=:");

/// A part that is longer than this belongs to no secret of ours.
const LONGEST_PART: usize = 2048;
/// More than this between a name and its value is no assignment.
const LONGEST_ASSIGNMENT: usize = 16;

/// One kind of secret.
pub(super) struct Preset {
    /// The name in the configuration.
    pub(super) name: &'static str,
    /// How the text starts; shown.
    pub(super) lead: &'static [u8],
    /// Whether case matters not in `lead`.
    pub(super) ignore_case: bool,
    /// Whether an assignment follows `lead`; shown.
    assigned: bool,
    /// Whether it cannot stand in the middle of a word.
    starts_word: bool,
    /// The secret.
    body: &'static [Part],
    /// What belongs to the secret after the last part.
    tail: Tail,
}

enum Part {
    /// At least so many bytes of the set.
    Run(&'static Set, usize),
    Text(&'static [u8]),
}

/// How far a secret goes on.
#[derive(Clone, Copy)]
pub(super) enum Tail {
    /// As long as bytes of the set follow.
    Run(&'static Set),
    /// To the end line of a PEM block, also where line breaks are written as `\n`.
    Pem,
}

const fn token(
    name: &'static str,
    lead: &'static [u8],
    set: &'static Set,
    body: &'static [Part],
) -> Preset {
    Preset {
        name,
        lead,
        ignore_case: false,
        assigned: false,
        starts_word: false,
        body,
        tail: Tail::Run(set),
    }
}

const fn word(
    name: &'static str,
    lead: &'static [u8],
    set: &'static Set,
    body: &'static [Part],
) -> Preset {
    Preset {
        // `disk-` and `task-` end like the lead of a key.
        starts_word: true,
        ..token(name, lead, set, body)
    }
}

const fn pem(lead: &'static [u8]) -> Preset {
    Preset {
        tail: Tail::Pem,
        ..token("pem", lead, &PEM, BLOCK)
    }
}

const KEY: &[Part] = &[Part::Run(&TOKEN, 20)];
const ACCESS_KEY: &[Part] = &[Part::Run(&UPPER, 16)];
const GITHUB: &[Part] = &[Part::Run(&WORD, 36)];
const SLACK: &[Part] = &[Part::Run(&DASHED, 10)];
const BLOCK: &[Part] = &[Part::Run(&PEM_START, 32)];
const STRIPE: &[Part] = &[Part::Run(&WORD, 16)];

/// Every preset; of two with the same beginning the more special one comes first.
pub(super) static PRESETS: &[Preset] = &[
    word("anthropic", b"sk-ant-", &TOKEN, KEY),
    word("openai", b"sk-", &TOKEN, KEY),
    token("aws_key", b"AKIA", &UPPER, ACCESS_KEY),
    token("aws_key", b"ASIA", &UPPER, ACCESS_KEY),
    Preset {
        ignore_case: true,
        assigned: true,
        ..token(
            "aws_secret",
            b"AWS_SECRET_ACCESS_KEY",
            &BASE64,
            &[Part::Run(&BASE64, 8)],
        )
    },
    token("github", b"ghp_", &WORD, GITHUB),
    token("github", b"gho_", &WORD, GITHUB),
    token("github", b"ghu_", &WORD, GITHUB),
    token("github", b"ghs_", &WORD, GITHUB),
    token("github", b"ghr_", &WORD, GITHUB),
    token("github", b"github_pat_", &WORD, &[Part::Run(&WORD, 22)]),
    Preset {
        ignore_case: true,
        ..token("bearer", b"Bearer ", &BEARER, &[Part::Run(&BEARER, 20)])
    },
    token("slack", b"xoxa-", &DASHED, SLACK),
    token("slack", b"xoxb-", &DASHED, SLACK),
    token("slack", b"xoxe-", &DASHED, SLACK),
    token("slack", b"xoxp-", &DASHED, SLACK),
    token("slack", b"xoxr-", &DASHED, SLACK),
    token("slack", b"xoxs-", &DASHED, SLACK),
    token("slack", b"xapp-", &DASHED, SLACK),
    token("google", b"AIza", &TOKEN, &[Part::Run(&TOKEN, 35)]),
    token("npm", b"npm_", &WORD, GITHUB),
    token("gitlab", b"glpat-", &TOKEN, KEY),
    token("stripe", b"sk_live_", &WORD, STRIPE),
    token("stripe", b"rk_live_", &WORD, STRIPE),
    word(
        "jwt",
        b"eyJ",
        &DOTTED,
        &[
            Part::Run(&TOKEN, 10),
            Part::Text(b".eyJ"),
            Part::Run(&TOKEN, 8),
        ],
    ),
    pem(b"-----BEGIN PRIVATE KEY-----"),
    pem(b"-----BEGIN RSA PRIVATE KEY-----"),
    pem(b"-----BEGIN EC PRIVATE KEY-----"),
    pem(b"-----BEGIN DSA PRIVATE KEY-----"),
    pem(b"-----BEGIN OPENSSH PRIVATE KEY-----"),
    pem(b"-----BEGIN ENCRYPTED PRIVATE KEY-----"),
    pem(b"-----BEGIN PGP PRIVATE KEY BLOCK-----"),
];

impl Preset {
    /// Whether `text` starts with this secret. `before` are the last bytes before it.
    pub(super) fn judge(&self, before: &[u8], text: &[u8], ends: bool) -> Verdict {
        let lead = self.lead.len().min(text.len());
        if !self.is_lead(&text[..lead]) || self.starts_word && !starts_word(before) {
            return Verdict::No;
        }
        if lead < self.lead.len() {
            return Verdict::maybe(lead, ends);
        }
        let kept = if self.assigned {
            let gap = ASSIGNMENT.run(&text[lead..]);
            // A `\` that no quote follows begins an escape, as in `\n`.
            let escape = text[lead..lead + gap]
                .iter()
                .rev()
                .take_while(|byte| **byte == b'\\');
            let escape = escape.count();
            let shown = lead + gap - escape;
            match text.len() - lead {
                _ if gap > LONGEST_ASSIGNMENT => return Verdict::No,
                rest if rest == gap => return Verdict::maybe(shown, ends),
                _ if gap == 0 || escape > 0 => return Verdict::No,
                _ => shown,
            }
        } else {
            lead
        };
        self.judge_body(text, kept, ends)
    }

    /// Whether `text` can start with the lead; cheap.
    pub(super) fn may_start(&self, text: &[u8]) -> bool {
        self.is_lead(&text[..self.lead.len().min(text.len())])
    }

    fn is_lead(&self, text: &[u8]) -> bool {
        let lead = &self.lead[..text.len()];
        if self.ignore_case {
            text.eq_ignore_ascii_case(lead)
        } else {
            text == lead
        }
    }

    fn judge_body(&self, text: &[u8], kept: usize, ends: bool) -> Verdict {
        let mut at = kept;
        for (index, part) in self.body.iter().enumerate() {
            let rest = &text[at..];
            let is_last = index + 1 == self.body.len();
            match part {
                Part::Run(set, least) => {
                    let run = set.run(&rest[..rest.len().min(LONGEST_PART)]);
                    if run == rest.len() && !(is_last && run >= *least) {
                        return Verdict::maybe(kept, ends);
                    }
                    if run < *least || run == LONGEST_PART && !is_last {
                        return Verdict::No;
                    }
                    at += if is_last { *least } else { run };
                }
                Part::Text(expected) if rest.starts_with(expected) => at += expected.len(),
                Part::Text(expected) if expected.starts_with(rest) => {
                    return Verdict::maybe(kept, ends);
                }
                Part::Text(_) => return Verdict::No,
            }
        }
        // An escape goes to the tail undivided.
        let escape = text[kept..at]
            .iter()
            .rev()
            .take_while(|byte| **byte == b'\\');
        Verdict::Yes {
            kept,
            length: at - escape.count(),
            tail: self.tail,
        }
    }
}

/// Whether the byte after `before` does not go on a word. An escape sequence that ends in a letter
/// is no word: `\n` in JSON, `%3D` in a URL, the colours of a terminal.
fn starts_word(before: &[u8]) -> bool {
    let Some((last, rest)) = before.split_last() else {
        return true;
    };
    if !ALNUM.has(*last) {
        return true;
    }
    let back = |count: usize| rest.len().checked_sub(count).map_or(0, |at| rest[at]);
    let hex = |from: usize| {
        before[before.len().saturating_sub(from)..]
            .iter()
            .all(u8::is_ascii_hexdigit)
    };
    let escaped = b"nrtbf".contains(last) && back(1) == b'\\';
    let percent = back(2) == b'%' && hex(2);
    let unicode = back(5) == b'\\' && back(4) == b'u' && hex(4);
    escaped || percent || unicode || ends_colour(before)
}

/// `ESC [ 3 1 m` and its like.
fn ends_colour(before: &[u8]) -> bool {
    let parameters = before[..before.len() - 1]
        .iter()
        .rposition(|byte| !byte.is_ascii_digit() && *byte != b';');
    parameters.is_some_and(|at| at > 0 && before[at] == b'[' && before[at - 1] == 0x1b)
}

impl Tail {
    /// How many bytes at the start of `text` still belong to the secret, and whether it ends there.
    pub(super) fn swallow(self, text: &[u8], ends: bool) -> (usize, bool) {
        match self {
            Tail::Run(set) => {
                let run = set.run(text);
                (run, ends || run < text.len())
            }
            Tail::Pem => pem_body(text, ends),
        }
    }
}

fn pem_body(text: &[u8], ends: bool) -> (usize, bool) {
    let mut at = 0;
    loop {
        at += PEM.run(&text[at..]);
        let rest = &text[at..];
        let count = |sign| rest.iter().take_while(|byte| **byte == sign).count();
        let (dashes, escapes) = (count(b'-'), count(b'\\'));
        match rest {
            [] => return (at, ends),
            [b'\\', ..] => match rest.get(escapes) {
                Some(b'n' | b'r' | b't' | b'/') => at += escapes + 1,
                None if !ends && escapes < 16 => return (at, false),
                _ => return (at, true),
            },
            [b'-', ..] if dashes == rest.len() && dashes < 5 && !ends => return (at, false),
            [b'-', ..] if dashes < 5 => at += dashes,
            _ => return (at, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_starts_after_what_is_no_word() {
        for before in [
            "",
            " ",
            "\"",
            "=",
            "_",
            r"\n",
            r"x\t",
            "%3D",
            r"\u003d",
            "\x1b[31m",
            "\x1b[0;1m",
        ] {
            assert!(starts_word(before.as_bytes()), "{before:?}");
        }
        for before in ["a", "dis", "n", "3D", "u003d", "[31m", "%3"] {
            assert!(!starts_word(before.as_bytes()), "{before:?}");
        }
    }

    #[test]
    fn the_configuration_knows_every_preset_and_no_other() {
        use crate::policy::limits::REDACT_PRESETS;
        for preset in PRESETS {
            assert!(REDACT_PRESETS.contains(&preset.name), "{}", preset.name);
        }
        for name in REDACT_PRESETS {
            let known = PRESETS.iter().any(|preset| preset.name == name);
            assert!(known || name == super::super::VALUES, "{name}");
        }
    }

    #[test]
    fn a_special_lead_comes_before_a_general_one() {
        for (at, special) in PRESETS.iter().enumerate() {
            for general in &PRESETS[..at] {
                assert!(!special.lead.starts_with(general.lead), "{}", special.name);
            }
        }
    }
}
