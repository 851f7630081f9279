//! One output under way.

use aho_corasick::Input;

use super::pattern::{self, Run};
use super::preset;
use super::render::Renderer;
use super::{MASK, Places, Rules, Verdict};

/// How many bytes before a place decide whether a word starts there.
const BEFORE: usize = 16;
/// How far a place is looked at before it is taken seriously.
const PROBE: usize = 8;
/// Less than this of a user's pattern gives no secret away.
const HARMLESS: usize = 8;
/// Less than this of an exact value gives it not away.
const HARMLESS_VALUE: usize = 4;

/// One output under way. Feed it with [`push`](Stream::push), end it with [`finish`](Stream::finish).
pub struct Stream<'r> {
    rules: &'r Rules,
    /// Bytes that may still belong to a secret; a secret may start at the first of them.
    held: Vec<u8>,
    /// How many of them have been written already.
    shown: usize,
    /// The last bytes before `held`.
    before: Vec<u8>,
    /// How many bytes stand before `held`.
    offset: u64,
    swallowing: Swallow,
    renderer: Renderer,
    run: Run,
    hits: Vec<u64>,
}

/// What happens to the next bytes.
#[derive(Clone, Copy)]
enum Swallow {
    Nothing,
    Preset(preset::Tail),
    Pattern(pattern::Tail),
}

/// A text that is worked on: what was held, and what came.
struct Work<'t> {
    text: &'t [u8],
    /// Up to here it has been decided.
    at: usize,
    /// Up to here it has been written, or replaced.
    written: usize,
    ends: bool,
}

impl Work<'_> {
    fn show(&mut self, to: usize, out: &mut Vec<u8>) {
        if to > self.written {
            out.extend_from_slice(&self.text[self.written..to]);
            self.written = to;
        }
    }

    fn rest(&self) -> &[u8] {
        &self.text[self.at..]
    }
}

/// What all rules together say about a place, and the line that a hit is counted under.
struct Judgement {
    verdict: Verdict,
    line: usize,
}

impl Judgement {
    const NONE: Judgement = Judgement {
        verdict: Verdict::No,
        line: 0,
    };

    /// Adds what the next rule says; whether that settles it.
    fn takes(&mut self, verdict: Verdict, line: usize) -> bool {
        let kept = match verdict {
            Verdict::No => return false,
            Verdict::Maybe { kept } | Verdict::Yes { kept, .. } | Verdict::Match { kept, .. } => {
                kept
            }
            Verdict::Value { .. } => 0,
        };
        match self.verdict {
            // An earlier rule may still match: only what both show is certain.
            Verdict::Maybe { kept: earlier } => {
                self.verdict = Verdict::Maybe {
                    kept: earlier.min(kept),
                };
            }
            _ => *self = Judgement { verdict, line },
        }
        !matches!(verdict, Verdict::Maybe { .. })
    }
}

impl<'r> Stream<'r> {
    /// A stream that has had no output yet.
    #[must_use]
    pub fn new(rules: &'r Rules) -> Stream<'r> {
        Stream {
            rules,
            held: Vec::new(),
            shown: 0,
            before: Vec::with_capacity(BEFORE),
            offset: 0,
            swallowing: Swallow::Nothing,
            renderer: Renderer::default(),
            run: Run::new(),
            hits: vec![0; rules.origins.len()],
        }
    }

    /// Takes more output and appends what may be shown to `out`.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        self.take(chunk, false, out);
    }

    /// The output is over.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.take(&[], true, out);
    }

    /// Whether bytes are held back.
    #[must_use]
    pub fn is_holding(&self) -> bool {
        self.held.len() > self.shown
    }

    /// The program waits, perhaps for a person who needs to see what it said: shows what is held as
    /// far as no secret can be in it, namely the text in front of a value (`Password: `). The match
    /// goes on; what follows is replaced as before.
    pub fn pause(&mut self, out: &mut Vec<u8>) {
        if !self.is_holding() || !matches!(self.swallowing, Swallow::Nothing) {
            return;
        }
        let text = std::mem::take(&mut self.held);
        let show = self.harmless(&text);
        if show > self.shown {
            out.extend_from_slice(&text[self.shown..show]);
            self.shown = show;
        }
        self.held = text;
    }

    fn harmless(&self, text: &[u8]) -> usize {
        let is_open = |verdict| !matches!(verdict, Verdict::No);
        let mut presets = self.rules.presets.iter();
        if presets.any(|(preset, _)| is_open(preset.judge(&self.before, text, false))) {
            return 0;
        }
        let of_value = is_open(self.rules.values.judge(text, false));
        match (text.len(), of_value) {
            (length, false) if length < HARMLESS => length,
            (length, true) if length < HARMLESS_VALUE => length,
            (_, true) => 0,
            (_, false) => {
                let separator =
                    |byte: &u8| matches!(byte, b' ' | b'\t' | b':' | b'=' | b'?' | b'>');
                text.iter().rposition(separator).map_or(0, |at| at + 1)
            }
        }
    }

    /// How often each of the rules' [`origins`](Rules::origins) replaced something.
    #[must_use]
    pub fn hits(&self) -> &[u64] {
        &self.hits
    }

    fn take(&mut self, chunk: &[u8], ends: bool, out: &mut Vec<u8>) {
        let mut held = std::mem::take(&mut self.held);
        let text = if held.is_empty() {
            chunk
        } else {
            held.extend_from_slice(chunk);
            &held
        };
        let mut work = Work {
            text,
            at: 0,
            written: self.shown,
            ends,
        };
        self.decide(&mut work, out);
        let (at, written) = (work.at, work.written);
        self.keep_before(text, at);
        self.offset += at as u64;
        self.shown = written.saturating_sub(at);
        if held.is_empty() {
            held.extend_from_slice(&chunk[at..]);
        } else {
            held.drain(..at);
        }
        self.held = held;
    }

    fn keep_before(&mut self, text: &[u8], at: usize) {
        let from = at.saturating_sub(BEFORE);
        let new = &text[from..at];
        let surplus = (self.before.len() + new.len()).saturating_sub(BEFORE);
        self.before.drain(..surplus.min(self.before.len()));
        self.before.extend_from_slice(new);
    }

    fn decide(&mut self, work: &mut Work<'_>, out: &mut Vec<u8>) {
        loop {
            if !self.swallow(work, out) {
                return;
            }
            let Some(place) = self.next_place(work) else {
                work.at = work.text.len();
                return work.show(work.at, out);
            };
            work.at = place;
            work.show(place, out);
            let Judgement { verdict, line } = self.judge(work);
            match verdict {
                Verdict::No => work.at += 1,
                Verdict::Maybe { kept } => return work.show(self.certain(work, kept), out),
                Verdict::Yes { .. } | Verdict::Match { .. } | Verdict::Value { .. } => {
                    self.hits[line] += 1;
                    self.replace(verdict, work, out);
                }
            }
        }
    }

    /// Passes over the rest of a secret; whether it is over.
    fn swallow(&mut self, work: &mut Work<'_>, out: &mut Vec<u8>) -> bool {
        let (length, done) = match &mut self.swallowing {
            Swallow::Nothing => return true,
            Swallow::Preset(tail) => tail.swallow(work.rest(), work.ends),
            Swallow::Pattern(tail) => match &self.rules.patterns {
                Some(patterns) => patterns.swallow(tail, work.rest(), work.ends),
                None => (0, true),
            },
        };
        if let Swallow::Pattern(_) = self.swallowing {
            self.renderer.feed(&work.rest()[..length], out);
        }
        work.at += length;
        work.written = work.written.max(work.at);
        if done {
            self.renderer.finish(out);
            self.swallowing = Swallow::Nothing;
        }
        done
    }

    /// The next place from which a secret may start.
    fn next_place(&self, work: &Work<'_>) -> Option<usize> {
        match &self.rules.places {
            Places::Bytes(first) => {
                let mut rest = work.rest().iter();
                let found = rest.position(|byte| first[usize::from(*byte)]);
                found.map(|at| work.at + at)
            }
            Places::Literals(literals, longest) => {
                let found = literals.find(Input::new(work.text).range(work.at..));
                let found = found.map(|found| found.start());
                if work.ends {
                    return found;
                }
                // A literal that the next read completes is not found yet.
                let end = work.text.len();
                let tail = end.saturating_sub(longest.saturating_sub(1)).max(work.at);
                let mut tail = tail..found.unwrap_or(end);
                tail.find(|place| self.may_start(work, *place)).or(found)
            }
        }
    }

    fn may_start(&self, work: &Work<'_>, place: usize) -> bool {
        let text = &work.text[place..];
        let first = |patterns: &pattern::Patterns| patterns.first[usize::from(text[0])];
        self.rules.patterns.as_ref().is_some_and(first)
            || self.rules.leads[usize::from(text[0])]
                && (!matches!(self.rules.values.judge(text, false), Verdict::No)
                    || self.rules.presets.iter().any(|(p, _)| p.may_start(text)))
    }

    /// Exact values come first, then presets, then the user's patterns; a later rule waits until the
    /// earlier ones are decided.
    fn judge(&mut self, work: &Work<'_>) -> Judgement {
        let mut judgement = Judgement::NONE;
        if !self.judge_literals(work.text, work.at, work.ends, &mut judgement) {
            let of_pattern = self.judge_patterns(work);
            let line = match of_pattern {
                Verdict::Match { pattern, .. } => self.rules.first_pattern + pattern,
                _ => 0,
            };
            judgement.takes(of_pattern, line);
        }
        judgement
    }

    /// What values and presets say about a place; whether that settles it.
    fn judge_literals(&self, text: &[u8], place: usize, ends: bool, all: &mut Judgement) -> bool {
        let rules = self.rules;
        let rest = &text[place..];
        if !rules.leads[usize::from(rest[0])] {
            return false;
        }
        if all.takes(rules.values.judge(rest, ends), rules.values_line) {
            return true;
        }
        let mut presets = rules.presets.iter();
        presets.any(|(preset, line)| {
            preset.may_start(rest)
                && all.takes(preset.judge(&self.before(text, place), rest, ends), *line)
        })
    }

    /// Up to where the text is shown whatever follows: the first `kept` bytes, unless another secret
    /// may start among them, which counts when the one that starts here comes to nothing.
    fn certain(&self, work: &Work<'_>, kept: usize) -> usize {
        let end = work.at + kept;
        (work.at + 1..end)
            .filter_map(|place| Some(place + self.kept_from(work, place)?))
            .min()
            .map_or(end, |limit| limit.min(end))
    }

    /// How much of the text at `place` is shown if a secret starts there; none if none can.
    fn kept_from(&self, work: &Work<'_>, place: usize) -> Option<usize> {
        let text = &work.text[place..];
        let mut judgement = Judgement::NONE;
        self.judge_literals(work.text, place, false, &mut judgement);
        let before = self.before(work.text, place).last().copied();
        let patterns = self.rules.patterns.as_ref();
        if patterns.is_some_and(|patterns| patterns.may_start(before, text)) {
            return Some(0);
        }
        match judgement.verdict {
            Verdict::No => None,
            Verdict::Maybe { kept } | Verdict::Yes { kept, .. } | Verdict::Match { kept, .. } => {
                Some(kept)
            }
            Verdict::Value { .. } => Some(0),
        }
    }

    fn judge_patterns(&mut self, work: &Work<'_>) -> Verdict {
        let Some(patterns) = &self.rules.patterns else {
            return Verdict::No;
        };
        if !patterns.first[usize::from(work.text[work.at])] {
            return Verdict::No;
        }
        let base = self.offset + work.at as u64;
        let before = match work.at {
            0 => self.before.last(),
            at => work.text.get(at - 1),
        };
        if !self.run.is_at(base) {
            // Most places come to nothing within a few bytes, which is found out without a record.
            let near = work.rest().len().min(PROBE);
            let before = before.copied();
            if !patterns.may_start(before, &work.rest()[..near])
                || !self.run.restart(patterns, base, before)
            {
                return Verdict::No;
            }
        }
        patterns.judge(&mut self.run, work.rest(), work.ends)
    }

    fn before(&self, text: &[u8], place: usize) -> Vec<u8> {
        let recent = &text[place.saturating_sub(BEFORE)..place];
        let earlier = BEFORE - recent.len();
        let from = self.before.len().saturating_sub(earlier);
        [&self.before[from..], recent].concat()
    }

    fn replace(&mut self, verdict: Verdict, work: &mut Work<'_>, out: &mut Vec<u8>) {
        match verdict {
            Verdict::No | Verdict::Maybe { .. } => {}
            Verdict::Yes { kept, length, tail } => {
                work.show(work.at + kept, out);
                out.extend_from_slice(MASK);
                self.swallowing = Swallow::Preset(tail);
                work.at += length;
            }
            Verdict::Match {
                kept, length, tail, ..
            } => {
                work.show(work.at + kept, out);
                self.render(work, length, tail.is_none(), out);
                self.swallowing = tail.map_or(Swallow::Nothing, Swallow::Pattern);
            }
            Verdict::Value { length } => self.render(work, length, true, out),
        }
        work.written = work.written.max(work.at);
    }

    fn render(&mut self, work: &mut Work<'_>, length: usize, is_all: bool, out: &mut Vec<u8>) {
        let end = work.at + length;
        self.renderer = Renderer::default();
        self.renderer
            .feed(&work.text[work.written.max(work.at).min(end)..end], out);
        if is_all {
            self.renderer.finish(out);
        }
        work.at = end;
    }
}
