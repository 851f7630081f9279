//! `aigate reset`: back to the built-in rules.

use clap::Args;

use crate::app::account::{self, Owner};
use crate::app::policy::{Error, home, reset};

/// Delete your rules, approvals and caches; the built-in rules hold then
///
/// What an account for `engine: user` was let into is shut again. With sudo, that account goes too, what it
/// owned is yours, and nothing else is changed.
///
/// Shims and the audit log stay: `aigate shim uninstall` takes the shims away.
#[derive(Debug, Args)]
pub(super) struct Reset {
    /// Do it
    #[arg(long, short)]
    force: bool,
    /// Whose account to remove, if not that of who called sudo; root's own is removed only so
    #[arg(long = "for", value_name = "USER")]
    owner: Option<String>,
}

impl Reset {
    /// Runs the command and returns what is to be printed.
    pub(super) fn run(&self) -> Result<String, Error> {
        let owner = Owner::named(self.owner.as_deref())?;
        if owner.is_other() || self.owner.is_some() {
            return self.account(&owner);
        }
        let mut text = String::new();
        if self.force && account::release(&home()?)? {
            text.push_str("shut again what the account for your agents was let into\n");
        }
        for path in reset::run(self.force)? {
            text.push_str(&format!("deleted {}\n", path.display()));
        }
        if text.is_empty() {
            text.push_str("Nothing to do.\n");
        }
        Ok(text)
    }

    fn account(&self, owner: &Owner) -> Result<String, Error> {
        if !self.force {
            return Err(Error::NeedsForce(Vec::new()));
        }
        Ok(match account::remove(owner)? {
            Some(gone) => format!("removed {} of group {}\n", gone.user, gone.group),
            None => "Nothing to do.\n".to_owned(),
        })
    }
}
