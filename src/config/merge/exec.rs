//! The lists of programs.

use serde_saphyr::Spanned;

use super::super::error::Error;
use super::super::key::Key;
use super::super::raw::{self, Text};
use super::super::source::Source;
use super::{Merge, stands_for_defaults};
use crate::policy::Layer;
use crate::policy::exec::{ExecRule, Program};

impl Merge<'_> {
    /// A later layer decides, but never below the managed file, and an untrusted one only upwards.
    pub(super) fn allowlist(&mut self, source: &Source) {
        let Some(mode) = &source.raw.exec else {
            return;
        };
        let (present, pinned) = &mut self.allowlist;
        match mode.value {
            raw::Exec::Allowlist => {
                let is_managed = source.layer == Layer::Managed;
                if present.is_none() || (is_managed && !*pinned) {
                    *present = Some(source.origin(mode, "exec: allowlist"));
                }
                *pinned |= is_managed;
            }
            raw::Exec::Denylist if present.is_none() || *pinned => {}
            raw::Exec::Denylist if source.trusted => *present = None,
            raw::Exec::Denylist => self.refused.push(source.origin(mode, "exec: denylist")),
        }
    }

    pub(super) fn exec(&mut self, group: u16, source: &Source, key: Key) -> Result<(), Error> {
        for item in key.of(&source.raw).iter().flatten() {
            if stands_for_defaults(source, item, !key.allows())? {
                continue;
            }
            let (negated, text) = match item.value.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, item.value.as_str()),
            };
            let mut words = text.split_whitespace().map(str::to_owned);
            let Some(program) = words.next() else {
                return Err(source.wrong(item, "the rule names no program".to_owned()));
            };
            let program = self.program(source, item, program)?;
            let origin = source.origin(item, &item.value);
            let allows = key.allows() || negated;
            if let (Program::Below(_), false) = (&program, allows) {
                let message = "a directory can only be allowed: name the programs that are denied";
                return Err(source.wrong(item, message.to_owned()));
            }
            if allows {
                self.note_refusal(source, item, key.name());
            }
            let (args, overrules) = (words.collect(), source.trusted);
            self.exec.push(ExecRule {
                program,
                args,
                allows,
                group,
                overrules,
                origin,
            });
        }
        Ok(())
    }

    pub(super) fn program(
        &self,
        source: &Source,
        item: &Text,
        word: String,
    ) -> Result<Program, Error> {
        if word.contains(['*', '?', '\0']) {
            let message = "a program is named exactly: wildcards are not understood here";
            return Err(source.wrong(item, message.to_owned()));
        }
        if !word.contains('/') {
            return Ok(Program::Name(word.into()));
        }
        let below = word.ends_with('/');
        let path = Spanned::new(word, item.referenced, item.defined);
        let pattern = self.pattern(source, &path)?;
        if below && (!pattern.is_fixed() || pattern.prefix.parent().is_none()) {
            let message = "a directory is named by its path: `/x/`, `~/x/` or `./x/`, and not all of \
                           them at once";
            return Err(source.wrong(item, message.to_owned()));
        }
        Ok(match below {
            true => Program::Below(pattern.prefix),
            false => Program::Path(pattern.prefix),
        })
    }
}
