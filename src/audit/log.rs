//! Writes events.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use nix::fcntl::{Flock, FlockArg, OFlag};
use serde_json::{Map, Value, json};

use super::event::Event;
use super::find::{KEPT, rotated};
use super::time::Time;

/// A file of this size is set aside before the next event.
const LARGEST: u64 = 64 << 20;

/// The log of one run.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    session: String,
    end: Mutex<End>,
    largest: u64,
}

#[derive(Debug)]
struct End {
    file: File,
    /// The last write was cut off, so the file may end in the middle of a line.
    is_torn: bool,
}

/// Why an event cannot be written.
#[derive(Debug)]
pub struct Error {
    /// Which file.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.source)
    }
}

impl std::error::Error for Error {}

impl Log {
    /// Opens the log at `path` for a new session, makes it if it is missing, and sets it aside first
    /// if it has grown large.
    ///
    /// # Errors
    /// When it is not a plain file of this user, or cannot be opened.
    pub fn open(path: &Path) -> Result<Log, Error> {
        open(path, LARGEST).map_err(|source| Error {
            path: path.to_owned(),
            source,
        })
    }

    /// Appends one event in one write.
    ///
    /// # Errors
    /// When it could not be written whole.
    pub fn write(&self, event: &Event<'_>) -> io::Result<()> {
        let mut line = Map::new();
        line.insert("time".to_owned(), Time::now().to_string().into());
        line.insert("session".to_owned(), self.session.as_str().into());
        line.insert("event".to_owned(), event.name().into());
        event.describe(&mut line);
        let mut text = json!(Value::Object(line)).to_string();
        text.push('\n');
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        // A run may last for weeks: its events belong into the file that is read now.
        if is_set_aside(&self.path, &end.file)? || end.file.metadata()?.len() >= self.largest {
            end.file = open_current(&self.path, self.largest)?;
            end.is_torn = false;
        }
        if end.is_torn {
            text.insert(0, '\n');
        }
        let written = end.file.write(text.as_bytes());
        let is_whole = matches!(written, Ok(length) if length == text.len());
        end.is_torn = !is_whole;
        match written {
            Ok(_) if is_whole => Ok(()),
            Ok(_) => Err(io::ErrorKind::StorageFull.into()),
            Err(error) => Err(error),
        }
    }
}

fn open(path: &Path, largest: u64) -> io::Result<Log> {
    if let Some(folder) = path.parent()
        && !folder.is_dir()
    {
        DirBuilder::new().mode(0o700).create(folder)?;
    }
    let file = open_current(path, largest)?;
    // Seeded by the system for each process: a number that no other run has.
    let session = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
    Ok(Log {
        path: path.to_owned(),
        session,
        end: Mutex::new(End {
            file,
            is_torn: false,
        }),
        largest,
    })
}

/// Opens the file that is written now, or a new one when it has grown large.
fn open_current(path: &Path, largest: u64) -> io::Result<File> {
    let file = open_file(path)?;
    if file.metadata()?.len() < largest {
        return Ok(file);
    }
    rotate(path, largest)?;
    open_file(path)
}

/// Whether another file has the name now, or none.
fn is_set_aside(path: &Path, file: &File) -> io::Result<bool> {
    let here = file.metadata()?;
    Ok(!fs::symlink_metadata(path)
        .is_ok_and(|there| (there.dev(), there.ino()) == (here.dev(), here.ino())))
}

fn open_file(path: &Path) -> io::Result<File> {
    let no_surprise = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(no_surprise.bits())
        .open(path)?;
    let status = file.metadata()?;
    let is_ours = status.uid() == nix::unistd::geteuid().as_raw();
    if !status.is_file() || !is_ours || status.nlink() != 1 {
        let why = "not a plain file of this user alone";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    if status.mode() & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// Sets the file aside, unless another run just did. Runs that have it open notice at their next event.
fn rotate(path: &Path, largest: u64) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let folder = File::open(folder)?;
    let lock = Flock::lock(folder, FlockArg::LockExclusive).map_err(|(_, errno)| errno)?;
    // Gone means that another run set it aside this very moment.
    if fs::symlink_metadata(path).is_ok_and(|status| status.len() >= largest) {
        for number in (1..KEPT).rev() {
            let from = rotated(path, number);
            if from.exists() {
                fs::rename(from, rotated(path, number + 1))?;
            }
        }
        fs::rename(path, rotated(path, 1))?;
    }
    drop(lock);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event<'static> {
        Event::PolicyChanged { readable: true }
    }

    #[test]
    fn a_large_file_is_set_aside_and_the_oldest_is_dropped() {
        let folder = assert_fs::TempDir::new().unwrap();
        let path = folder.path().join("a/audit.jsonl");
        for _ in 0..KEPT + 3 {
            open(&path, 1).unwrap().write(&event()).unwrap();
        }
        let count = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(count, 1 + KEPT as usize);
        for number in 1..=KEPT {
            assert_eq!(
                fs::read_to_string(rotated(&path, number))
                    .unwrap()
                    .lines()
                    .count(),
                1
            );
        }
    }

    #[test]
    fn several_runs_at_once_set_aside_once() {
        let folder = assert_fs::TempDir::new().unwrap();
        let path = folder.path().join("audit.jsonl");
        fs::write(&path, "x".repeat(5000) + "\n").unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| open(&path, 5000).unwrap().write(&event()).unwrap());
            }
        });
        let lines = |path: &Path| fs::read_to_string(path).map_or(0, |text| text.lines().count());
        assert!(!rotated(&path, 2).exists());
        // One that had it open already may have written its event to the old file.
        assert_eq!(lines(&path) + lines(&rotated(&path, 1)), 9);
    }

    #[test]
    fn a_long_run_goes_on_in_the_new_file_and_fills_it_no_further_than_it_may() {
        let folder = assert_fs::TempDir::new().unwrap();
        let path = folder.path().join("audit.jsonl");
        let log = open(&path, 5000).unwrap();
        log.write(&event()).unwrap();
        fs::rename(&path, rotated(&path, 1)).unwrap();
        log.write(&event()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
        fs::remove_file(&path).unwrap();
        log.write(&event()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
        for _ in 0..200 {
            log.write(&event()).unwrap();
        }
        let length = |path: &Path| fs::metadata(path).unwrap().len();
        assert!(length(&path) <= 5200 && length(&rotated(&path, KEPT)) <= 5200);
        assert!(!rotated(&path, KEPT + 1).exists());
    }
}
