//! Replaces secrets in a stream of output: [`Rules`] say what a secret is, a [`Stream`] is one output
//! under way.
//!
//! A stream is never cut into lines. It holds back only bytes that may still turn out to be a secret,
//! so a prompt without a line end appears at once, and what it writes does not depend on where a read
//! happened to end. Time is linear in the length of the output. Delimiters (quotes, brackets, line
//! ends, escapes) are never removed: JSON stays JSON.
//!
//! This is a guard against accidents: a program that wants to get a secret out can encode it.
#![forbid(unsafe_code)]

mod bytes;
mod pattern;
mod preset;
mod render;
mod stream;
mod value;

use std::fmt;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::policy::{Layer, Origin, Redact, RedactPattern};
use pattern::Patterns;
use preset::{PRESETS, Preset};

pub use stream::Stream;
pub use value::Values;

/// What stands in place of a secret.
const MASK: &[u8] = b"***";

/// The preset that stands for exact values.
pub const VALUES: &str = "values";

/// What `redact` replaces, compiled.
pub struct Rules {
    /// With the index of the line that chose it.
    presets: Vec<(&'static Preset, usize)>,
    patterns: Option<Patterns>,
    values: Values,
    /// Finds every place where a secret may start, and maybe others.
    places: Places,
    /// Which bytes a preset or a value starts with.
    leads: Box<[bool; 256]>,
    /// The lines that hits are counted under: of presets, then of patterns.
    origins: Vec<Origin>,
    first_pattern: usize,
    values_line: usize,
}

/// How places are found where a secret may start.
enum Places {
    /// By literals, of which the longest has this length.
    Literals(AhoCorasick, usize),
    /// By the first byte: some pattern starts with no literal.
    Bytes(Box<[bool; 256]>),
}

/// A pattern that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Where it was written.
    pub origin: Origin,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "mask_stdout: the pattern {} cannot be used: {}",
            self.origin, self.why
        )
    }
}

impl std::error::Error for Error {}

/// Whether `text` at some place is a secret.
#[derive(Clone, Copy)]
enum Verdict {
    /// It is none, whatever follows.
    No,
    /// What follows decides. The first `kept` bytes are shown in any case.
    Maybe { kept: usize },
    /// A preset.
    Yes {
        kept: usize,
        length: usize,
        tail: preset::Tail,
    },
    /// A pattern of the user.
    Match {
        kept: usize,
        length: usize,
        pattern: usize,
        tail: Option<pattern::Tail>,
    },
    /// An exact value.
    Value { length: usize },
}

impl Verdict {
    fn maybe(kept: usize, ends: bool) -> Verdict {
        if ends {
            Verdict::No
        } else {
            Verdict::Maybe { kept }
        }
    }
}

/// Whether a pattern can be used; the message says why not.
///
/// # Errors
/// What is wrong with it, for a person.
pub fn check(pattern: &RedactPattern) -> Result<(), String> {
    pattern::parse(pattern).map(drop)
}

impl Rules {
    /// Compiles what the policy asks for. `values` count only when the preset [`VALUES`] is chosen.
    ///
    /// # Errors
    /// Names the first pattern that cannot be used: redaction is never silently off.
    pub fn compile(redact: &Redact, values: Values) -> Result<Rules, Error> {
        let patterns = Patterns::compile(&redact.patterns).map_err(|(at, why)| Error {
            origin: redact.patterns[at].origin.clone(),
            why,
        })?;
        let chosen = |name: &str| redact.presets.iter().position(|(known, _)| known == name);
        let presets: Vec<_> = PRESETS
            .iter()
            .filter_map(|preset| Some((preset, chosen(preset.name)?)))
            .collect();
        let values_line = chosen(VALUES);
        let values = values_line.map_or_else(Values::default, |_| values);
        let origins = redact.presets.iter().map(|(_, origin)| origin.clone());
        let of_patterns = redact.patterns.iter().map(|p| p.origin.clone());
        let spelled = presets.iter().flat_map(|(preset, _)| spellings(preset));
        let literals: Vec<_> = spelled.chain(values.needles()).collect();
        let mut leads = Box::new([false; 256]);
        for literal in &literals {
            leads[usize::from(literal[0])] = true;
        }
        Ok(Rules {
            places: Places::find(literals, &leads, patterns.as_ref()),
            leads,
            origins: origins.chain(of_patterns).collect(),
            first_pattern: redact.presets.len(),
            values_line: values_line.unwrap_or_default(),
            presets,
            patterns,
            values,
        })
    }

    /// Every preset, for short texts: nothing is prepared that makes long ones fast.
    #[must_use]
    pub fn of_presets() -> Rules {
        let presets: Vec<_> = PRESETS.iter().map(|preset| (preset, 0)).collect();
        let mut leads = Box::new([false; 256]);
        for literal in presets.iter().flat_map(|(preset, _)| spellings(preset)) {
            leads[usize::from(literal[0])] = true;
        }
        Rules {
            places: Places::Bytes(leads.clone()),
            leads,
            origins: vec![Origin::without_file(Layer::Core, "presets")],
            first_pattern: 1,
            values_line: 0,
            presets,
            patterns: None,
            values: Values::default(),
        }
    }

    /// The rules by which hits are counted, in the order of [`Stream::hits`].
    #[must_use]
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }
}

impl Places {
    fn find(
        mut literals: Vec<Vec<u8>>,
        leads: &[bool; 256],
        patterns: Option<&Patterns>,
    ) -> Places {
        let needles = patterns.map_or(Some(&[][..]), |patterns| patterns.needles.as_deref());
        if let Some(needles) = needles {
            literals.extend_from_slice(needles);
            let longest = literals.iter().map(Vec::len).max().unwrap_or_default();
            let built = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostFirst)
                .build(literals);
            // Fails only for more literals than fit into 32 bits.
            if let Ok(found) = built {
                return Places::Literals(found, longest);
            }
        }
        let mut first = Box::new(*leads);
        for (byte, starts) in patterns.iter().flat_map(|p| p.first.iter().enumerate()) {
            first[byte] |= starts;
        }
        Places::Bytes(first)
    }
}

/// The literals by which a preset is found. Where case matters not, the first three letters in
/// every spelling are enough.
fn spellings(preset: &Preset) -> Vec<Vec<u8>> {
    if !preset.ignore_case {
        return vec![preset.lead.to_vec()];
    }
    let case = |letter: u8, upper: bool| {
        if upper {
            letter.to_ascii_uppercase()
        } else {
            letter.to_ascii_lowercase()
        }
    };
    let letters = preset.lead[..3].iter().copied();
    (0..8)
        .map(|bits: u8| {
            let numbered = letters.clone().enumerate();
            numbered
                .map(|(at, letter)| case(letter, bits >> at & 1 == 1))
                .collect()
        })
        .collect()
}
