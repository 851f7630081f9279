//! The catalogue: what each tool of `shims/*.yaml` is called, keeps and needs.
//!
//! The files are part of the program, so that a shim works without any other file. Knows no tool
//! by name and writes nothing.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;

use include_dir::{Dir, File, include_dir};
use serde::Deserialize;

use super::instance::Instance;
use super::key_path::KeyPath;
use super::place::Place;
use crate::config::raw::Layer;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/shims");

/// One tool, as its file describes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// What people call it.
    pub product: String,
    /// What people type; also the name of its file.
    pub command: String,
    /// The tool of which this is another name: all but the names comes from its file.
    #[serde(default)]
    pub like: Option<String>,
    /// For a name that others use too: what the real path of the right program contains.
    #[serde(default)]
    pub recognise: Option<String>,
    /// Directories the tool makes for itself and writes: made before the start, writable inside.
    #[serde(default)]
    pub state: Vec<Place>,
    /// Directories and files the tool writes only where they exist: never made by us.
    #[serde(default)]
    pub state_if_present: Vec<Place>,
    /// Parts of the state that the tool, or another program of the user, executes or obeys later:
    /// read-only inside.
    #[serde(default)]
    pub protect: Vec<Place>,
    /// Parts of the state that are out of sight inside.
    #[serde(default)]
    pub hide: Vec<Place>,
    /// Files that the tool replaces by rename directly in HOME, kept elsewhere inside.
    #[serde(default)]
    pub home_files: Vec<HomeFile>,
    /// Sockets of the host that stay reachable where they exist.
    #[serde(default)]
    pub sockets: Vec<Place>,
    /// For a program of which one process serves every later start.
    #[serde(default)]
    pub instance: Option<Instance>,
    /// A launcher of the same name that only sends a message to where the user sits.
    #[serde(default)]
    pub messenger: Option<Messenger>,
    /// Guarded only when it is named: `install` without names passes it over.
    #[serde(default)]
    pub by_name_only: bool,
    /// Arguments put before the user's in a session.
    #[serde(default)]
    pub first_args: Vec<String>,
    /// What the tool adds to the configuration, merged as the layer `profile`.
    #[serde(default)]
    pub profile: Layer,
    /// Commands of the tool that change its own installation.
    #[serde(default)]
    pub maintenance: Vec<Maintenance>,
}

/// A file of HOME and where it is kept inside.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HomeFile {
    /// The file as the unsandboxed tool knows it.
    pub file: Place,
    /// The same file inside a state directory.
    pub kept_as: Place,
    /// Variables that make the tool look there. A user who sets one himself has moved the file
    /// himself: then there is nothing to reconcile.
    pub by: BTreeMap<String, Place>,
    /// Keys of this JSON file that keep their value from outside, as `a.*.b`: what they name is
    /// started by the unsandboxed tool.
    #[serde(default)]
    pub only_outside: Vec<KeyPath>,
}

/// The launcher in an editor's own terminal on another machine: it opens a file in the window that
/// the user sits before, and does nothing here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Messenger {
    /// The variable that says where to send it.
    pub variable: String,
    /// The name of the directory that the launcher is in.
    pub directory: String,
}

/// Verbs that need more than a session does.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// First arguments, as in `claude update`.
    pub verbs: Vec<String>,
    /// Whether these verbs exist to change what is protected otherwise.
    #[serde(default)]
    pub unprotected: bool,
    /// Whether these verbs write the program itself: its package and the directory of its entry.
    #[serde(default)]
    pub installation: bool,
    /// More state for these verbs.
    #[serde(default)]
    pub state: Vec<Place>,
    /// More settings for these verbs.
    #[serde(default)]
    pub profile: Layer,
}

/// A catalogue file that does not say what it must.
#[derive(Debug)]
pub struct Invalid {
    file: String,
    reason: String,
}

impl Invalid {
    pub(super) fn new(file: &str, reason: String) -> Self {
        let file = file.to_owned();
        Self { file, reason }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shims/{}: {}", self.file, self.reason)
    }
}

impl std::error::Error for Invalid {}

impl Tool {
    fn from_yaml(file: &str, text: &str) -> Result<Self, Invalid> {
        let invalid = |reason: String| Invalid {
            file: file.into(),
            reason,
        };
        let tool: Self = serde_saphyr::from_str(text).map_err(|e| invalid(e.to_string()))?;
        if file.strip_suffix(".yaml") != Some(&tool.command) {
            return Err(invalid(format!(
                "its command is {:?}; both must agree",
                tool.command
            )));
        }
        Ok(tool)
    }

    /// Whether this program only sends a message to another machine.
    #[must_use]
    pub fn is_messenger(&self, program: &Path, env: &dyn Fn(&OsStr) -> Option<OsString>) -> bool {
        self.messenger.as_ref().is_some_and(|messenger| {
            let directory = program.parent().and_then(Path::file_name);
            directory == Some(OsStr::new(&messenger.directory))
                && env(OsStr::new(&messenger.variable)).is_some_and(|value| !value.is_empty())
        })
    }

    /// Whether this program is the tool, and not another one of the same name.
    #[must_use]
    pub fn is_program(&self, program: &Path) -> bool {
        let Some(part) = &self.recognise else {
            return true;
        };
        let real = std::fs::canonicalize(program);
        real.is_ok_and(|real| real.to_string_lossy().contains(part.as_str()))
    }

    /// The maintenance entry that the arguments ask for. Options before the verb are not looked
    /// at: a tool with `--verbose update` runs as a session, which cannot write its installation.
    #[must_use]
    pub fn maintenance<S: AsRef<OsStr>>(&self, args: &[S]) -> Option<&Maintenance> {
        let verb = args.first()?.as_ref();
        self.maintenance
            .iter()
            .find(|m| m.verbs.iter().any(|v| OsStr::new(v) == verb))
    }
}

/// Whether the catalogue has a tool of this name; reads no more than the list of files.
#[must_use]
pub fn knows(command: &OsStr) -> bool {
    text(command).is_some()
}

/// The tool of this name, if there is one.
pub fn tool(command: &OsStr) -> Result<Option<Tool>, Invalid> {
    let Some((file, text)) = text(command) else {
        return Ok(None);
    };
    let named = Tool::from_yaml(file, text)?;
    let Some(like) = &named.like else {
        return Ok(Some(named));
    };
    let Some((_, other)) = self::text(OsStr::new(like)) else {
        return Err(Invalid {
            file: file.into(),
            reason: format!("no tool is named {like}"),
        });
    };
    let other = Tool::from_yaml(&format!("{like}.yaml"), other)?;
    Ok(Some(Tool {
        product: named.product,
        command: named.command,
        recognise: named.recognise,
        ..other
    }))
}

/// Every tool, ordered by command.
pub fn tools() -> Result<Vec<Tool>, Invalid> {
    commands()
        .map(|command| tool(OsStr::new(command)))
        .filter_map(Result::transpose)
        .collect()
}

/// The command of every tool, in order.
pub fn commands() -> impl Iterator<Item = &'static str> {
    let mut names: Vec<_> = FILES
        .files()
        .filter_map(|f| f.path().to_str()?.strip_suffix(".yaml"))
        .collect();
    names.sort_unstable();
    names.into_iter()
}

/// A file of `shims/shell`.
#[must_use]
pub fn shell_text(name: &str) -> &'static str {
    let file = FILES.get_file(format!("shell/{name}"));
    file.and_then(File::contents_utf8).unwrap_or_default()
}

/// The text of a file, by its path below `shims/`.
pub(super) fn file(path: &str) -> Option<&'static str> {
    FILES.get_file(path)?.contents_utf8()
}

/// The files of a folder, by their paths below `shims/`.
pub(super) fn files_below(folder: &str) -> impl Iterator<Item = &'static Path> {
    let folder = FILES.get_dir(folder.trim_end_matches('/'));
    folder.into_iter().flat_map(Dir::files).map(File::path)
}

fn text(command: &OsStr) -> Option<(&'static str, &'static str)> {
    let file = FILES.get_file(format!("{}.yaml", command.to_str()?))?;
    Some((file.path().to_str()?, file.contents_utf8()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_catalogue_is_valid() {
        assert_eq!(tools().unwrap().len(), FILES.files().count());
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_file() {
        let error = Tool::from_yaml("x.yaml", "product: X\ncommand: x\nstat: []\n").unwrap_err();
        assert!(error.to_string().starts_with("shims/x.yaml: "), "{error}");
        assert!(error.to_string().contains("stat"), "{error}");
    }

    #[test]
    fn the_command_is_the_name_of_the_file() {
        assert!(Tool::from_yaml("x.yaml", "product: X\ncommand: y\n").is_err());
    }

    #[test]
    fn a_verb_counts_only_as_the_first_argument() {
        let tool = Tool::from_yaml(
            "x.yaml",
            "product: X\ncommand: x\nmaintenance: [{verbs: [update]}]\n",
        )
        .unwrap();
        assert!(tool.maintenance(&["update"]).is_some());
        assert!(tool.maintenance(&["-p", "update"]).is_none());
        assert!(tool.maintenance::<&str>(&[]).is_none());
    }

    #[test]
    fn a_name_with_a_slash_is_no_tool() {
        assert!(!knows(OsStr::new("../shims/claude")));
        assert!(knows(OsStr::new("claude")));
    }
}
