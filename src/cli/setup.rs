//! `aigate setup-agents`: everything at once.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Args;

use super::{integrate, report, shim};
use crate::app::setup::Found;

/// Find the agents on this machine, and guard and set up all of them at once
#[derive(Debug, Args)]
pub(super) struct SetupAgents {
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl SetupAgents {
    pub(super) fn run(&self) -> ExitCode {
        let found = match Found::here() {
            Ok(found) => found,
            Err(error) => return report::error(&error),
        };
        if found.is_empty() {
            return report::done(Ok::<_, String>("Nothing to do.\n".to_owned()));
        }
        // A reader that went away is no error.
        _ = io::stdout().write_all(offer(&found).as_bytes());
        if !self.yes && !io::stdin().is_terminal() {
            return report::error(&"nobody is there to ask; with --yes it is done");
        }
        if !self.yes && !agreed() {
            return report::error(&"nothing was changed");
        }
        let done = match found.set_up() {
            Ok(done) => done,
            Err(error) => return report::error(&error),
        };
        let mut text = shim::changed(&done.shims, "made");
        text.push_str(&integrate::changed(&done.settings));
        if !done.shims.is_empty() {
            text.push_str("Open a new shell: in it the names start the agents in the sandbox.\n");
        }
        _ = io::stdout().write_all(text.as_bytes());
        let mut code = ExitCode::SUCCESS;
        for (agent, error) in &done.failed {
            code = report::error(&format!("{agent}: {error}"));
        }
        code
    }
}

fn offer(found: &Found) -> String {
    let mut text = String::new();
    for tool in &found.tools {
        // Writing to a string does not fail.
        _ = writeln!(text, "guard {tool} by its name");
    }
    for agent in &found.agents {
        _ = writeln!(
            text,
            "edit the settings of {agent} (see: aigate integrate diff {agent})"
        );
    }
    text
}

fn agreed() -> bool {
    print!("Do this? [y/N] ");
    _ = io::stdout().flush();
    let mut answer = String::new();
    _ = io::stdin().lock().read_line(&mut answer);
    matches!(answer.trim(), "y" | "Y" | "yes")
}
