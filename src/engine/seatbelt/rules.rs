//! Rules on paths as filters of the profile language. Pure.
//!
//! In a profile the last rule that fits decides; in a policy a re-allow cancels some denials and not
//! others, and a bare name only those that are not above it. So no re-allow becomes an `allow`: each
//! denial says itself what is taken out of it.

use std::collections::BTreeMap;
use std::path::Path;

use super::expression::{self, Says};
use super::text::Filter;
use crate::policy::PathRules;
use crate::policy::pattern::{Pattern, Piece};

/// What ends an expression that means a path and everything below it.
pub(super) const AND_BELOW: &str = "(/|$)";

/// Rules, and the paths of this host whose spelling is known.
pub(super) struct Rules<'a> {
    pub(super) rules: &'a PathRules,
    pub(super) known: Vec<&'a Path>,
    /// Whether a rule that says `dir/` is about files of that name too.
    pub(super) any_kind: bool,
}

impl Rules<'_> {
    /// What the rules deny: one filter for all denials that the same re-allows may cancel.
    pub(super) fn denied(&self) -> Vec<Filter> {
        let filter = |(cancelling, denying): (Vec<usize>, Vec<usize>)| {
            let denied = denying.iter().map(|deny| self.about(*deny)).collect();
            let cancelled = self.cancelled(&cancelling, &denying);
            Some(Filter::any(denied)?.without(cancelled))
        };
        self.groups().into_iter().filter_map(filter).collect()
    }

    /// Directories that must stay where they are, for a rule names what is in them by its path: those
    /// below one of `writable`.
    pub(super) fn pinned(&self, writable: &[&Path]) -> Vec<Filter> {
        let filter = |(cancelling, denying): (Vec<usize>, Vec<usize>)| {
            let denying = denying.iter();
            let mut pins: Vec<_> = denying
                .flat_map(|deny| self.above(*deny, writable))
                .collect();
            let mut seen = Vec::new();
            pins.retain(|pin| {
                let new = !seen.contains(pin);
                seen.push(pin.clone());
                new
            });
            // Who speaks about a directory speaks about all of it.
            let open = cancelling.iter().filter_map(|allow| self.opened(*allow));
            Some(Filter::any(pins)?.without(open))
        };
        self.groups().into_iter().filter_map(filter).collect()
    }

    fn pattern(&self, index: usize) -> &Pattern {
        &self.rules.rules()[index].pattern
    }

    /// Denials by what may cancel them.
    fn groups(&self) -> BTreeMap<Vec<usize>, Vec<usize>> {
        let mut groups: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for (deny, mut by) in self.rules.denials() {
            let denied = &self.pattern(deny).prefix;
            by.retain(|allow| {
                let allowed = &self.pattern(*allow).prefix;
                denied.starts_with(allowed) || allowed.starts_with(denied)
            });
            groups.entry(by).or_default().push(deny);
        }
        groups
    }

    fn body(&self, pattern: &Pattern, says: Says) -> Option<String> {
        expression::of_pattern(pattern, &self.known, says)
    }

    /// What a denial is about.
    fn about(&self, deny: usize) -> Filter {
        let pattern = self.pattern(deny);
        let body = self.denial(pattern);
        kinds(
            &body,
            pattern.dir_only && !pattern.is_fixed() && !self.any_kind,
        )
    }

    fn denial(&self, pattern: &Pattern) -> String {
        // Everything can be said with some width.
        self.body(pattern, Says::AtLeast).unwrap_or_default()
    }

    /// What a re-allow is about; none when it cannot be said, and then it opens nothing.
    fn opened(&self, allow: usize) -> Option<Filter> {
        let pattern = self.pattern(allow);
        if pattern.is_fixed() {
            return Filter::subpath(&pattern.prefix).ok();
        }
        let body = self.body(pattern, Says::AtMost)?;
        Some(kinds(&body, pattern.dir_only))
    }

    /// What the re-allows take out of these denials.
    fn cancelled(&self, cancelling: &[usize], denying: &[usize]) -> Vec<Filter> {
        let below = |rest: &str| {
            let denied = denying.iter().map(|deny| self.denial(self.pattern(*deny)));
            let below = denied.map(|body| Filter::Regex(format!("{body}/{rest}")));
            Filter::any(below.collect())
        };
        let mut filters = Vec::new();
        let mut names: BTreeMap<&Path, Vec<usize>> = BTreeMap::new();
        for allow in cancelling {
            let pattern = self.pattern(*allow);
            if bare(pattern).is_some() {
                names.entry(&pattern.prefix).or_default().push(*allow);
            } else if let Some(open) = self.opened(*allow) {
                // A name of several parts reaches no further than a bare one.
                let kept = below("").filter(|_| pattern.floating);
                filters.push(open.without(kept));
            }
        }
        for allows in names.values() {
            let open = allows.iter().filter_map(|allow| self.opened(*allow));
            let Some(open) = Filter::any(open.collect()) else {
                continue;
            };
            // A bare name does not reach into what is denied as a whole.
            let names: Vec<_> = allows
                .iter()
                .filter_map(|allow| bare(self.pattern(*allow)))
                .filter_map(|piece| {
                    expression::of_pieces(std::slice::from_ref(piece), Says::AtLeast)
                })
                .collect();
            let inside = format!("(.*/)?({}){AND_BELOW}", names.join("|"));
            filters.push(open.without(below(&inside)));
        }
        filters
    }

    /// The directories on the way to what a denial names.
    fn above(&self, deny: usize, writable: &[&Path]) -> Vec<Filter> {
        let pattern = self.pattern(deny);
        let mut pins = Vec::new();
        let inside = |path: &Path| {
            let below = |tree: &&Path| path.starts_with(tree) && path != *tree;
            writable.iter().any(below)
        };
        let fixed = pattern.is_fixed();
        let way = pattern.prefix.ancestors().skip(usize::from(fixed));
        for path in way.filter(|path| inside(path)) {
            let body = expression::of_path(path, &self.known, Says::AtLeast);
            pins.extend(body.map(|body| Filter::Regex(body + "$")));
        }
        let reaches =
            |tree: &&Path| pattern.prefix.starts_with(tree) || tree.starts_with(&pattern.prefix);
        if !writable.iter().any(reaches) {
            return pins;
        }
        for upto in 1..pattern.rest.len() {
            let way = &pattern.rest[..upto];
            let part = |pieces: &[Piece]| Pattern {
                rest: pieces.to_vec(),
                ..pattern.clone()
            };
            match way {
                // Whatever moves in a tree that is writable as a whole stays below the base.
                [Piece::Deep] if !inside(&pattern.prefix) => {}
                [way @ .., Piece::Deep] => pins.push(Filter::All(vec![
                    Filter::Regex(self.denial(&part(way)) + "/"),
                    Filter::DIRECTORY,
                ])),
                _ => pins.push(Filter::Regex(self.denial(&part(way)) + "$")),
            }
        }
        pins
    }
}

/// A path and all below it; where only directories are meant, a file of that name is left out.
fn kinds(body: &str, directories: bool) -> Filter {
    if !directories {
        return Filter::Regex(format!("{body}{AND_BELOW}"));
    }
    let itself = vec![Filter::Regex(format!("{body}$")), Filter::DIRECTORY];
    Filter::Any(vec![Filter::Regex(format!("{body}/")), Filter::All(itself)])
}

/// The name of a pattern that is a bare one.
fn bare(pattern: &Pattern) -> Option<&Piece> {
    match pattern.rest.as_slice() {
        [Piece::Deep, name @ Piece::One(_)] if pattern.floating => Some(name),
        _ => None,
    }
}
