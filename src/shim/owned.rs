//! `~/.aigate`, the one directory that is ours: which file in it is what.

use std::path::{Path, PathBuf};

/// The directory that is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    root: PathBuf,
}

/// Where every link of [`Owned::shims`] points: relative, so that a moved HOME keeps working.
pub const LINK_TARGET: &str = "../bin/aigate";

impl Owned {
    /// The directory of the user whose home this is.
    #[must_use]
    pub fn of_home(home: &Path) -> Self {
        Self {
            root: home.join(".aigate"),
        }
    }

    /// The directory that holds this shim, or nothing if the file is not a link of ours.
    #[must_use]
    pub fn of_link(link: &Path) -> Option<Self> {
        if std::fs::read_link(link).ok()? != Path::new(LINK_TARGET) {
            return None;
        }
        let shims = std::fs::canonicalize(directory_of(link)).ok()?;
        if shims.file_name()? != "shims" {
            return None;
        }
        Some(Self {
            root: shims.parent()?.into(),
        })
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The only directory of ours on PATH.
    #[must_use]
    pub fn shims(&self) -> PathBuf {
        self.root.join("shims")
    }

    /// Our own copy of the program.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        self.root.join("bin/aigate")
    }

    /// What sh, bash and zsh source.
    #[must_use]
    pub fn env_sh(&self) -> PathBuf {
        self.root.join("env.sh")
    }

    /// What fish sources.
    #[must_use]
    pub fn env_fish(&self) -> PathBuf {
        self.root.join("env.fish")
    }

    /// Held while something here is changed.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// What `integrate install` did, one file for each.
    #[must_use]
    pub fn receipts(&self) -> PathBuf {
        self.root.join("integrations")
    }

    /// What `shim install` did, to list, repeat and undo it.
    #[must_use]
    pub fn manifest(&self) -> PathBuf {
        self.root.join("manifest")
    }
}

fn directory_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
