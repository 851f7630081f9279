//! The user's commands on the rules: make them, change them, ask them, trust them.

pub mod diff;
pub mod edit;
pub mod explain;
pub mod init;
pub mod place;
pub mod preset;
pub mod reset;
pub mod show;
pub mod status;
pub mod trust;

use std::fmt;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::account;
use crate::config::edit::Refused;
use crate::config::{self, Diagnostic, load};
use crate::policy::Origin;
use crate::shim::atomic;

/// Why a command on the rules did nothing.
#[derive(Debug)]
pub enum Error {
    /// The rules cannot be read.
    Config(config::Error),
    /// There is a configuration already.
    Initialized(PathBuf),
    /// A file cannot be written.
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be read.
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file's form cannot be edited.
    Edit {
        /// Which file.
        file: PathBuf,
        /// Why.
        refused: Refused,
    },
    /// A file was changed by someone else between reading and writing.
    Changed(PathBuf),
    /// A rule that the user cannot cancel.
    Pinned {
        /// What was asked for.
        item: String,
        /// The rule.
        by: Origin,
    },
    /// The network is off, so no single host can be allowed.
    NetworkOff(Origin),
    /// Something would be lost.
    NeedsForce(Vec<PathBuf>),
    /// There is nothing to trust here.
    NoProjectFile(PathBuf),
    /// A preset taught nothing.
    Preset(preset::Error),
    /// What was asked is not a question.
    Question(String),
    /// The account for agents stands in the way.
    Account(account::Error),
}

impl From<account::Error> for Error {
    fn from(error: account::Error) -> Self {
        Self::Account(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Config(error) => error.fmt(f),
            Error::Initialized(file) => write!(
                f,
                "already initialized: {} exists\nuse --force to replace it by the built-in rules \
                 (the old file is kept beside it)",
                file.display()
            ),
            Error::Write { path, source } => {
                write!(f, "cannot write {}: {source}", path.display())
            }
            Error::Read { path, source } => {
                write!(f, "cannot read {}: {source}", path.display())
            }
            Error::Edit { file, refused } => write!(f, "{}: {refused}", file.display()),
            Error::Changed(file) => write!(
                f,
                "{} was changed by another program meanwhile; nothing was written, try again",
                file.display()
            ),
            Error::Pinned { item, by } => {
                write!(f, "`{item}` cannot be allowed: {by} is not yours to cancel")
            }
            Error::NetworkOff(by) => write!(
                f,
                "the network is off because of {by}; set `network: filtered` there first"
            ),
            Error::Account(error) => error.fmt(f),
            Error::NeedsForce(paths) if paths.is_empty() => {
                write!(
                    f,
                    "this would remove the account; run it again with --force to do so"
                )
            }
            Error::NeedsForce(paths) => {
                writeln!(f, "this would delete, without a way back:")?;
                for path in paths {
                    writeln!(f, "  {}", path.display())?;
                }
                write!(f, "run it again with --force to do so")
            }
            Error::NoProjectFile(project) => write!(
                f,
                "there is no .aigate.yaml from here up to {}, so there is nothing to trust",
                project.display()
            ),
            Error::Preset(error) => error.fmt(f),
            Error::Question(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}

impl From<config::Error> for Error {
    fn from(error: config::Error) -> Self {
        Error::Config(error)
    }
}

impl From<preset::Error> for Error {
    fn from(error: preset::Error) -> Self {
        Error::Preset(error)
    }
}

impl From<Diagnostic> for Error {
    fn from(diagnostic: Diagnostic) -> Self {
        Error::Config(config::Error::At(Box::new(diagnostic)))
    }
}

/// The directory that belongs to aigate, made if need be; nobody else may look into it.
fn own_directory(home: &Path) -> Result<PathBuf, Error> {
    let path = home.join(".aigate");
    let failed = |source| Error::Write {
        path: path.clone(),
        source,
    };
    match DirBuilder::new().mode(0o700).create(&path) {
        Ok(()) => Ok(path),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            let mode = fs::metadata(&path).map_err(failed)?.permissions().mode();
            if mode & 0o077 != 0 {
                fs::set_permissions(&path, Permissions::from_mode(0o700)).map_err(failed)?;
            }
            Ok(path)
        }
        Err(e) => Err(failed(e)),
    }
}

/// Writes a file of the user's if it still has the text that was read. Two of our own processes
/// wait for each other.
fn store(home: &Path, file: &Path, before: Option<&str>, after: &str) -> Result<(), Error> {
    let own = own_directory(home)?;
    let failed = |source| Error::Write {
        path: file.to_path_buf(),
        source,
    };
    let lock = File::open(&own).map_err(failed)?;
    lock.lock().map_err(failed)?;
    let private = file.starts_with(&own);
    if private && let Some(parent) = file.parent() {
        DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(parent)
            .map_err(failed)?;
    }
    if config::source::read(file)?.as_deref() != before {
        return Err(Error::Changed(file.to_path_buf()));
    }
    let mode = if private { 0o600 } else { 0o644 };
    atomic::replace(file, after.as_bytes(), mode, None).map_err(failed)
}

/// The home of this process's user, by its real name.
///
/// # Errors
/// When there is none.
pub fn home() -> Result<PathBuf, Error> {
    Ok(load::canonical_home(&load::home()?)?)
}
