//! Asks every directory of an index whether it is still the same, with several threads: each answer
//! is one system call that waits for memory, not for us.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::fcntl::AtFlags;
use nix::sys::stat::{FileStat, SFlag, fstatat};

use super::index::{Identity, Index, part};

/// A change this short before the walk may have the same time as one after it.
const UNSETTLED: Duration = Duration::from_millis(20);

/// Fewer directories than this are asked faster than a thread is started.
const WORTH_A_THREAD: usize = 1024;

const MOST_THREADS: usize = 4;

/// What an answer is measured by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    device: u64,
    settled: i64,
}

impl Clock {
    /// For a walk that begins now at this root.
    pub(super) fn new(root: BorrowedFd<'_>) -> io::Result<Clock> {
        let device = fstatat(root, ".", AtFlags::empty())?.st_dev;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let settled = now.saturating_sub(UNSETTLED).as_nanos();
        // With a clock that makes no sense no directory counts as settled.
        let settled = i64::try_from(settled).unwrap_or(0);
        Ok(Clock { device, settled })
    }

    /// Who the directory is; none if it is something else. One of another file system than the
    /// root's, or one that changed just now, has no identity to rely on.
    pub(super) fn identity(
        &self,
        root: BorrowedFd<'_>,
        relative: &[u8],
    ) -> io::Result<Option<Identity>> {
        let relative = if relative.is_empty() { b"." } else { relative };
        let path = Path::new(part(relative));
        let status = fstatat(root, path, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        let kind = status.st_mode & SFlag::S_IFMT.bits();
        Ok((kind == SFlag::S_IFDIR.bits()).then(|| self.reliable(&status)))
    }

    fn reliable(&self, status: &FileStat) -> Identity {
        let nanoseconds =
            |seconds: i64, more: i64| seconds.saturating_mul(1_000_000_000).saturating_add(more);
        let identity = Identity {
            inode: status.st_ino,
            modified: nanoseconds(status.st_mtime, status.st_mtime_nsec),
            changed: nanoseconds(status.st_ctime, status.st_ctime_nsec),
        };
        let latest = identity.modified.max(identity.changed);
        if status.st_dev == self.device && latest < self.settled {
            identity
        } else {
            Identity::default()
        }
    }
}

/// What a directory of the index is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Now {
    /// Nobody asked, or there was no answer.
    Unasked,
    /// It is something else now.
    Gone,
    /// It is a directory.
    Is(Identity),
}

/// The present identity of every directory of the index, in its order.
pub(super) fn identities(index: &Index<'_>, root: BorrowedFd<'_>, clock: Clock) -> Vec<Now> {
    let mut answers = vec![Now::Unasked; index.len()];
    let threads = (index.len() / WORTH_A_THREAD).clamp(1, MOST_THREADS);
    let share = index.len().div_ceil(threads).max(1);
    let mut shares = answers.chunks_mut(share).enumerate();
    let own = shares.next();
    thread::scope(|scope| {
        for (number, chunk) in shares {
            let part = move || ask(index, number * share, chunk, root, clock);
            // Where no thread can be had, the walk asks for itself.
            _ = thread::Builder::new().spawn_scoped(scope, part);
        }
        if let Some((_, chunk)) = own {
            ask(index, 0, chunk, root, clock);
        }
    });
    answers
}

fn ask(index: &Index<'_>, from: usize, answers: &mut [Now], root: BorrowedFd<'_>, clock: Clock) {
    let mut path = index.path(from);
    // The directories on the way to the one at hand, and how long their paths are.
    let mut above: Vec<(usize, usize)> = Vec::new();
    for (at, answer) in (from..).zip(answers) {
        if at > from {
            let parent = index.parent(at);
            while above.last().is_some_and(|(node, _)| *node != parent) {
                above.pop();
            }
            match above.last() {
                Some((_, length)) => path.truncate(*length),
                None => path = index.path(parent),
            }
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend(index.name(at));
        }
        above.push((at, path.len()));
        *answer = match clock.identity(root.as_fd(), &path) {
            Ok(Some(identity)) => Now::Is(identity),
            Ok(None) => Now::Gone,
            // The walk asks again, and tells gone from failed.
            Err(_) => Now::Unasked,
        };
    }
}
