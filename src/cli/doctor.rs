//! `aigate doctor`: what this machine gives a sandbox.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::{json, report};
use crate::app::doctor::{self, Finding, State};

/// Say what this machine lacks for the sandbox, and how to mend it
///
/// Tries everything that a sandbox is made of: namespaces, mounts, Landlock, seccomp, the network,
/// control groups; starts a program in the sandbox of this project, which tries to make one of its
/// own; asks every shell whether it starts the shims. Nothing is changed. Exit code 0: nothing is
/// lost; 1: something is; 125: nothing could be said.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// As JSON, for programs
    #[arg(long)]
    json: bool,
    /// What is run in the sandbox: tries what programs inside may want
    #[arg(long, hide = true)]
    within: bool,
    /// The socket at which programs of Windows are started
    #[arg(hide = true, requires = "within")]
    socket: Option<PathBuf>,
}

/// Something is lost.
const LOST: u8 = 1;

impl Doctor {
    pub(super) fn run(self) -> ExitCode {
        if self.within {
            let line = doctor::within(self.socket.as_deref());
            // The run outside waits for it, or is gone.
            _ = writeln!(std::io::stdout(), "{line}");
            return ExitCode::SUCCESS;
        }
        let findings = match doctor::run() {
            Ok(findings) => findings,
            Err(error) => return report::error(&error),
        };
        let text = if self.json {
            json::line(&as_json(&findings))
        } else {
            as_text(&findings)
        };
        // A reader that went away is no error.
        _ = std::io::stdout().write_all(text.as_bytes());
        match lost(&findings) {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::from(LOST),
        }
    }
}

fn lost(findings: &[Finding]) -> usize {
    let is_lost = |finding: &&Finding| matches!(finding.state, State::Lost(_));
    findings.iter().filter(is_lost).count()
}

fn as_text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { what, state } in findings {
        // Writing to a string does not fail.
        _ = match state {
            State::Ok(detail) => writeln!(text, "ok    {what}: {detail}"),
            State::Note(note) => writeln!(text, "note  {what}: {note}"),
            State::Lost(loss) => writeln!(
                text,
                "LOST  {what}: {}\n      because {}\n      to mend it: {}",
                indented(&loss.promise),
                indented(&loss.why),
                indented(&loss.cure)
            ),
        };
    }
    _ = match lost(findings) {
        0 => writeln!(text, "Nothing is lost on this machine."),
        1 => writeln!(text, "One thing is lost on this machine."),
        count => writeln!(text, "{count} things are lost on this machine."),
    };
    text
}

/// The first line goes on where it is; a command of many lines stands by itself, to be copied.
fn indented(text: &str) -> String {
    match text.contains('\n') {
        true => format!("\n{text}"),
        false => text.to_owned(),
    }
}

fn as_json(findings: &[Finding]) -> Value {
    let one = |Finding { what, state }: &Finding| match state {
        State::Ok(detail) => json!({"what": what, "state": "ok", "detail": detail}),
        State::Note(note) => json!({"what": what, "state": "note", "detail": note}),
        State::Lost(loss) => json!({
            "what": what,
            "state": "lost",
            "promise": loss.promise,
            "why": loss.why,
            "cure": loss.cure,
        }),
    };
    json!({
        "lost": lost(findings),
        "findings": findings.iter().map(one).collect::<Vec<_>>(),
    })
}
