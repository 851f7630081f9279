//! Shows what happened in earlier and present runs.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::audit::{self, Files, Follow, Lines, Record, Time};
use crate::config;

/// How often a followed log is looked at.
const EVERY: Duration = Duration::from_millis(100);

/// Which events to show.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Not older than this.
    pub since: Option<Time>,
    /// Of this session, or of those that start like this.
    pub session: Option<String>,
    /// Of this kind.
    pub event: Option<String>,
    /// At most the last so many lines of the log.
    pub last: usize,
    /// Goes on with what is added.
    pub follow: bool,
}

/// Why the log cannot be shown.
#[derive(Debug)]
pub enum Error {
    /// There is no home to look in.
    Config(config::Error),
    /// There is none yet.
    None(PathBuf),
    /// It cannot be read, or not be shown.
    Read(PathBuf, io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::None(path) => write!(
                f,
                "{}: there is no log yet; it begins with the first `aigate exec`",
                path.display()
            ),
            Self::Read(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for Error {}

/// Where the log of the user with this home is.
#[must_use]
pub fn path(home: &Path) -> PathBuf {
    home.join(".aigate").join(audit::NAME)
}

/// Hands every event that `query` asks for to `show`, oldest first.
///
/// # Errors
/// When there is no log, it cannot be read, or `show` fails.
pub fn show(query: &Query, show: &mut dyn FnMut(&Record) -> io::Result<()>) -> Result<(), Error> {
    let path = path(&config::load::home().map_err(Error::Config)?);
    // From before the rest is read: what is added in between is shown, once.
    let failed = |error| Error::Read(path.clone(), error);
    let mut follow = Follow::from_end(&path).map_err(failed)?;
    let files = match query.since {
        Some(_) => Files::of(&path).open(),
        None => Files::of(&path).last(query.last),
    };
    let files = files.map_err(failed)?;
    if files.is_empty() && !query.follow {
        return Err(Error::None(path));
    }
    let since = query.since.map(|time| time.to_string()).unwrap_or_default();
    let mut files = files;
    if query.since.is_some() {
        for file in &mut files {
            audit::since(file, &since).map_err(failed)?;
        }
    }
    for file in follow.before(files).map_err(failed)? {
        for record in Lines::of(file).filter(|record| query.asks_for(record, &since)) {
            show(&record).map_err(failed)?;
        }
    }
    if !query.follow {
        return Ok(());
    }
    loop {
        let added = follow.added().map_err(failed)?;
        for record in Lines::of(added.as_slice()).filter(|record| query.asks_for(record, &since)) {
            show(&record).map_err(failed)?;
        }
        if added.is_empty() {
            thread::sleep(EVERY);
        }
    }
}

impl Query {
    fn asks_for(&self, record: &Record, since: &str) -> bool {
        let session = self.session.as_deref().unwrap_or_default();
        let event = self.event.as_deref();
        record.time() >= since
            && record.word("session").starts_with(session)
            && event.is_none_or(|kind| record.kind() == kind)
    }
}
