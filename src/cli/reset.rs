//! `aigate reset`: back to the built-in rules.

use clap::Args;

use crate::app::policy::{Error, reset};

/// Delete your rules, approvals and caches; the built-in rules hold then
///
/// Shims and the audit log stay: `aigate shim uninstall` takes the shims away.
#[derive(Debug, Args)]
pub(super) struct Reset {
    /// Do it
    #[arg(long, short)]
    force: bool,
}

impl Reset {
    /// Runs the command and returns what is to be printed.
    pub(super) fn run(&self) -> Result<String, Error> {
        let gone = reset::run(self.force)?;
        if gone.is_empty() {
            return Ok("Nothing to do.\n".to_owned());
        }
        Ok(gone
            .iter()
            .map(|path| format!("deleted {}\n", path.display()))
            .collect())
    }
}
