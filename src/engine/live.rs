//! Tells when a file of the policy changes while a sandbox runs.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

use crate::policy::Policy;

/// How a running sandbox learns of a new policy.
pub struct Live<'a> {
    /// What the policy was read from.
    pub files: Files,
    /// Reads them again; `None` while they are wrong, and the old policy goes on.
    pub reload: &'a dyn Fn() -> Option<Policy>,
}

impl Live<'_> {
    /// Reads the policy again.
    pub(super) fn reload(&mut self) -> Option<Policy> {
        self.files.look_again();
        (self.reload)()
    }
}

/// The files that make the policy, present or not, and what they were when it was read.
///
/// A watch tells nothing of what happened before it began.
pub struct Files(Vec<(PathBuf, Option<Stamp>)>);

/// Device, inode, length in bytes, and the time of the last change in seconds and nanoseconds.
type Stamp = (u64, u64, u64, i64, i64);

impl Files {
    /// These files as they are now, just after the policy was read.
    #[must_use]
    pub fn now(paths: Vec<PathBuf>) -> Self {
        let stamped = |path: PathBuf| {
            let stamp = stamp(&path);
            (path, stamp)
        };
        Self(paths.into_iter().map(stamped).collect())
    }

    fn look_again(&mut self) {
        for (path, known) in &mut self.0 {
            *known = stamp(path);
        }
    }

    /// Whether one of them is another than when the policy was read.
    pub(super) fn have_changed(&self) -> bool {
        self.0.iter().any(|(path, known)| *known != stamp(path))
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = path.metadata().ok()?;
    let changed = (found.ctime(), found.ctime_nsec());
    Some((found.dev(), found.ino(), found.size(), changed.0, changed.1))
}

/// Watches some files and the names of their directories: an editor replaces a file rather than write
/// into it.
///
/// A watch on what happens to every file of a directory would cost each open of them a tenth of its
/// time, in the project most of all.
pub(super) struct Watch {
    inotify: Inotify,
    /// The directories, and what is of interest there.
    names: HashMap<(WatchDescriptor, OsString), PathBuf>,
}

impl Watch {
    pub(super) fn new(files: &Files) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let names = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_DELETE;
        let watched = files.0.iter().filter_map(|(file, _)| {
            let directory = file.parent().unwrap_or(Path::new("/"));
            // Where there is no directory there is no file yet; making both is a new start's matter.
            let watch = inotify.add_watch(directory, names).ok()?;
            Some(((watch, file.file_name()?.to_owned()), file.clone()))
        });
        let watch = Self {
            names: watched.collect(),
            inotify,
        };
        watch.names.values().for_each(|file| watch.read(file));
        Ok(watch)
    }

    /// Watches what is written into a file that is there.
    fn read(&self, file: &Path) {
        let written = AddWatchFlags::IN_CLOSE_WRITE;
        let _ = self.inotify.add_watch(file, written);
    }

    /// Whether one of the files changed since the last call.
    ///
    /// Closing the watch makes the kernel wait for its readers, some milliseconds: no process that
    /// somebody waits for should own one.
    pub(super) fn changed(&self) -> bool {
        // Nothing to read is an error of its own kind: then nothing changed.
        let events = self.inotify.read_events().unwrap_or_default();
        let mut changed = false;
        for event in events {
            let file = event
                .name
                .and_then(|name| self.names.get(&(event.wd, name)));
            if let Some(file) = file {
                // Another file has this name now.
                self.read(file);
            }
            let lost = AddWatchFlags::IN_Q_OVERFLOW | AddWatchFlags::IN_CLOSE_WRITE;
            changed |= file.is_some() || event.mask.intersects(lost);
        }
        changed
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Files;

    #[test]
    fn what_happened_before_a_watch_began_is_seen() {
        let directory = assert_fs::TempDir::new().expect("directory");
        let path = |name: &str| directory.path().join(name);
        fs::write(path("present"), "a").expect("write");
        fs::write(path("other"), "b").expect("write");
        let mut files = Files::now(vec![path("present"), path("absent")]);
        let mut changes = |what: &str, change: &dyn Fn() -> std::io::Result<()>| {
            assert!(!files.have_changed(), "before: {what}");
            change().expect(what);
            assert!(files.have_changed(), "{what}");
            files.look_again();
        };
        changes("made", &|| fs::write(path("absent"), ""));
        changes("written", &|| fs::write(path("present"), "ab"));
        changes("replaced", &|| fs::rename(path("other"), path("present")));
        changes("removed", &|| fs::remove_file(path("absent")));
    }
}
