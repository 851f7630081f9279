//! Puts our lines into a startup file of the user and takes them out again, byte for byte.
//!
//! The file keeps its mode, its owner, being a link, and, if nobody else touched it meanwhile, its
//! age. A file that the user keeps from being written is left alone.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::atomic;
use super::block::{Block, Found};
use super::item::{Outcome, State};

/// When the file was written last, before us and by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ages {
    before: SystemTime,
    ours: SystemTime,
}

impl Ages {
    /// The age a file has, and the one we are going to give it.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let before = fs::metadata(path).ok()?.modified().ok()?;
        Some(Self {
            before,
            ours: SystemTime::now(),
        })
    }
}

/// Whether our lines are there.
#[must_use]
pub fn state(path: &Path, body: &str) -> State {
    let Ok(content) = fs::read(path) else {
        return State::Missing;
    };
    match Block::new(body).find(&content) {
        Found::Nothing => State::Missing,
        Found::Ours => State::Whole,
        Found::Changed(from, to) => State::Changed(format!("lines {from} to {to} were edited")),
    }
}

/// Puts our lines in.
pub fn put_in(path: &Path, body: &str, ages: Option<Ages>) -> io::Result<Outcome> {
    if let State::Changed(how) = state(path, body) {
        return Ok(Outcome::Left(how));
    }
    let content = match fs::read(path) {
        Ok(content) => Some(content),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_link(path) => None,
        Err(error) => return Ok(Outcome::Left(format!("{error}; add this line: {body}"))),
    };
    if let Some(why) = fs::metadata(path).ok().and_then(|meta| kept_by_user(&meta)) {
        return Ok(Outcome::Left(format!("{why}; add this line: {body}")));
    }
    let new = Block::new(body).put_into(content.as_deref());
    write(path, &new, ages.map(|ages| ages.ours), body)
}

/// Takes our lines out.
pub fn take_out(path: &Path, body: &str, ages: Option<Ages>) -> io::Result<Outcome> {
    let content = match fs::read(path) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Outcome::Unchanged),
        Err(error) => return Ok(Outcome::Left(error.to_string())),
    };
    let block = Block::new(body);
    match (block.take_out(&content), block.find(&content)) {
        (Some(None), _) => fs::remove_file(path).map(|()| Outcome::Done),
        (Some(Some(rest)), _) => {
            let now = fs::metadata(path)?.modified().ok();
            let untouched = ages.filter(|ages| now == Some(ages.ours));
            write(path, &rest, untouched.map(|ages| ages.before), body)
        }
        (None, Found::Changed(from, to)) => Ok(Outcome::Left(format!(
            "lines {from} to {to} were edited; take them out yourself"
        ))),
        (None, _) => Ok(Outcome::Unchanged),
    }
}

fn write(path: &Path, content: &[u8], age: Option<SystemTime>, body: &str) -> io::Result<Outcome> {
    match atomic::replace(path, content, 0o644, age) {
        Ok(()) => Ok(Outcome::Done),
        Err(error) if is_refusal(&error) => Ok(Outcome::Left(format!(
            "{error}; this line is meant: {body}"
        ))),
        Err(error) => Err(error),
    }
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink())
}

/// Why a file should not be replaced: generated, shared with another name, or somebody else's.
#[must_use]
pub fn kept_by_user(meta: &Metadata) -> Option<&'static str> {
    if meta.uid() != nix::unistd::geteuid().as_raw() {
        Some("it belongs to another user")
    } else if meta.nlink() > 1 {
        Some("it has another name (hard link)")
    } else if meta.mode() & 0o200 == 0 {
        Some("it is read-only")
    } else if !meta.is_file() {
        Some("it is not a regular file")
    } else {
        None
    }
}
