//! The lists of paths: hidden, protected, writable, sockets.

use super::super::error::Error;
use super::super::key::Key;
use super::super::raw::Text;
use super::super::source::Source;
use super::{DEFAULTS, Merge, stands_for_defaults};
use crate::policy::Grant;
use crate::policy::paths::Rule;
use crate::policy::pattern::{Anchor, Pattern};

impl Merge<'_> {
    pub(super) fn paths(
        &mut self,
        group: u16,
        source: &Source,
        key: Key,
    ) -> Result<Vec<Rule>, Error> {
        let list = key.of(&source.raw);
        let mut rules = Vec::with_capacity(list.as_ref().map_or(0, Vec::len));
        for item in list.iter().flatten() {
            if stands_for_defaults(source, item, !key.allows())? {
                continue;
            }
            let pattern = self.pattern(source, item)?;
            if key.allows() && pattern.negated {
                let message = "`!` has no meaning here: the list itself re-allows".to_owned();
                return Err(source.wrong(item, message));
            }
            let origin = source.origin(item, &item.value);
            let allows = key.allows() || pattern.negated;
            if allows {
                self.note_refusal(source, item, key.name());
            }
            rules.push(Rule {
                pattern,
                allows,
                group,
                overrules: source.trusted,
                origin,
            });
        }
        Ok(rules)
    }

    pub(super) fn pattern(&self, source: &Source, item: &Text) -> Result<Pattern, Error> {
        let anchor = Anchor {
            base: &source.base,
            home: self.home,
        };
        Pattern::parse(&item.value, anchor).map_err(|e| source.wrong(item, e.to_string()))
    }

    /// `allow_write` re-allows what is protected, and opens what lies outside the project.
    pub(super) fn allow_write(&mut self, group: u16, source: &Source) -> Result<(), Error> {
        let rules = self.paths(group, source, Key::AllowWrite)?;
        for (rule, item) in rules.iter().zip(source.raw.allow_write.iter().flatten()) {
            let pattern = &rule.pattern;
            if pattern.is_fixed() {
                if source.trusted {
                    let path = pattern.prefix.clone();
                    self.writable.push(Grant {
                        path,
                        origin: rule.origin.clone(),
                    });
                }
            } else if !pattern.prefix.starts_with(&source.base) {
                let message = "outside the project, allow_write takes paths without wildcards";
                return Err(source.wrong(item, message.to_owned()));
            }
        }
        self.write.extend(rules);
        Ok(())
    }

    pub(super) fn copy_on_write(&mut self, source: &Source) -> Result<(), Error> {
        for item in source.raw.copy_on_write.iter().flatten() {
            if item.value == DEFAULTS {
                continue;
            }
            let pattern = self.pattern(source, item)?;
            if !pattern.is_fixed() || pattern.negated {
                let message = "a directory is named by its path: `/`, `~/` or `./`, no wildcard";
                return Err(source.wrong(item, message.to_owned()));
            }
            self.note_refusal(source, item, "copy_on_write");
            if source.trusted {
                self.copy_on_write.push(Grant {
                    path: pattern.prefix,
                    origin: source.origin(item, &item.value),
                });
            }
        }
        Ok(())
    }

    pub(super) fn unix_sockets(&mut self, source: &Source) -> Result<(), Error> {
        for item in source.raw.unix_sockets.iter().flatten() {
            let pattern = self.pattern(source, item)?;
            if !pattern.is_fixed() || pattern.negated {
                let message = "a socket is named by its path: `/`, `~/` or `./` and no wildcard";
                return Err(source.wrong(item, message.to_owned()));
            }
            self.note_refusal(source, item, "unix_sockets");
            if source.trusted {
                self.unix_sockets.push(Grant {
                    path: pattern.prefix,
                    origin: source.origin(item, &item.value),
                });
            }
        }
        Ok(())
    }
}
