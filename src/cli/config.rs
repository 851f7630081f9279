//! `aigate config`: show, check and describe configuration files.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::app::policy::Error;
use crate::app::policy::show::{self, Entry, Shape};
use crate::config::edit::quoted;
use crate::policy::Origin;

/// Show, check and describe configuration files
#[derive(Debug, Args)]
pub(super) struct Config {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the rules that are in force here, merged from all files
    Show {
        /// Say which line each comes from
        #[arg(long)]
        origin: bool,
        /// Show it for this tool, or this name under `profiles:`
        #[arg(long, short, value_name = "NAME")]
        profile: Option<String>,
    },
    /// Check the files in force here, or the named ones
    Check {
        /// Files to check
        files: Vec<PathBuf>,
    },
    /// Print the JSON Schema of a configuration file
    Schema,
}

impl Config {
    /// Runs the command and returns what is to be printed.
    pub(super) fn run(self) -> Result<String, Error> {
        match self.command {
            Command::Show { origin, profile } => {
                let entries = show::run(profile.as_deref())?;
                Ok(yaml(&entries, origin))
            }
            Command::Check { files } => {
                let files = show::check(&files)?;
                if files.is_empty() {
                    return Ok("no file: the built-in rules hold\n".to_owned());
                }
                Ok(files
                    .iter()
                    .map(|file| format!("{}: valid\n", file.display()))
                    .collect())
            }
            Command::Schema => Ok(show::SCHEMA.to_owned()),
        }
    }
}

/// The rules as a configuration file. Sections stand together, so each is opened once.
fn yaml(entries: &[Entry], with_origin: bool) -> String {
    let mut text = String::new();
    let mut open = "";
    for entry in entries {
        let (section, key) = entry.key.split_once('.').unwrap_or(("", entry.key));
        if section != open && !section.is_empty() {
            // Writing to a string does not fail.
            _ = writeln!(text, "{section}:");
        }
        open = section;
        let indent = if section.is_empty() { "" } else { "  " };
        let place = |origin: &Origin| match with_origin {
            true => format!("  # {}", origin.place()),
            false => String::new(),
        };
        match entry.values.as_slice() {
            [value] if entry.shape == Shape::Word => {
                _ = writeln!(text, "{indent}{key}: {}{}", value.text, place(value));
                continue;
            }
            _ => _ = writeln!(text, "{indent}{key}:"),
        }
        for value in &entry.values {
            let item = match (entry.shape, value.text.split_once(['=', ':'])) {
                (Shape::Map, Some((name, value))) => format!("{name}: {}", quoted(value.trim())),
                (Shape::Regexes, _) => format!("- regex: {}", quoted(&value.text)),
                (Shape::List, _) if value.text.parse::<u16>().is_ok() => {
                    format!("- {}", value.text)
                }
                _ => format!("- {}", quoted(&value.text)),
            };
            _ = writeln!(text, "{indent}  {item}{}", place(value));
        }
    }
    text
}
