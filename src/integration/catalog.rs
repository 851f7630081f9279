//! What `integrations/*` says: for each agent the files to edit, and the language of its hooks.
//!
//! The files are part of the program. Writes nothing.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use include_dir::{Dir, File, include_dir};
use serde::Deserialize;

use super::dialect::Dialect;
use super::edit::{Edit, Format};
use crate::shim::place::Place;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/integrations");
const NAME: &str = "integration.yaml";

/// Whom an installation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// This user, in all projects.
    User,
    /// Everybody who works in this project.
    Project,
    /// Everybody on this machine; no user takes it away.
    Managed,
}

impl Scope {
    /// The word used in the data and on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Project => "project",
            Self::Managed => "managed",
        }
    }
}

/// One agent, as its file describes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// What people call it.
    pub product: String,
    /// What people type: the name of the tool's profile, too.
    pub command: String,
    /// Directories that tell that the agent is there although its command is not on PATH.
    #[serde(default)]
    pub signs: Vec<Place>,
    /// Installed only when it is named: another way for an agent that has one.
    #[serde(default)]
    pub by_name_only: bool,
    /// What is installed for whom.
    #[serde(default)]
    pub scopes: BTreeMap<Scope, Vec<Target>>,
    /// The languages of its hooks.
    #[serde(default)]
    pub hook: Vec<Dialect>,
    /// Settings that switch the hooks off.
    #[serde(default)]
    pub defeats: Vec<Defeat>,
    /// Variables of the environment that do, when they are set.
    #[serde(default)]
    pub variables: Vec<Variable>,
    /// What no installation covers, for people.
    #[serde(default)]
    pub not_covered: Vec<String>,
}

/// A file to edit, wherever it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The places of this file: the stable program, its siblings, a remote host's.
    pub at: Vec<Location>,
    /// A word that stands for the file's path in later files.
    #[serde(default)]
    pub named: Option<String>,
    /// How it is written.
    pub format: Format,
    /// What is changed.
    #[serde(default)]
    pub edits: Vec<Change>,
    /// A file of changes that several agents share, below `integrations/`.
    #[serde(default)]
    pub also: Option<String>,
}

/// One place of a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// The file.
    pub file: Spot,
    /// Only where this exists.
    #[serde(default)]
    pub when: Option<Spot>,
}

/// A change, and the word for the place of what it appends.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Adds to a list.
    #[serde(default)]
    pub append: Option<Append>,
    /// Sets a key.
    #[serde(default)]
    pub set: Option<Set>,
    /// A whole file: its text, or the name of a file below `integrations/`.
    #[serde(default)]
    pub write: Option<Write>,
}

/// See [`Edit::Append`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Append {
    /// The keys that lead to the list.
    pub to: Vec<String>,
    /// The item.
    pub item: serde_json::Value,
    /// A word that stands for the item's place in later changes.
    #[serde(default)]
    pub number: Option<String>,
}

/// See [`Edit::Set`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// The keys that lead to the value.
    pub key: Vec<String>,
    /// The value.
    pub value: serde_json::Value,
}

/// See [`Edit::Write`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// The file below `integrations/` that has the text.
    pub from: String,
    /// Whether it is started as a program.
    #[serde(default)]
    pub program: bool,
}

/// A setting that switches the hooks off.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defeat {
    /// The file.
    pub file: Spot,
    /// How it is written.
    pub format: Format,
    /// The key.
    pub key: Vec<String>,
    /// The value that does it.
    #[serde(default)]
    pub value: Option<serde_json::Value>,
    /// The item of a list that does it.
    #[serde(default)]
    pub item: Option<serde_json::Value>,
    /// The scopes that it defeats.
    pub scopes: Vec<Scope>,
}

/// A variable of the environment that switches the hooks off.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// The scopes that it defeats.
    pub scopes: Vec<Scope>,
}

impl Defeat {
    /// Whether a file with this text switches the hooks off.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        let key = || self.key.clone();
        let set = self
            .value
            .clone()
            .map(|value| Edit::Set { key: key(), value });
        let listed = self
            .item
            .clone()
            .map(|item| Edit::Append { to: key(), item });
        let mut edits = set.into_iter().chain(listed);
        edits.any(|edit| edit.is_in(self.format, text))
    }
}

impl Variable {
    /// Whether this value switches the hooks off.
    #[must_use]
    pub fn is_set(value: Option<&OsStr>) -> bool {
        value.is_some_and(|value| !["", "0", "false"].iter().any(|off| value == *off))
    }
}

/// A path of the data: that of a [`Place`], or `./x` in the project.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Spot {
    /// In the project.
    Project(PathBuf),
    /// Of the user or the machine.
    Host(Place),
}

impl TryFrom<String> for Spot {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.strip_prefix("./") {
            Some(rest) if !rest.contains("..") => Ok(Self::Project(rest.into())),
            Some(_) => Err(format!("{text:?} leads out of the project")),
            None => Place::try_from(text).map(Self::Host),
        }
    }
}

impl Spot {
    /// The absolute path.
    #[must_use]
    pub fn resolve(&self, home: &Path, project: &Path) -> PathBuf {
        match self {
            Self::Project(rest) => project.join(rest),
            Self::Host(place) => place.resolve(home, &|name| std::env::var_os(name)),
        }
    }
}

/// A file of the data that does not say what it must.
#[derive(Debug)]
pub struct Invalid {
    file: String,
    reason: String,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "integrations/{}: {}", self.file, self.reason)
    }
}

impl std::error::Error for Invalid {}

/// The names of all agents, in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    let mut names: Vec<_> = FILES
        .dirs()
        .filter(|dir| dir.get_file(dir.path().join(NAME)).is_some())
        .filter_map(|dir| dir.path().to_str())
        .collect();
    names.sort_unstable();
    names.into_iter()
}

/// The agent of this name, if there is one.
///
/// # Errors
/// When its file is wrong.
pub fn agent(name: &str) -> Result<Option<Agent>, Invalid> {
    let file = format!("{name}/{NAME}");
    if !names().any(|known| known == name) {
        return Ok(None);
    }
    read(&file).map(Some)
}

fn read<T: for<'de> Deserialize<'de>>(file: &str) -> Result<T, Invalid> {
    serde_saphyr::from_str(text(file)?).map_err(|why| Invalid {
        file: file.to_owned(),
        reason: why.to_string(),
    })
}

fn text(file: &str) -> Result<&'static str, Invalid> {
    let found = FILES.get_file(file).and_then(File::contents_utf8);
    found.ok_or_else(|| Invalid {
        file: file.to_owned(),
        reason: "there is no such file".to_owned(),
    })
}

impl Target {
    /// All changes of this file, in order.
    ///
    /// # Errors
    /// When a file that it names is wrong.
    pub fn changes(&self) -> Result<Vec<Change>, Invalid> {
        let mut changes = self.edits.clone();
        if let Some(file) = &self.also {
            changes.extend(read::<Vec<Change>>(file)?);
        }
        Ok(changes)
    }
}

impl Change {
    /// The edit, with its words still to be filled in, and the word for its place.
    ///
    /// # Errors
    /// When it is none, or more than one.
    pub fn edit(&self) -> Result<(Edit, Option<&str>), Invalid> {
        match (&self.append, &self.set, &self.write) {
            (Some(append), None, None) => {
                let (to, item) = (append.to.clone(), append.item.clone());
                Ok((Edit::Append { to, item }, append.number.as_deref()))
            }
            (None, Some(set), None) => {
                let (key, value) = (set.key.clone(), set.value.clone());
                Ok((Edit::Set { key, value }, None))
            }
            (None, None, Some(write)) => {
                let (text, program) = (text(&write.from)?.to_owned(), write.program);
                Ok((Edit::Write { text, program }, None))
            }
            _ => Err(Invalid {
                file: NAME.to_owned(),
                reason: "a change is one of append, set, write".to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_valid_and_its_tool_is_known() {
        assert!(names().count() > 0);
        for name in names() {
            let agent = agent(name).unwrap().unwrap();
            let tool = crate::shim::catalog::tool(agent.command.as_ref()).unwrap();
            assert!(tool.is_some(), "{name}: no tool is named {}", agent.command);
            for defeat in &agent.defeats {
                let one = defeat.value.is_some() ^ defeat.item.is_some();
                assert!(one, "{name}: a defeat is a value or an item");
            }
            for target in agent.scopes.values().flatten() {
                assert!(!target.at.is_empty(), "{name}");
                for change in target.changes().unwrap() {
                    let (edit, _) = change.edit().unwrap();
                    let is_text = target.format == Format::Text;
                    assert_eq!(is_text, matches!(edit, Edit::Write { .. }), "{name}");
                    assert_eq!(is_text, edit.keys().is_empty(), "{name}");
                }
            }
        }
    }

    #[test]
    fn an_unknown_name_is_no_agent() {
        assert!(agent("../shims").unwrap().is_none());
        assert!(agent("").unwrap().is_none());
    }

    #[test]
    fn a_spot_stays_where_it_is_said_to_be() {
        assert!(Spot::try_from("./../x".to_owned()).is_err());
        assert!(Spot::try_from("x".to_owned()).is_err());
        let spot = Spot::try_from("./.x/y".to_owned()).unwrap();
        assert_eq!(
            spot.resolve(Path::new("/h"), Path::new("/p")),
            Path::new("/p/.x/y")
        );
    }
}
