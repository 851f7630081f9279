//! `aigate bypass`: run one command without the sandbox.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Args;

use super::report;
use crate::app::bypass;

/// Run a command WITHOUT the sandbox; needs a terminal and is written to the audit log
#[derive(Debug, Args)]
pub(super) struct Bypass {
    /// The command and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "CMD"
    )]
    command: Vec<OsString>,
}

impl Bypass {
    pub(super) fn run(self) -> ExitCode {
        let Some((program, args)) = self.command.split_first() else {
            return ExitCode::from(report::FAILED);
        };
        match bypass::run(program, args) {
            Ok(never) => match never {},
            Err(error) => report::failed(&error, error.exit_code()),
        }
    }
}
