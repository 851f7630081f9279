//! The lists of programs.

use serde_saphyr::Spanned;

use super::super::error::Error;
use super::super::key::Key;
use super::super::raw::Text;
use super::super::source::Source;
use super::{Merge, stands_for_defaults};
use crate::policy::exec::{ExecRule, Program};

impl Merge<'_> {
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
        let path = Spanned::new(word, item.referenced, item.defined);
        Ok(Program::Path(self.pattern(source, &path)?.prefix))
    }
}
