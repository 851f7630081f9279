//! `aigate status`: which files are in force here, and what they say.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};

use super::{explain, json};
use crate::app::policy::Error;
use crate::app::policy::show::{Entry, Shape};
use crate::app::policy::status::{self, File, Loss, Status};
use crate::audit::Record;
use crate::config::trust::Trust;
use crate::policy::Origin;

/// A list with more built-in rules than this is shown without them.
const MANY: usize = 20;

/// Show which rules are in force in this directory, and the files they come from
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Show it for this tool, or this name under `profiles:`
    #[arg(long, short, value_name = "NAME")]
    profile: Option<String>,
}

impl Show {
    /// Runs the command and returns what is to be printed.
    pub(super) fn run(&self) -> Result<String, Error> {
        let status = status::run(self.profile.as_deref())?;
        Ok(if self.json {
            json::line(&as_json(&status))
        } else {
            as_text(&status)
        })
    }
}

fn as_text(status: &Status) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    _ = if status.initialized {
        writeln!(text, "Status: initialized")
    } else {
        writeln!(
            text,
            "Status: NOT INITIALIZED (the built-in rules hold; `aigate init` writes them to {})",
            status.config.display()
        )
    };
    _ = writeln!(text, "Project: {}", status.project.display());
    if let Some(problem) = &status.problem {
        _ = writeln!(text, "Nothing can be run here: {problem}");
    }
    for file in &status.files {
        _ = writeln!(
            text,
            "File: {} ({}{})",
            file.path.display(),
            file.layer.word(),
            trust(file)
        );
    }
    for entry in &status.entries {
        text.push_str(&entry_text(entry, &status.built_in));
    }
    if !status.losses.is_empty() {
        text.push_str("Not enforced here as it was asked for:\n");
    }
    for loss in &status.losses {
        _ = writeln!(text, "  {loss}");
    }
    if !status.refused.is_empty() {
        text.push_str("Refused on the network lately:\n");
    }
    for refused in &status.refused {
        _ = writeln!(text, "  {}", refusal(refused));
    }
    text
}

/// A refusal in one line. Its words come from inside the sandbox: nothing in them reaches the
/// terminal as a command.
fn refusal(refused: &Record) -> String {
    let (time, what, why) = (refused.time(), refused.word("what"), refused.word("why"));
    let mut line = String::new();
    for letter in format!("{time} {what}: {why}").chars() {
        if letter.is_control() {
            line.extend(letter.escape_unicode());
        } else {
            line.push(letter);
        }
    }
    line
}

fn trust(file: &File) -> String {
    let lines = match file.refused {
        0 => return String::new(),
        1 => "1 line does".to_owned(),
        more => format!("{more} lines do"),
    };
    match file.trust {
        Some(Trust::Changed(_)) => {
            format!("; changed since it was trusted, {lines} not count: `aigate trust --show`")
        }
        Some(Trust::Unknown) => format!("; not trusted, {lines} not count: `aigate trust --show`"),
        Some(Trust::Trusted) | None => String::new(),
    }
}

fn entry_text(entry: &Entry, known: &BTreeSet<String>) -> String {
    if let ([value], Shape::Word) = (entry.values.as_slice(), entry.shape) {
        return format!("{}: {}\n", entry.key, value.text);
    }
    let built_in = |origin: &&Origin| known.contains(&origin.text);
    let count = entry.values.iter().filter(built_in).count();
    let mut text = format!("{}:\n", entry.key);
    let shown = entry
        .values
        .iter()
        .filter(|origin| count <= MANY || !built_in(origin));
    for origin in shown {
        _ = writeln!(text, "  - {}", origin.text);
    }
    if count > MANY {
        _ = writeln!(text, "  ({count} built-in rules: `aigate config show`)");
    }
    text
}

fn as_json(status: &Status) -> Value {
    let files = status.files.iter().map(|file| {
        json!({
            "layer": file.layer.word(),
            "path": file.path.display().to_string(),
            "trust": file.trust.as_ref().map(|trust| match trust {
                Trust::Unknown => "unknown",
                Trust::Trusted => "trusted",
                Trust::Changed(_) => "changed",
            }),
            "refused": file.refused,
        })
    });
    let rules = status.entries.iter().map(|entry| {
        (
            entry.key.to_owned(),
            entry.values.iter().map(explain::rule).collect::<Value>(),
        )
    });
    json!({
        "initialized": status.initialized,
        "config": status.config.display().to_string(),
        "project": status.project.display().to_string(),
        "problem": status.problem,
        "files": files.collect::<Vec<_>>(),
        "unenforced": status.losses.iter().map(loss).collect::<Vec<_>>(),
        "refused": status.refused.iter().map(Record::event).collect::<Vec<_>>(),
        "rules": rules.collect::<serde_json::Map<_, _>>(),
    })
}

fn loss(loss: &Loss) -> Value {
    json!({
        "limit": loss.limit,
        "instead": loss.instead,
        "why": loss.why,
        "rule": explain::rule(&loss.origin),
    })
}
