//! One thing that the installation owns: how to make it, whether it is whole, how to take it away.
//!
//! Every item can be made again and taken away again, from any state a crash may have left.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::atomic;
use super::owned::LINK_TARGET;
use super::startup_file::{self, Ages};

/// What every whole file of ours begins with, so that it is known for ours wherever it stands.
pub const HEADER: &str = "# Written by `aigate shim`";

/// The program of this process.
const RUNNING: &str = "/proc/self/exe";

/// A thing that `shim install` makes. The order is that of making: PATH must not name what is not
/// there yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Item {
    /// A directory of ours; taken away once it is empty.
    Directory {
        /// Where.
        path: PathBuf,
    },
    /// Our own copy of the program.
    Program {
        /// Where.
        path: PathBuf,
    },
    /// The shim of one tool.
    Link {
        /// Where.
        path: PathBuf,
    },
    /// A whole file of ours.
    File {
        /// Where.
        path: PathBuf,
        /// Its content.
        text: String,
    },
    /// Our lines in a startup file of the user.
    Lines {
        /// Where.
        path: PathBuf,
        /// The lines.
        body: String,
        /// The age of the file.
        ages: Option<Ages>,
    },
}

/// What became of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was as it should be.
    Unchanged,
    /// It was made or taken away.
    Done,
    /// It was left alone, and why.
    Left(String),
}

/// How an item is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Whole,
    /// Not there.
    Missing,
    /// There, but not as we made it.
    Changed(String),
}

impl Item {
    /// The place of the item.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Directory { path }
            | Self::Program { path }
            | Self::Link { path }
            | Self::File { path, .. }
            | Self::Lines { path, .. } => path,
        }
    }

    /// When it is made: lower first, and taken away last.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self {
            Self::Directory { .. } => 0,
            Self::Program { .. } => 1,
            Self::Link { .. } => 2,
            Self::File { .. } => 3,
            Self::Lines { .. } => 4,
        }
    }

    /// Makes the item, or makes it whole again.
    pub fn make(&self) -> io::Result<Outcome> {
        let state = self.state();
        if state == State::Whole {
            return Ok(Outcome::Unchanged);
        }
        match self {
            Self::Directory { path } => make_directory(path)?,
            Self::Program { path } => copy_program(path)?,
            Self::Link { path } if path.exists() && !path.is_symlink() => {
                return Ok(Outcome::Left("somebody else's file".into()));
            }
            Self::File { path, .. } if !is_ours(path) => {
                return Ok(Outcome::Left("somebody else's file".into()));
            }
            Self::Link { path } => atomic::link(LINK_TARGET.as_ref(), path)?,
            Self::File { path, text } => atomic::replace(path, text.as_bytes(), 0o644, None)?,
            Self::Lines { path, body, ages } => return startup_file::put_in(path, body, *ages),
        }
        Ok(Outcome::Done)
    }

    /// How the item is now.
    #[must_use]
    pub fn state(&self) -> State {
        let Ok(meta) = fs::symlink_metadata(self.path()) else {
            return State::Missing;
        };
        match self {
            Self::Directory { .. } if meta.is_dir() => State::Whole,
            Self::Directory { .. } => State::Changed("not a directory".into()),
            Self::Program { path } => program_state(path),
            Self::Link { path } => match fs::read_link(path) {
                Ok(target) if target == Path::new(LINK_TARGET) => State::Whole,
                Ok(target) => State::Changed(format!("points to {}", target.display())),
                Err(_) => State::Changed("not a link".into()),
            },
            Self::File { path, text } => match fs::read(path) {
                Ok(content) if content == text.as_bytes() => State::Whole,
                Ok(_) => State::Changed("not this version of aigate".into()),
                Err(error) => State::Changed(error.to_string()),
            },
            Self::Lines { path, body, .. } => startup_file::state(path, body),
        }
    }

    /// Takes the item away. What is not as we made it stays, and the outcome says so.
    pub fn take_away(&self) -> io::Result<Outcome> {
        match (self, self.state()) {
            (_, State::Missing) => Ok(Outcome::Unchanged),
            (Self::Directory { path }, _) => match fs::remove_dir(path) {
                Ok(()) => Ok(Outcome::Done),
                Err(error) => Ok(Outcome::Left(error.to_string())),
            },
            (Self::Lines { path, body, ages }, _) => startup_file::take_out(path, body, *ages),
            (Self::Link { .. }, State::Changed(how)) => Ok(Outcome::Left(how)),
            (Self::File { path, .. }, _) if !is_ours(path) => {
                Ok(Outcome::Left("somebody else's file".into()))
            }
            (Self::Program { path } | Self::Link { path } | Self::File { path, .. }, _) => {
                fs::remove_file(path).map(|()| Outcome::Done)
            }
        }
    }
}

/// Whether a file is absent or was written by us.
fn is_ours(path: &Path) -> bool {
    match fs::read(path) {
        Ok(content) => content.starts_with(HEADER.as_bytes()),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Directories below an existing one are made too; nobody else has to look into them.
fn make_directory(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o700))
}

/// A new inode, renamed into place: a running shim keeps the old one and nobody meets ETXTBSY. The
/// copy has the age of its original, which tells a newer program from an older one.
fn copy_program(path: &Path) -> io::Result<()> {
    let running = fs::read(RUNNING)?;
    let age = fs::metadata(RUNNING)?.modified()?;
    atomic::replace(path, &running, 0o755, Some(age))?;
    fs::set_permissions(path, Permissions::from_mode(0o755))
}

/// Whether this program is newer than our copy of it; without a copy there is nothing to compare.
#[must_use]
pub fn is_newer_than(copy: &Path) -> bool {
    let age = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    match (age(Path::new(RUNNING)), age(copy)) {
        (Some(running), Some(copy)) => running > copy,
        _ => false,
    }
}

fn program_state(path: &Path) -> State {
    let Ok(meta) = fs::metadata(path) else {
        return State::Missing;
    };
    if meta.permissions().mode() & 0o100 == 0 {
        return State::Changed("not executable".into());
    }
    let running = fs::metadata(RUNNING);
    let same_length = running.is_ok_and(|running| running.len() == meta.len());
    if same_length && fs::read(path).ok() == fs::read(RUNNING).ok() {
        State::Whole
    } else {
        State::Changed("not this version of aigate".into())
    }
}
