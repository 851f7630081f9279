//! `aigate setup`: the account as which `engine: user` starts commands.

use std::process::ExitCode;

use clap::Args;

use super::report;
use crate::app::account::{self, Error, Owner};

/// Make an account as which your agents run, for hosts where `engine: user` is all there is
///
/// Run it with sudo. It makes a group and a user without a password, without a shell and without rights of
/// their own, and lets you, and nobody else, start your agents as that user by sudo. Your own directories
/// are opened to it only as far as your rules say, when a command starts.
///
/// `sudo aigate reset --force` removes all of it again. No other engine needs this.
#[derive(Debug, Args)]
pub(super) struct Setup {
    /// The name of the user
    #[arg(long, short, value_name = "NAME", default_value = "ai-runner")]
    user: String,
    /// The name of the group
    #[arg(long, short, value_name = "NAME", default_value = "ai-agents")]
    group: String,
    /// For whose agents, if not for who called sudo
    #[arg(long = "for", value_name = "USER")]
    owner: Option<String>,
}

impl Setup {
    /// Runs the command and returns what is to be printed.
    pub(super) fn run(&self) -> Result<String, Error> {
        let owner = Owner::named(self.owner.as_deref())?;
        let account = account::set_up(&owner, &self.user, &self.group)?;
        let (user, group) = (account.user, account.group);
        Ok(format!(
            "{user} of group {group} is there for your agents.\n\
             Next: `engine: user` in ~/.aigate/config.yaml, and `aigate doctor` says what that loses.\n"
        ))
    }
}

/// Take the start that waits at the standard input; `sudo` calls this
#[derive(Debug, Args)]
pub(super) struct Become {}

impl Become {
    pub(super) fn run(&self) -> ExitCode {
        report::error(&account::take_order())
    }
}
