//! Rules on paths: what is hidden, what is protected from writing.
//!
//! A rule speaks about what it matches and about everything below. Among the rules of one file the
//! last that speaks about a path decides, as in gitignore. Across files a re-allow cancels the
//! denials of earlier layers, unless the earlier layer is pinned or the re-allowing file is an
//! untrusted project file (then it cancels only its own). A bare re-allowed name (`!*.md`) does not
//! reach into a directory that is denied as a whole; a re-allowed path (`!~/.ssh/known_hosts`) does.

use std::ffi::OsStr;
use std::hash::{Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::names::Names;
use super::origin::Origin;
use super::pattern::{Pattern, normal};

/// One rule, as the merge hands it in.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What it names.
    pub pattern: Pattern,
    /// Whether it re-allows instead of denying.
    pub allows: bool,
    /// Which file (or built-in list) it stands in: rules of one group override each other in order.
    pub group: u16,
    /// Whether it may cancel rules of earlier groups.
    pub overrules: bool,
    /// Where it was written.
    pub origin: Origin,
}

/// Takes thousands of little pieces, to be hashed as one: that is five times as fast.
#[derive(Default)]
struct AtOnce(Vec<u8>);

impl Hasher for AtOnce {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Lengths and kinds, which are small and many.
    fn write_usize(&mut self, number: usize) {
        let mut rest = number;
        while rest > 0x7f {
            self.0.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.0.push(rest as u8);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_usize(number as usize);
    }

    fn finish(&self) -> u64 {
        0
    }
}

/// A compiled list of rules.
#[derive(Debug, Clone, Default)]
pub struct PathRules {
    rules: Vec<Rule>,
    names: Names,
}

/// What rules say about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// This rule denies it.
    Denied(&'a Origin),
    /// A rule denies it, and this one cancels that.
    Reallowed(&'a Origin),
    /// No rule denies it.
    Silent,
}

/// A rule that speaks about a path, and at which depth it matched.
#[derive(Debug, Clone, Copy)]
struct Speaker {
    index: u32,
    depth: u32,
}

impl PathRules {
    /// Compiles rules, which must come in order of their groups.
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> PathRules {
        let names = Names::of(rules.iter().map(|rule| &rule.pattern));
        PathRules { rules, names }
    }

    /// Every rule in order of strength.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What the rules say about this absolute path, with the rule that decides.
    #[must_use]
    pub fn verdict(&self, path: &Path, is_dir: bool) -> Verdict<'_> {
        let speakers = self.speakers(path, is_dir);
        let rule = |speaker: &Speaker| &self.rules[speaker.index as usize];
        if let Some(denial) = self.standing(&speakers) {
            return Verdict::Denied(&rule(&denial).origin);
        }
        let cancelled = speakers.iter().any(|speaker| !rule(speaker).allows);
        let allows = speakers
            .iter()
            .filter(|speaker| cancelled && rule(speaker).allows);
        match allows.max_by_key(|speaker| speaker.index) {
            Some(speaker) => Verdict::Reallowed(&rule(speaker).origin),
            None => Verdict::Silent,
        }
    }

    /// Which rule denies this absolute path, if any. A path below a denied directory is denied.
    #[must_use]
    pub fn judge(&self, path: &Path, is_dir: bool) -> Option<&Origin> {
        match self.verdict(path, is_dir) {
            Verdict::Denied(by) => Some(by),
            Verdict::Reallowed(_) | Verdict::Silent => None,
        }
    }

    /// The same for an entry of a directory that is itself not denied: most names are settled by
    /// one look-up, without building the path.
    #[must_use]
    pub fn judge_name(&self, parent: &Path, name: &OsStr, is_dir: bool) -> Option<&Origin> {
        let (denied, _) = self.mentions(name.as_bytes());
        if !denied {
            return None;
        }
        self.judge(&parent.join(name), is_dir)
    }

    /// Whether no rule with wildcards can deny anything in this directory, so that a walk need not
    /// go in.
    #[must_use]
    pub fn spares(&self, dir: &Path) -> bool {
        let speakers = self.speakers(dir, true);
        let allows = |deny: &Rule, index: u32| {
            speakers.iter().any(|speaker| {
                let allow = &self.rules[speaker.index as usize];
                // Whatever is denied down there is deeper than the directory, so even a bare name
                // reaches it.
                allow.allows && may_cancel(allow, speaker.index, deny, index)
            })
        };
        let mut denials = (0..).zip(&self.rules).filter(|(_, rule)| {
            !rule.allows && !rule.pattern.is_fixed() && rule.pattern.reaches_below(dir)
        });
        denials.all(|(index, deny)| allows(deny, index))
    }

    /// Whether some rule may deny, and some may re-allow, an entry of this name somewhere.
    #[must_use]
    pub fn mentions(&self, name: &[u8]) -> (bool, bool) {
        let (mut denied, mut allowed) = (false, false);
        self.names.candidates(name, |index| {
            let allows = self.rules[index as usize].allows;
            denied |= !allows;
            allowed |= allows;
        });
        (denied, allowed)
    }

    /// What the rules decide by, so that equal fingerprints mean equal decisions.
    pub fn fingerprint(&self, hasher: &mut impl Hasher) {
        let mut all = AtOnce::default();
        for rule in &self.rules {
            let Pattern {
                negated,
                prefix,
                rest,
                dir_only,
                floating,
            } = &rule.pattern;
            // A path would be hashed name by name.
            let pattern = (negated, prefix.as_os_str(), rest, dir_only, floating);
            let pinned = rule.origin.layer.is_pinned();
            (pattern, rule.allows, rule.group, rule.overrules, pinned).hash(&mut all);
        }
        all.0.hash(hasher);
    }

    /// Every rule that has a say about this path, strongest last, with whether it allows.
    #[must_use]
    pub fn explain(&self, path: &Path, is_dir: bool) -> Vec<(&Origin, bool)> {
        let mut speakers = self.speakers(path, is_dir);
        speakers.sort_by_key(|speaker| speaker.index);
        let rules = speakers
            .iter()
            .map(|speaker| &self.rules[speaker.index as usize]);
        rules.map(|rule| (&rule.origin, rule.allows)).collect()
    }

    /// Every denial with the re-allows that may cancel it, both by their place among [`Self::rules`].
    /// Whether one does is a matter of depth where it is a bare name, as for [`Self::verdict`].
    pub fn denials(&self) -> impl Iterator<Item = (usize, Vec<usize>)> {
        let rules = || (0..).zip(&self.rules);
        let denials = rules().filter(|(_, rule)| !rule.allows);
        denials.map(move |(index, deny)| {
            let cancels =
                |(by, allow): &(u32, &Rule)| allow.allows && may_cancel(allow, *by, deny, index);
            let by = rules().filter(cancels).map(|(by, _)| by as usize);
            (index as usize, by.collect())
        })
    }

    /// Every path that some denying rule names without wildcards, re-allowed or not.
    pub fn fixed_paths(&self) -> impl Iterator<Item = &Path> {
        let denials = self.rules.iter().filter(|rule| !rule.allows);
        denials
            .filter(|rule| rule.pattern.is_fixed())
            .map(|rule| rule.pattern.prefix.as_path())
    }

    /// Denied paths that are named without wildcards: no walk is needed to find them.
    pub fn fixed(&self) -> impl Iterator<Item = (&Path, &Origin)> {
        self.rules
            .iter()
            .filter(|rule| !rule.allows && rule.pattern.is_fixed())
            .filter_map(|rule| {
                let path = rule.pattern.prefix.as_path();
                self.judge(path, true).map(|origin| (path, origin))
            })
    }

    /// Paths that are named without wildcards and stay open inside a denied directory.
    pub fn reopened(&self) -> impl Iterator<Item = (&Path, &Origin)> {
        self.rules
            .iter()
            .filter(|rule| rule.allows && rule.pattern.is_fixed())
            .filter_map(|rule| {
                let path = rule.pattern.prefix.as_path();
                let above = path.parent().and_then(|parent| self.judge(parent, true));
                (above.is_some() && self.judge(path, true).is_none())
                    .then_some((path, &rule.origin))
            })
    }

    /// What the floating rules without wildcards deny directly in this directory, present or not:
    /// `dir/.git/hooks` for `**/.git/hooks/`.
    pub fn at(&self, dir: &Path) -> impl Iterator<Item = (PathBuf, &Origin)> {
        let denials = self
            .rules
            .iter()
            .filter(|rule| !rule.allows && rule.pattern.floating);
        denials.filter_map(move |rule| {
            let path = dir.join(rule.pattern.below()?);
            let is_dir = rule.pattern.dir_only;
            self.judge(&path, is_dir).map(|origin| (path, origin))
        })
    }

    /// The denying rules with wildcards: the directory to look through, and the rule.
    pub fn wildcards(&self) -> impl Iterator<Item = (&Path, &Rule)> {
        let open = self
            .rules
            .iter()
            .filter(|rule| !rule.allows && !rule.pattern.is_fixed());
        open.map(|rule| (rule.pattern.prefix.as_path(), rule))
    }

    fn speakers(&self, path: &Path, is_dir: bool) -> Vec<Speaker> {
        let path = normal(path);
        let mut speakers: Vec<Speaker> = Vec::new();
        if !path.starts_with(b"/") {
            return speakers;
        }
        let mut ask = |upto: &[u8], name: &[u8], dir: bool, depth: u32| {
            self.names.candidates(name, |index| {
                let known = speakers.iter().any(|speaker| speaker.index == index);
                if !known && self.rules[index as usize].pattern.matches(upto, dir) {
                    speakers.push(Speaker { index, depth });
                }
            });
        };
        ask(b"/", b"", true, 0);
        let mut start = 1;
        for depth in 1.. {
            let slash = path[start..].iter().position(|byte| *byte == b'/');
            let end = slash.map_or(path.len(), |slash| start + slash);
            if end > start {
                ask(
                    &path[..end],
                    &path[start..end],
                    is_dir || slash.is_some(),
                    depth,
                );
            }
            if slash.is_none() {
                break;
            }
            start = end + 1;
        }
        speakers
    }

    /// The strongest denial that no re-allow cancels.
    fn standing(&self, speakers: &[Speaker]) -> Option<Speaker> {
        let rule = |speaker: &Speaker| &self.rules[speaker.index as usize];
        let denials = speakers.iter().filter(|speaker| !rule(speaker).allows);
        let standing = denials.filter(|denial| {
            !speakers.iter().any(|speaker| {
                rule(speaker).allows && cancels(rule(speaker), *speaker, rule(denial), **denial)
            })
        });
        standing.copied().min_by_key(|denial| {
            let pinned = rule(denial).origin.layer.is_pinned();
            (!pinned, denial.depth, std::cmp::Reverse(denial.index))
        })
    }
}

fn cancels(allow: &Rule, by: Speaker, deny: &Rule, denial: Speaker) -> bool {
    may_cancel(allow, by.index, deny, denial.index)
        && (!allow.pattern.floating || by.depth <= denial.depth)
}

/// Whether the place of the re-allow lets it cancel the denial at all.
fn may_cancel(allow: &Rule, by: u32, deny: &Rule, denial: u32) -> bool {
    if allow.group == deny.group {
        by > denial
    } else {
        allow.overrules && allow.group > deny.group && !deny.origin.layer.is_pinned()
    }
}
