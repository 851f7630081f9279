//! What was done to which file, written down before it is done.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::catalog::Scope;
use super::edit::{self, Edit, Format, Refused};
use super::template;
use crate::shim::atomic;

/// The layout of the file.
const VERSION: u32 = 1;

/// One installation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    version: u32,
    /// Which agent.
    pub agent: String,
    /// For whom.
    pub scope: Scope,
    /// In which project; none for the other scopes.
    pub project: Option<PathBuf>,
    /// The files, in the order of editing.
    pub files: Vec<Entry>,
}

/// What was done to one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The file.
    pub path: PathBuf,
    /// How it is written.
    pub format: Format,
    /// Its text before; none if there was no file.
    pub before: Option<String>,
    /// The digest of its text after.
    pub after: String,
    /// What was done, and how many containers were made for it.
    pub edits: Vec<(Edit, usize)>,
    /// Directories that were made for it, outermost first.
    pub directories: Vec<PathBuf>,
}

impl Receipt {
    /// A new one.
    #[must_use]
    pub fn new(agent: &str, scope: Scope, project: Option<&Path>, files: Vec<Entry>) -> Self {
        Self {
            version: VERSION,
            agent: agent.to_owned(),
            scope,
            project: project.map(Path::to_owned),
            files,
        }
    }

    /// The receipt at this place, if there is one.
    ///
    /// # Errors
    /// When it cannot be read or understood.
    pub fn load(path: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let receipt: Self = serde_json::from_slice(&text)?;
        if receipt.version > VERSION {
            return Err(io::Error::other("written by a newer aigate"));
        }
        Ok(Some(receipt))
    }

    /// Writes it; only its owner may read it, for settings files have secrets in them.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn store(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        atomic::replace(path, &text, 0o600, None)
    }

    /// The entry of a file.
    #[must_use]
    pub fn entry(&self, path: &Path) -> Option<&Entry> {
        self.files.iter().find(|entry| entry.path == path)
    }
}

impl Entry {
    /// The text without what was done: byte for byte what it was if nobody changed it since, and
    /// else what others made of it, less our own. None where no file is to be left.
    ///
    /// # Errors
    /// When what others made of it is no longer valid.
    pub fn undone(&self, current: Option<&str>) -> Result<Option<String>, Refused> {
        let Some(text) = current else {
            return Ok(None);
        };
        if self.before.as_deref() == current || template::hex(text.as_bytes()) == self.after {
            return Ok(self.before.clone());
        }
        if self
            .edits
            .iter()
            .any(|(edit, _)| matches!(edit, Edit::Write { .. }))
        {
            return Err(Refused::Foreign);
        }
        let mut text = text.to_owned();
        for (edit, made) in self.edits.iter().rev() {
            text = edit.take_back(self.format, &text, *made)?;
        }
        let is_bare = matches!(text.trim(), "" | "{}");
        Ok((self.before.is_some() || !is_bare).then_some(text))
    }

    /// Why its agent ignores the file as it is now, if that is so.
    #[must_use]
    pub fn fault(&self, text: &str) -> Option<Refused> {
        match self.format {
            Format::Text => None,
            format => edit::read(format, edit::split(text).1).err(),
        }
    }

    /// Whether everything that was done is still there.
    #[must_use]
    pub fn is_whole(&self, current: Option<&str>) -> bool {
        current.is_some_and(|text| {
            template::hex(text.as_bytes()) == self.after
                || self
                    .edits
                    .iter()
                    .all(|(edit, _)| edit.is_in(self.format, text))
        })
    }
}
