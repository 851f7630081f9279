//! The words of the profile language: strings, filters, rules. Pure.
//!
//! The language is a Scheme: whoever ends a string from inside writes rules of his own. So every path
//! and expression goes through [`quoted`], and nothing else of a policy reaches the text.

use std::fmt;
use std::path::{Path, PathBuf};

/// A path that the profile language has no words for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsayable(pub PathBuf);

impl fmt::Display for Unsayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.0.to_string_lossy();
        let path = path.escape_debug();
        write!(
            f,
            "{path}: a path with control characters, or one that is no text, cannot be named"
        )
    }
}

/// One expression of what a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// This path alone, already [`quoted`].
    Literal(String),
    /// This path and everything below it, already [`quoted`].
    Subpath(String),
    /// Paths in which the expression is found; not yet quoted.
    Regex(String),
    /// What this word of the language says about this value; not yet quoted.
    Named(&'static str, String),
    /// An expression of the language without a value.
    Word(&'static str),
    /// At least one of these.
    Any(Vec<Filter>),
    /// All of these.
    All(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
}

impl Filter {
    /// Only directories.
    pub const DIRECTORY: Filter = Filter::Word("vnode-type DIRECTORY");

    /// This path alone.
    ///
    /// # Errors
    /// When the language cannot name it.
    pub fn literal(path: &Path) -> Result<Filter, Unsayable> {
        path_text(path).map(|text| Filter::Literal(quoted(text)))
    }

    /// This path and everything below it.
    ///
    /// # Errors
    /// When the language cannot name it.
    pub fn subpath(path: &Path) -> Result<Filter, Unsayable> {
        path_text(path).map(|text| Filter::Subpath(quoted(text)))
    }

    /// At least one of these; none when there are none, for the language would take that for all.
    #[must_use]
    pub fn any(filters: Vec<Filter>) -> Option<Filter> {
        let flat = filters.into_iter().flat_map(|filter| match filter {
            Filter::Any(inner) => inner,
            single => vec![single],
        });
        let mut flat: Vec<_> = flat.collect();
        match flat.len() {
            0 | 1 => flat.pop(),
            _ => Some(Filter::Any(flat)),
        }
    }

    /// What is in the first and in none of the others.
    #[must_use]
    pub fn without(self, others: impl IntoIterator<Item = Filter>) -> Filter {
        let others = others.into_iter().map(|other| Filter::Not(other.into()));
        let all: Vec<_> = [self].into_iter().chain(others).collect();
        match <[Filter; 1]>::try_from(all) {
            Ok([only]) => only,
            Err(all) => Filter::All(all),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        write!(f, "\n{:1$}", "", 2 * depth)?;
        match self {
            Filter::Literal(path) => write!(f, "(literal {path})"),
            Filter::Subpath(path) => write!(f, "(subpath {path})"),
            Filter::Regex(expression) => write!(f, "(regex {})", quoted(expression)),
            Filter::Named(word, value) => write!(f, "({word} {})", quoted(value)),
            Filter::Word(text) => write!(f, "({text})"),
            Filter::Any(filters) => list(f, "require-any", filters, depth),
            Filter::All(filters) => list(f, "require-all", filters, depth),
            Filter::Not(filter) => {
                write!(f, "(require-not")?;
                filter.write(f, depth + 1)?;
                write!(f, ")")
            }
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, word: &str, filters: &[Filter], depth: usize) -> fmt::Result {
    write!(f, "({word}")?;
    filters
        .iter()
        .try_for_each(|filter| filter.write(f, depth + 1))?;
    write!(f, ")")
}

/// One rule of the profile: a verdict, the operations and what they are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `allow` or `deny`.
    pub verdict: &'static str,
    /// Operations, as the language calls them.
    pub operations: &'static str,
    /// About which objects; all of them when there are none.
    pub filter: Option<Filter>,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} {}", self.verdict, self.operations)?;
        match &self.filter {
            // Several filters of one rule are as good as `require-any`.
            Some(Filter::Any(filters)) => filters.iter().try_for_each(|one| one.write(f, 1))?,
            Some(filter) => filter.write(f, 1)?,
            None => {}
        }
        writeln!(f, ")")
    }
}

/// A string of the language. Every character that could end it is taken at its turn: whoever replaced
/// quotes first and backslashes afterwards would open what he had closed.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

fn path_text(path: &Path) -> Result<&str, Unsayable> {
    let text = path
        .to_str()
        .filter(|text| !text.contains(char::is_control));
    text.ok_or_else(|| Unsayable(path.to_owned()))
}
