//! `aigate trust` and `aigate untrust`: what a project's own file may loosen.

use std::fmt::Write as _;

use clap::Args;

use crate::app::policy::trust::{self, Approval};
use crate::app::policy::{Error, diff};
use crate::config::trust::Trust as State;

/// Let this project's .aigate.yaml loosen rules, as it is now
///
/// What the file denies counts at once. What it allows counts only after this command, and only
/// until the file changes.
#[derive(Debug, Args)]
pub(super) struct Trust {
    /// Only show what it would loosen
    #[arg(long)]
    show: bool,
}

/// Take the trust in this project's .aigate.yaml back
#[derive(Debug, Args)]
pub(super) struct Untrust {}

impl Trust {
    /// Runs the command and returns what is to be printed.
    pub(super) fn run(&self) -> Result<String, Error> {
        let approvals = if self.show {
            trust::show()?
        } else {
            trust::approve()?
        };
        Ok(approvals
            .iter()
            .map(|approval| text(approval, self.show))
            .collect())
    }
}

impl Untrust {
    /// Runs the command and returns what is to be printed.
    pub(super) fn run(&self) -> Result<String, Error> {
        let files = trust::withdraw()?;
        if files.is_empty() {
            return Ok("Nothing was trusted here.\n".to_owned());
        }
        Ok(files
            .iter()
            .map(|file| format!("{} is no longer trusted\n", file.display()))
            .collect())
    }
}

fn text(approval: &Approval, only_show: bool) -> String {
    let file = approval.file.display();
    let state = match (&approval.trust, only_show) {
        (State::Trusted, _) => "is trusted",
        (_, false) => "is trusted now",
        (State::Unknown, true) => "is not trusted",
        (State::Changed(_), true) => "changed since it was trusted, so it is not trusted now",
    };
    let mut text = format!("{file} {state}\n");
    if let Some(changes) = &approval.changes {
        text.push_str(changes);
    }
    if approval.loosens.is_empty() {
        text.push_str("It loosens nothing.\n");
        return text;
    }
    let effective = !only_show || approval.trust == State::Trusted;
    text.push_str(if effective {
        "It loosens:\n"
    } else {
        "It would loosen:\n"
    });
    for line in &approval.loosens {
        let (number, what) = (line.origin.line, diff::visible(&line.origin.text));
        // Writing to a string does not fail.
        _ = match &line.denied {
            Some(by) if line.in_vain => {
                writeln!(
                    text,
                    "  line {number}: {what}, in vain: {by} goes on denying it"
                )
            }
            Some(by) => writeln!(text, "  line {number}: {what}, denied by {by}"),
            None => writeln!(text, "  line {number}: {what}"),
        };
    }
    text
}
