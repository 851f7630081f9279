//! Programs of which one process serves every later start, as editors are.
//!
//! Such a start hands its arguments to the process that is already there, which may be outside any
//! sandbox. So a guarded start gets a data directory of its own and sees no socket of the other; a
//! second guarded start, which could not reach the first one either, is refused.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::home_files;
use super::place::Place;
use super::session::{Error, Start};

/// What the catalogue says about such a program.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// The option that names the data directory.
    pub option: String,
    /// The data directory of guarded starts.
    pub directory: Place,
    /// Files of the user's own data directory that are taken over before a start, never back.
    #[serde(default)]
    pub copies: Vec<Taken>,
    /// The option that keeps the launcher until the last window is closed.
    pub wait: String,
    /// Options of the user that say the same: he waits at the terminal.
    #[serde(default)]
    pub waiting: Vec<String>,
    /// Options and verbs with which the launcher opens no window.
    #[serde(default)]
    pub windowless: Vec<String>,
}

/// One file to take over.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// The user's file.
    pub from: Place,
    /// Its place below the data directory.
    pub to: PathBuf,
}

/// A guarded instance that may start.
#[derive(Debug)]
pub struct Opened {
    /// Its data directory.
    pub directory: PathBuf,
    /// Arguments that come before the user's.
    pub args: Vec<OsString>,
    /// The folder to open, which is the project.
    pub folder: Option<PathBuf>,
    /// Whether the user gets his prompt back while the window is open.
    pub detached: bool,
    /// Whether a window is opened.
    pub window: bool,
    /// Held as long as the instance runs.
    lock: Option<File>,
}

impl Opened {
    /// Lets the next start in. Explicitly, because helpers of the sandbox that end after us have the
    /// same open file.
    pub fn release(&self) {
        if let Some(lock) = &self.lock {
            // A lock that cannot be given back ends with the last of the helpers.
            _ = lock.unlock();
        }
    }
}

impl Instance {
    /// Makes the data directory ready and takes its lock.
    pub fn open(&self, start: &Start<'_>, product: &str) -> Result<Opened, Error> {
        let chosen = self.chosen_directory(start.args);
        let directory = chosen
            .clone()
            .unwrap_or_else(|| self.directory.resolve(start.home, start.env));
        super::session::make_state(&directory, start.home)?;
        let window = !start.args.iter().any(|arg| names(&self.windowless, arg));
        let waits = start.args.iter().any(|arg| names(&self.waiting, arg));
        let lock = if window {
            Some(lock(&directory, product)?)
        } else {
            None
        };
        for taken in &self.copies {
            let from = taken.from.resolve(start.home, start.env);
            let done = home_files::take_over(&from, &directory, &taken.to);
            done.map_err(|source| Error::HomeFile { path: from, source })?;
        }
        let mut args: Vec<OsString> = Vec::new();
        if chosen.is_none() {
            // In one word: Chromium's own parser knows no other form.
            let mut option = OsString::from(&self.option);
            option.push("=");
            option.push(&directory);
            args.push(option);
        }
        let detached = window && !waits;
        if detached {
            args.push(OsString::from(&self.wait));
        }
        let folder = folder(start.args);
        Ok(Opened {
            directory,
            args,
            folder,
            detached,
            window,
            lock,
        })
    }

    /// The data directory that the user's arguments name.
    fn chosen_directory(&self, args: &[OsString]) -> Option<PathBuf> {
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let bytes = arg.as_bytes();
            match bytes.strip_prefix(self.option.as_bytes()) {
                Some([]) => return args.next().and_then(|path| absolute(Path::new(path))),
                Some([b'=', path @ ..]) => return absolute(Path::new(OsStr::from_bytes(path))),
                _ => {}
            }
        }
        None
    }
}

fn names(list: &[String], arg: &OsStr) -> bool {
    let word = arg
        .as_bytes()
        .split(|byte| *byte == b'=')
        .next()
        .unwrap_or_default();
    list.iter().any(|name| name.as_bytes() == word)
}

fn absolute(path: &Path) -> Option<PathBuf> {
    std::path::absolute(path).ok()
}

/// The first argument that is there: a folder, or the folder of a file.
fn folder(args: &[OsString]) -> Option<PathBuf> {
    let path = args.iter().map(Path::new).find(|path| path.exists())?;
    let path = fs::canonicalize(path).ok()?;
    if path.is_dir() {
        Some(path)
    } else {
        path.parent().map(Into::into)
    }
}

fn lock(directory: &Path, product: &str) -> Result<File, Error> {
    let path = directory.join("aigate.lock");
    let failed = |source: io::Error| Error::State {
        path: path.clone(),
        source,
    };
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let mut options = OpenOptions::new();
    let file = options
        .create(true)
        .append(true)
        .mode(0o600)
        .custom_flags(flags)
        .open(&path);
    let file = file.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(Error::Running(product.into())),
        Err(fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}
