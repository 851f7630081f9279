//! `aigate explain`: may this happen, and which line says so.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::json;
use crate::app::policy::Error;
use crate::app::policy::explain::{self, Answer, Question};
use crate::policy::Origin;

/// Say whether something is allowed in the sandbox, and which line says so
#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(subcommand)]
    what: What,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    /// Ask for this tool, or this name under `profiles:`
    #[arg(long, short, value_name = "NAME", global = true)]
    profile: Option<String>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// May this path be read?
    Read {
        /// Any path
        path: PathBuf,
    },
    /// May this path be written, made or deleted?
    Write {
        /// Any path
        path: PathBuf,
    },
    /// May this program be started?
    Exec {
        /// A name or path
        program: OsString,
        /// Its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// May this host be reached?
    Net {
        /// HOST or HOST:PORT (port 443 if not given)
        endpoint: String,
    },
    /// Does this variable pass into the sandbox?
    Env {
        /// Its name
        name: OsString,
    },
}

impl Explain {
    /// Runs the command and returns what is to be printed.
    pub(super) fn run(self) -> Result<String, Error> {
        let question = match self.what {
            What::Read { path } => Question::Read(path),
            What::Write { path } => Question::Write(path),
            What::Exec { program, args } => Question::Exec(program, args),
            What::Net { endpoint } => Question::Net(endpoint),
            What::Env { name } => Question::Env(name),
        };
        let answer = explain::run(&question, self.profile.as_deref())?;
        Ok(if self.json {
            json::line(&as_json(&answer))
        } else {
            as_text(&answer)
        })
    }
}

fn as_text(answer: &Answer) -> String {
    let verdict = if answer.allowed { "allowed" } else { "denied" };
    let mut text = format!(
        "{verdict}: {} {}\n  {}\n",
        answer.kind, answer.subject, answer.reason
    );
    for (origin, allows) in answer.considered.iter().rev() {
        if answer.rule.as_ref() != Some(origin) {
            let says = if *allows { "allows" } else { "denies" };
            // Writing to a string does not fail.
            _ = writeln!(text, "  {origin} {says} it, but does not decide");
        }
    }
    if let Some(remedy) = &answer.remedy {
        _ = writeln!(text, "  to allow it: {remedy}");
    }
    if let Some(note) = &answer.note {
        _ = writeln!(text, "  ({note})");
    }
    text
}

fn as_json(answer: &Answer) -> Value {
    let considered = answer.considered.iter().map(|(origin, allows)| {
        let mut value = rule(origin);
        value["allows"] = json!(allows);
        value
    });
    json!({
        "kind": answer.kind,
        "subject": answer.subject,
        "decision": if answer.allowed { "allow" } else { "deny" },
        "reason": answer.reason,
        "rule": answer.rule.as_ref().map(rule),
        "considered": considered.collect::<Vec<_>>(),
        "remedy": answer.remedy,
        "note": answer.note,
    })
}

/// A rule's origin as JSON.
pub(super) fn rule(origin: &Origin) -> Value {
    json!({
        "text": origin.text,
        "layer": origin.layer.word(),
        "file": origin.file.as_ref().map(|file| file.display().to_string()),
        "line": if origin.line > 0 { json!(origin.line) } else { Value::Null },
    })
}
