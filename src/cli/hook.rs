//! `aigate hook`: the program that agents call.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use clap::Args;

use super::report;
use crate::app::hook;

/// More than an agent ever says about one event. Bytes.
const LONGEST: u64 = 64 << 20;

/// Answer an agent's hook, as `aigate integrate` sets it up: the event is read from stdin
#[derive(Debug, Args)]
pub(super) struct Hook {
    /// The agent, as in `aigate integrate list`
    agent: String,
}

impl Hook {
    pub(super) fn run(&self) -> ExitCode {
        let mut said = Vec::new();
        if let Err(error) = io::stdin().take(LONGEST).read_to_end(&mut said) {
            return report::failed(&error, hook::REFUSED);
        }
        let answer = match hook::run(&self.agent, &said) {
            Ok(Some(answer)) => answer,
            Ok(None) => {
                let unknown = format!("{}: no such agent; see `aigate integrate list`", self.agent);
                return report::failed(&unknown, hook::REFUSED);
            }
            Err(error) => return report::failed(&error, hook::REFUSED),
        };
        // An agent that went away needs no answer.
        _ = io::stdout().write_all(answer.out.as_bytes());
        _ = io::stderr().write_all(answer.err.as_bytes());
        ExitCode::from(answer.exit)
    }
}
