//! Presets: the hosts of a package manager, as the user's own one names them.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::place;
use crate::policy::mentions;
use crate::shim::preset;

/// Why a preset taught nothing.
#[derive(Debug)]
pub enum Error {
    /// There is no such preset.
    Unknown(String),
    /// A file of the program is wrong.
    Invalid(String),
    /// The package manager is not there.
    Missing {
        /// The preset.
        name: String,
        /// The program.
        needs: String,
    },
    /// A question could not be asked.
    Ask {
        /// The command.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// The answers name no host.
    Nothing {
        /// The preset.
        name: String,
        /// What its programs complained about.
        said: Vec<String>,
        /// What to do.
        hint: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Unknown(name) => write!(
                f,
                "there is no preset `{name}`; there are: {}",
                preset::names().join(", ")
            ),
            Error::Invalid(why) => f.write_str(why),
            Error::Missing { name, needs } => write!(
                f,
                "the preset {name} asks `{needs}` for its hosts, and there is no `{needs}` on \
                 PATH; nothing was changed"
            ),
            Error::Ask { command, source } => {
                write!(f, "cannot run `{command}`: {source}; nothing was changed")
            }
            Error::Nothing { name, said, hint } => {
                writeln!(f, "the preset {name} learned no host; nothing was changed")?;
                for line in said {
                    writeln!(f, "  {line}")?;
                }
                f.write_str(hint)
            }
        }
    }
}

impl std::error::Error for Error {}

/// The rules that open what the package manager of each preset downloads from.
///
/// # Errors
/// When there is no such preset or package manager, or it names no host.
pub fn learn(names: &[String]) -> Result<Vec<String>, Error> {
    let mut rules = Vec::new();
    for name in names {
        for rule in learn_one(name)? {
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
    }
    Ok(rules)
}

fn learn_one(name: &str) -> Result<Vec<String>, Error> {
    let preset = preset::preset(name).map_err(|invalid| Error::Invalid(invalid.to_string()))?;
    let preset = preset.ok_or_else(|| Error::Unknown(name.to_owned()))?;
    let program = place::program(Path::new("/"), preset.needs.as_ref());
    if program.is_relative() {
        return Err(Error::Missing {
            name: name.to_owned(),
            needs: preset.needs,
        });
    }
    let (mut answers, mut said) = (String::new(), Vec::new());
    for command in &preset.ask {
        let output = ask(command)?;
        answers.push_str(&String::from_utf8_lossy(&output.stdout));
        answers.push('\n');
        for line in String::from_utf8_lossy(&output.stderr).lines() {
            if !said.iter().any(|known| known == line) {
                said.push(line.to_owned());
            }
        }
        if let Some(signal) = output.status.signal() {
            said.push(format!("`{command}` was ended by signal {signal}"));
        }
    }
    let rules = mentions::endpoints(&answers);
    if rules.is_empty() {
        return Err(Error::Nothing {
            name: name.to_owned(),
            said,
            hint: preset.hint,
        });
    }
    Ok(rules)
}

/// Asks from the root directory: what lies in a project is the project's word, not the user's, and
/// a project must not say which hosts are opened.
fn ask(command: &str) -> Result<Output, Error> {
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir("/")
        .stdin(Stdio::null())
        .output();
    output.map_err(|source| Error::Ask {
        command: command.to_owned(),
        source,
    })
}
