//! `aigate init`: write the built-in rules where they can be changed.

use clap::Args;

use crate::app::policy::{Error, init};

/// Write the built-in rules to ~/.aigate/config.yaml, to change them there
///
/// Without this file the built-in rules hold as well; a key that the file does not have keeps its
/// built-in value.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Replace a file that is there; the old one is kept beside it
    #[arg(long, short)]
    force: bool,
}

impl Init {
    /// Runs the command and returns what is to be printed.
    pub(super) fn run(&self) -> Result<String, Error> {
        let done = init::run(self.force)?;
        let kept = done
            .kept
            .map(|old| format!("The old file is now {}\n", old.display()));
        Ok(format!(
            "Wrote {}\n{}Next: `aigate explain read .env` shows a rule at work, `aigate shim install` \
             guards your tools.\n",
            done.file.display(),
            kept.unwrap_or_default()
        ))
    }
}
