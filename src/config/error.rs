//! What can be wrong with a configuration, told with file, line, column and a caret.

use std::fmt;
use std::io;
use std::path::PathBuf;

use serde_saphyr::Location;

/// Why there is no policy. Nothing runs then.
#[derive(Debug)]
pub enum Error {
    /// A place in a file is wrong.
    At(Box<Diagnostic>),
    /// A file cannot be read.
    Read {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not what a configuration may be.
    Unfit {
        /// Which file.
        file: PathBuf,
        /// What it is.
        why: &'static str,
    },
    /// The working directory is gone or unreadable.
    WorkingDirectory(io::Error),
    /// The home directory is unknown or missing.
    Home(String),
    /// The project would be a directory that must not be opened to an agent.
    Project {
        /// Which directory.
        path: PathBuf,
        /// What it is.
        why: &'static str,
    },
    /// The project lies in a directory that a rule hides.
    HiddenProject {
        /// Which directory.
        path: PathBuf,
        /// The rule.
        by: String,
    },
    /// No profile has this name.
    UnknownProfile {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
}

/// One wrong place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which file; none for a flag.
    pub file: Option<PathBuf>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// How many characters the caret underlines.
    pub width: usize,
    /// The whole line.
    pub source_line: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::At(diagnostic) => diagnostic.fmt(f),
            Error::Read { file, source } => {
                write!(f, "cannot read {}: {source}", file.display())
            }
            Error::Unfit { file, why } => write!(f, "{}: {why}", file.display()),
            Error::WorkingDirectory(source) => write!(
                f,
                "the working directory cannot be used: {source}\nchange to the project's \
                 directory and try again"
            ),
            Error::Home(why) => write!(f, "{why}\nset HOME to your home directory"),
            Error::Project { path, why } => write!(
                f,
                "{} cannot be the project: it is {why}, and an agent may write everywhere in its \
                 project\nchange to the project's directory",
                path.display()
            ),
            Error::HiddenProject { path, by } => {
                write!(f, "the project {} is hidden by {by}", path.display())
            }
            Error::UnknownProfile { name, known } if known.is_empty() => {
                write!(f, "no profile is named `{name}`, and none is configured")
            }
            Error::UnknownProfile { name, known } => {
                write!(
                    f,
                    "no profile is named `{name}`; there are: {}",
                    known.join(", ")
                )
            }
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => {
                write!(
                    f,
                    "{}:{}:{}: {}",
                    file.display(),
                    self.line,
                    self.column,
                    self.message
                )?;
            }
            None => write!(f, "{}", self.message)?,
        }
        if self.line > 0 && self.file.is_some() {
            let number = self.line.to_string();
            let margin = " ".repeat(number.len());
            let indent = " ".repeat(self.column.saturating_sub(1) as usize);
            let carets = "^".repeat(self.width.max(1));
            let line = self.source_line.replace('\t', " ");
            write!(
                f,
                "\n{margin} |\n{number} | {line}\n{margin} | {indent}{carets}"
            )?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n{hint}"),
            None => Ok(()),
        }
    }
}

impl Diagnostic {
    /// Points at a place in a text.
    #[must_use]
    pub fn new(file: Option<PathBuf>, text: &str, place: Location, message: String) -> Diagnostic {
        let line = u32::try_from(place.line()).unwrap_or(0);
        let column = u32::try_from(place.column()).unwrap_or(0).max(1);
        let source_line = line
            .checked_sub(1)
            .and_then(|index| text.lines().nth(index as usize))
            .unwrap_or_default()
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect::<String>();
        let room = source_line
            .trim_end()
            .chars()
            .count()
            .saturating_sub(column as usize - 1);
        let width = usize::try_from(place.span().len())
            .unwrap_or(1)
            .clamp(1, room.max(1));
        Diagnostic {
            file,
            line,
            column,
            width,
            source_line,
            message,
            hint: None,
        }
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn with_hint(mut self, hint: Option<String>) -> Diagnostic {
        self.hint = hint;
        self
    }
}

/// Turns an error of the YAML reader into ours.
#[must_use]
pub fn from_yaml(file: Option<PathBuf>, text: &str, error: &serde_saphyr::Error) -> Error {
    let error = error.without_snippet();
    let place = error.location().unwrap_or(Location::UNKNOWN);
    let (message, hint) = explain_yaml(error, text, place);
    Error::At(Box::new(
        Diagnostic::new(file, text, place, message).with_hint(hint),
    ))
}

fn explain_yaml(
    error: &serde_saphyr::Error,
    text: &str,
    place: Location,
) -> (String, Option<String>) {
    use serde_saphyr::Error as Yaml;
    match error {
        Yaml::SerdeUnknownField {
            field, expected, ..
        } => {
            let hint = match nearest(field, expected) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the keys known here are: {}", expected.join(", ")),
            };
            (format!("unknown key `{field}`"), Some(hint))
        }
        Yaml::SerdeUnknownVariant {
            variant, expected, ..
        } => (
            format!("`{variant}` is none of: {}", expected.join(", ")),
            None,
        ),
        Yaml::Unexpected { expected, .. } => {
            let message = match *expected {
                "sequence start" => "a list is expected here".to_owned(),
                "mapping start" => "keys with values are expected here".to_owned(),
                other => format!("{other} is expected here"),
            };
            (message, quoting_hint(text, place))
        }
        Yaml::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or_default();
            (format!("the key `{key}` stands here twice"), None)
        }
        Yaml::InvalidScalar { ty, .. } => {
            let kind = if ty.starts_with(['u', 'i']) {
                "a number"
            } else {
                ty
            };
            (format!("{kind} is expected here"), None)
        }
        other => {
            let rendered = other.render();
            let message = without_place(&rendered);
            (message.to_owned(), quoting_hint(text, place))
        }
    }
}

/// The reader appends its own place; ours stands in front.
fn without_place(message: &str) -> &str {
    let first = message.lines().next().unwrap_or(message);
    first.split(" at line ").next().unwrap_or(first)
}

/// In YAML a plain `*.pem` is a reference and a plain `!name` a tag.
fn quoting_hint(text: &str, place: Location) -> Option<String> {
    let line = text
        .lines()
        .nth(usize::try_from(place.line()).ok()?.checked_sub(1)?)?;
    let item = line.trim().trim_start_matches("- ").trim();
    item.starts_with(['*', '!', '&', '%', '@', '`', '~'])
        .then(|| {
            format!(
                "put the pattern in quotes: \"{}\"",
                item.trim_end_matches(',')
            )
        })
}

/// The word that needs the fewest changes, if it needs few.
#[must_use]
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let (distance, best) = known.iter().map(|k| (distance(word, k), *k)).min()?;
    (distance <= 1 + word.len() / 4).then_some(best)
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
