//! `aigate exec`: run one command in the sandbox.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Args;

use super::report;
use crate::app::exec::{self, Request};
use crate::app::tool;
use crate::config;

/// Run a command in the sandbox of this project
///
/// The command sees the project, may write there, and sees nothing that a deny_read rule hides. It
/// ends with the command's own exit code, or 125 when aigate itself failed, 126 when the command
/// cannot be executed, 127 when there is none of that name.
#[derive(Debug, Default, Args)]
pub(super) struct Exec {
    /// Apply this profile of the configuration as well, or take the command for this tool
    #[arg(long, short, value_name = "NAME")]
    profile: Option<String>,
    /// Print what would be done, step by step, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// The command and its arguments; put `--` before it when an option of its own comes first
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_hint = clap::ValueHint::CommandWithArguments,
        value_name = "CMD"
    )]
    command: Vec<OsString>,
}

impl Exec {
    /// The form without options, which takes no parser to read: `exec -- CMD`.
    pub(super) fn plain(mut words: impl Iterator<Item = OsString>) -> Option<Self> {
        let starts = ["exec", "--"]
            .iter()
            .all(|word| words.next().is_some_and(|next| next == *word));
        let command: Vec<OsString> = words.collect();
        (starts && !command.is_empty()).then(|| Self {
            command,
            ..Self::default()
        })
    }

    pub(super) fn run(self) -> ExitCode {
        let mut words = self.command.into_iter();
        let request = config::Request::here().map(|config| Request {
            program: words.next().unwrap_or_default(),
            args: words.collect(),
            ..Request::here(config::Request {
                profile: self.profile.map(|name| config::Profile {
                    name,
                    ..config::Profile::default()
                }),
                ..config
            })
        });
        let request = match request {
            Ok(request) => request,
            Err(error) => return report::error(&error),
        };
        if self.dry_run {
            report::dry_run(exec::dry_run(&request))
        } else {
            report::ended(tool::run_any(request))
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    enum Whole {
        Exec(Exec),
    }

    /// What is read without the parser is what the parser reads.
    #[test]
    fn the_form_without_options_is_read_as_the_parser_reads_it() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        for line in [
            "exec -- true",
            "exec -- sh -c x",
            "exec -- -- --dry-run",
            "exec -- --profile x",
        ] {
            let plain = Exec::plain(words(line).into_iter()).expect(line);
            let Whole::Exec(parsed) = Whole::parse_from([words("aigate"), words(line)].concat());
            assert_eq!(format!("{plain:?}"), format!("{parsed:?}"), "{line}");
        }
        for line in [
            "exec --",
            "exec",
            "exec true",
            "exec --dry-run -- true",
            "hook -- true",
        ] {
            assert!(Exec::plain(words(line).into_iter()).is_none(), "{line}");
        }
    }
}
