//! The user's approval of a project file, by its path and its exact content.
//!
//! A record lies in `~/.aigate/trust/` under the hash of the file's path and holds the content that
//! was approved, so that a change can be shown and not only noticed.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::Error;
use super::source;

/// What the records say about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Never approved.
    Unknown,
    /// Approved as it is.
    Trusted,
    /// Approved with this other content.
    Changed(String),
}

/// A name for a path that no other path has.
#[must_use]
pub fn key(path: &Path) -> String {
    let digest = Sha256::digest(path.as_os_str().as_bytes());
    digest
        .iter()
        .take(16)
        .fold(String::with_capacity(32), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Where the approval of a project file is kept.
#[must_use]
pub fn record(home: &Path, file: &Path) -> PathBuf {
    home.join(".aigate/trust")
        .join(format!("{}.yaml", key(file)))
}

/// The user's own file for a project.
#[must_use]
pub fn project_file(home: &Path, project: &Path) -> PathBuf {
    home.join(".aigate/projects")
        .join(format!("{}.yaml", key(project)))
}

/// What a record, if there is one, says about a file with this content.
#[must_use]
pub fn compare(approved: Option<String>, content: &str) -> Trust {
    match approved {
        None => Trust::Unknown,
        Some(approved) if approved == content => Trust::Trusted,
        Some(approved) => Trust::Changed(approved),
    }
}

/// What the records say about a file with this content.
///
/// # Errors
/// When the record is there and cannot be read.
pub fn check(home: &Path, file: &Path, content: &str) -> Result<Trust, Error> {
    Ok(compare(source::read(&record(home, file))?, content))
}
