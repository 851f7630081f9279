//! The user's own patterns: regular expressions, made safe for a stream and compiled into one
//! automaton that goes from byte to byte.
//!
//! A wildcard such as `\S` or `.` would run over the quote that ends a JSON string, and the rest of
//! the message would be lost with the secret. So before a pattern is compiled, its classes lose what
//! delimits values and what ends a line; a delimiter that is written out is matched and kept.

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Hir, HirKind, Repetition};

use super::Verdict;
use super::bytes::{ALNUM, STRUCTURE};
use crate::policy::RedactPattern;

/// A match that is still undecided after so many bytes is none.
pub(super) const LONGEST: usize = 4096;
/// No pattern that a person writes needs a larger automaton.
const LARGEST: usize = 16 << 20;
/// Literals are cut to this length: more does not find places any faster.
const NEEDLE: usize = 6;

/// The user's patterns, compiled.
pub(super) struct Patterns {
    dfa: dense::DFA<Vec<u32>>,
    /// How many characters of a match stay, by pattern.
    shown: Vec<usize>,
    /// Literals of which one starts every match; none when a match can start anyhow.
    pub(super) needles: Option<Vec<Vec<u8>>>,
    /// Which bytes can start a match.
    pub(super) first: [bool; 256],
}

/// Parses one pattern. The message says what is wrong with it.
pub(super) fn parse(pattern: &RedactPattern) -> Result<Hir, String> {
    let parsed = ParserBuilder::new()
        .utf8(false)
        .unicode(false)
        .multi_line(true)
        .case_insensitive(pattern.case_insensitive)
        .build()
        .parse(&pattern.regex);
    let hir = parsed.map_err(|error| match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        other => other.to_string(),
    })?;
    let hir = narrow(hir);
    match hir.properties().minimum_len() {
        Some(0) => Err("it matches the empty text".to_owned()),
        None => Err("it matches nothing".to_owned()),
        Some(_) => Ok(hir),
    }
}

/// Takes delimiters and line ends out of the classes.
fn narrow(hir: Hir) -> Hir {
    match hir.into_kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Look(look) => Hir::look(look),
        HirKind::Class(class) => Hir::class(narrow_class(&class).0),
        HirKind::Repetition(repetition) => narrow_repetition(repetition),
        HirKind::Capture(capture) => narrow(*capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.into_iter().map(narrow).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.into_iter().map(narrow).collect()),
    }
}

/// A value that is repeated characters may be quoted: `password=\S+` also means `password="..."`.
fn narrow_repetition(repetition: Repetition) -> Hir {
    let quotable = match repetition.sub.kind() {
        HirKind::Class(class) => narrow_class(class).1,
        _ => false,
    };
    let repeated = Hir::repetition(Repetition {
        sub: Box::new(narrow(*repetition.sub)),
        ..repetition
    });
    if !quotable {
        return repeated;
    }
    let maybe = |bytes: &[u8], max| {
        let ranges = bytes.iter().map(|byte| ClassBytesRange::new(*byte, *byte));
        Hir::repetition(Repetition {
            min: 0,
            max: Some(max),
            greedy: true,
            sub: Box::new(Hir::class(Class::Bytes(ClassBytes::new(ranges)))),
        })
    };
    Hir::concat(vec![maybe(b"\\", 3), maybe(b"\"'`", 1), repeated])
}

/// The class without delimiters when it means values, and without line ends in any case; whether
/// delimiters were taken out.
fn narrow_class(class: &Class) -> (Class, bool) {
    let mut has = [false; 256];
    match class {
        Class::Bytes(class) => {
            for range in class.ranges() {
                has[usize::from(range.start())..=usize::from(range.end())].fill(true);
            }
        }
        Class::Unicode(class) => {
            for range in class.ranges() {
                let ascii = range.start() as usize..=(range.end() as usize).min(0x7f);
                has.get_mut(ascii)
                    .into_iter()
                    .for_each(|has| has.fill(true));
            }
        }
    }
    let holds =
        |set: &super::bytes::Set| (0..=255).any(|byte: u8| has[usize::from(byte)] && set.has(byte));
    let narrowed = holds(&ALNUM) && holds(&STRUCTURE);
    let stays = |byte: &u8| {
        has[usize::from(*byte)]
            && !matches!(byte, b'\n' | b'\r' | 0x1b)
            && !(narrowed && STRUCTURE.has(*byte))
    };
    let ranges = (0..=255)
        .filter(stays)
        .map(|byte| ClassBytesRange::new(byte, byte));
    (Class::Bytes(ClassBytes::new(ranges)), narrowed)
}

/// Why the patterns could not be compiled: the index of the one to blame, and the reason.
pub(super) type Refusal = (usize, String);

impl Patterns {
    pub(super) fn compile(patterns: &[RedactPattern]) -> Result<Option<Patterns>, Refusal> {
        if patterns.is_empty() {
            return Ok(None);
        }
        let hirs = patterns
            .iter()
            .enumerate()
            .map(|(at, pattern)| parse(pattern).map_err(|why| (at, why)))
            .collect::<Result<Vec<_>, _>>()?;
        let dfa = match automaton(&hirs) {
            Ok(dfa) => dfa,
            Err(why) => return Err((to_blame(&hirs), why)),
        };
        let shown = patterns
            .iter()
            .map(|pattern| pattern.show_prefix as usize)
            .collect();
        let mut compiled = Patterns {
            first: [false; 256],
            needles: needles(&hirs),
            dfa,
            shown,
        };
        compiled.first = compiled.first_bytes();
        Ok(Some(compiled))
    }

    fn start(&self, before: Option<u8>) -> Option<StateID> {
        let config = start::Config::new()
            .anchored(Anchored::Yes)
            .look_behind(before);
        // Fails for bytes that end a search, and there are none.
        self.dfa.start_state(&config).ok()
    }

    fn first_bytes(&self) -> [bool; 256] {
        let mut first = [false; 256];
        for before in [None, Some(b'a'), Some(b' '), Some(b'\n'), Some(b'\r')] {
            for byte in 0..=255 {
                let next = self.start(before).map(|at| self.dfa.next_state(at, byte));
                first[usize::from(byte)] |= next.is_some_and(|at| !self.dfa.is_dead_state(at));
            }
        }
        first
    }

    /// Whether the text at `run` is a match. Goes on where the last call for this run stopped.
    pub(super) fn judge(&self, run: &mut Run, text: &[u8], ends: bool) -> Verdict {
        for byte in &text[run.length()..] {
            let state = self.dfa.next_state(run.state(), *byte);
            self.accept(run, state, run.length());
            if self.dfa.is_dead_state(state) || self.dfa.is_quit_state(state) || run.is_known(state)
            {
                return self.decided(run, text);
            }
            run.states.push(state);
            if run.length() >= LONGEST {
                return self.decided(run, text);
            }
        }
        if !ends {
            // A match that cannot go on is over, though the automaton needs one more byte to say so.
            let is_over = run.accepted.is_some() && self.leads_nowhere(run.state());
            return if is_over {
                self.decided(run, text)
            } else {
                Verdict::Maybe { kept: 0 }
            };
        }
        let state = self.dfa.next_eoi_state(run.state());
        self.accept(run, state, run.length());
        self.decided(run, text)
    }

    /// Whether a match may start with `text`, behind the byte `before`.
    pub(super) fn may_start(&self, before: Option<u8>, text: &[u8]) -> bool {
        let Some(mut state) = self.start(before) else {
            return false;
        };
        for byte in text {
            state = self.dfa.next_state(state, *byte);
            if self.dfa.is_dead_state(state) || self.dfa.is_match_state(state) {
                break;
            }
        }
        !self.dfa.is_dead_state(state)
    }

    fn leads_nowhere(&self, state: StateID) -> bool {
        (0..=255).all(|byte| self.dfa.is_dead_state(self.dfa.next_state(state, byte)))
    }

    /// An automaton tells of a match one byte after it.
    fn accept(&self, run: &mut Run, state: StateID, length: usize) {
        if self.dfa.is_match_state(state) {
            run.accepted = Some((length, self.dfa.match_pattern(state, 0).as_usize()));
        }
    }

    fn decided(&self, run: &Run, text: &[u8]) -> Verdict {
        let Some((length, pattern)) = run.accepted else {
            return Verdict::No;
        };
        Verdict::Match {
            kept: prefix(&text[..length], self.shown[pattern]),
            length,
            pattern,
            // Cut at the limit, it may go on.
            tail: (run.length() >= LONGEST).then(|| Tail {
                state: run.state(),
                stepped: run.length() - length,
            }),
        }
    }

    /// How many bytes at the start of `text` still belong to a match that was longer than the limit,
    /// and whether it ends there.
    pub(super) fn swallow(&self, tail: &mut Tail, text: &[u8], ends: bool) -> (usize, bool) {
        let mut accepted = 0;
        for (at, byte) in text.iter().enumerate().skip(tail.stepped) {
            let state = self.dfa.next_state(tail.state, *byte);
            if self.dfa.is_match_state(state) {
                accepted = at;
            }
            if self.dfa.is_dead_state(state) || at - accepted >= LONGEST {
                return (accepted, true);
            }
            tail.state = state;
        }
        if ends && self.dfa.is_match_state(self.dfa.next_eoi_state(tail.state)) {
            accepted = text.len();
        }
        tail.stepped = text.len() - accepted;
        (accepted, ends)
    }
}

/// The rest of a match that is longer than the limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tail {
    state: StateID,
    /// How many bytes of the undecided text the automaton has seen already.
    stepped: usize,
}

/// How far the automaton came from one place of the stream.
pub(super) struct Run {
    /// The place, counted from the start of the stream.
    base: u64,
    /// The states after each byte; the first is the start.
    states: Vec<StateID>,
    accepted: Option<(usize, usize)>,
    /// Places and states of an earlier run that came to nothing.
    failed: Vec<StateID>,
    failed_base: u64,
}

impl Run {
    pub(super) fn new() -> Run {
        Run {
            base: 0,
            states: Vec::new(),
            accepted: None,
            failed: Vec::new(),
            failed_base: 0,
        }
    }

    /// Whether this run started at `base`.
    pub(super) fn is_at(&self, base: u64) -> bool {
        self.base == base && !self.states.is_empty()
    }

    /// Starts at `base`, behind the byte `before`. What the last run has shown to fail is not tried
    /// again: two runs that are in the same state at the same place end the same way. So a text in
    /// which a match could start at many places is not read again from each of them.
    pub(super) fn restart(&mut self, patterns: &Patterns, base: u64, before: Option<u8>) -> bool {
        let end = |base: u64, states: &Vec<StateID>| base + states.len() as u64;
        let reaches_further = end(self.base, &self.states) > end(self.failed_base, &self.failed);
        if self.accepted.is_none() && reaches_further {
            std::mem::swap(&mut self.states, &mut self.failed);
            self.failed_base = self.base;
        }
        self.states.clear();
        self.accepted = None;
        self.base = base;
        self.states.extend(patterns.start(before));
        !self.states.is_empty()
    }

    fn length(&self) -> usize {
        self.states.len() - 1
    }

    fn state(&self) -> StateID {
        self.states[self.length()]
    }

    /// Whether an earlier run was in `state` at the next place and came to nothing.
    fn is_known(&self, state: StateID) -> bool {
        let place = self.base + self.states.len() as u64;
        let index = place.checked_sub(self.failed_base);
        let known = index.and_then(|index| self.failed.get(index as usize));
        self.accepted.is_none() && known == Some(&state)
    }
}

/// The length in bytes of the first `characters` characters.
fn prefix(text: &[u8], characters: usize) -> usize {
    let starts = |byte: &u8| byte & 0xc0 != 0x80;
    let mut places = text.iter().enumerate().filter(|(_, byte)| starts(byte));
    places.nth(characters).map_or(text.len(), |(at, _)| at)
}

fn automaton(hirs: &[Hir]) -> Result<dense::DFA<Vec<u32>>, String> {
    let config = thompson::Config::new()
        .utf8(false)
        .which_captures(thompson::WhichCaptures::None)
        .nfa_size_limit(Some(LARGEST));
    let nfa = thompson::Compiler::new()
        .configure(config)
        .build_many_from_hir(hirs)
        .map_err(|error| error.to_string())?;
    let config = dense::Config::new()
        .start_kind(StartKind::Anchored)
        .match_kind(MatchKind::LeftmostFirst)
        .dfa_size_limit(Some(LARGEST))
        .determinize_size_limit(Some(LARGEST));
    dense::Builder::new()
        .configure(config)
        .build_from_nfa(&nfa)
        .map_err(|_| "it is too large; use smaller repetition counts".to_owned())
}

/// The pattern that is too large by itself; the last one when only all together are.
fn to_blame(hirs: &[Hir]) -> usize {
    hirs.iter()
        .position(|hir| automaton(std::slice::from_ref(hir)).is_err())
        .unwrap_or(hirs.len() - 1)
}

fn needles(hirs: &[Hir]) -> Option<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    for hir in hirs {
        let mut literals = Extractor::new().extract(hir);
        literals.keep_first_bytes(NEEDLE);
        literals.minimize_by_preference();
        if literals.min_literal_len()? < 2 {
            return None;
        }
        found.extend(literals.literals()?.iter().map(|l| l.as_bytes().to_vec()));
    }
    Some(found)
}
