//! What a thread that waits for an answer has asked for: read from its memory and its view of files.
//!
//! Everything here can change while it is read: whoever shares the thread's memory may write there, and
//! the kernel reads it again when it goes on.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{AtFlags, OFlag, open};
use nix::sys::stat::{Mode, fstatat};
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

use super::walk::walk;

/// The kernel's own limit of a path, in bytes.
const LONGEST_PATH: usize = 4096;
/// How much of the arguments of a program is read, in bytes: more than any shell's line.
const LONGEST_ARGUMENTS: usize = 1 << 20;
/// No read crosses a border of this, where readable memory may end.
const PAGE: usize = 4096;

/// The thread that waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target(pub(super) i32);

impl Target {
    /// The text up to its NUL at an address.
    pub(super) fn text(self, address: u64) -> io::Result<OsString> {
        self.text_up_to(address, LONGEST_PATH)
    }

    fn text_up_to(self, address: u64, longest: usize) -> io::Result<OsString> {
        let mut text = Vec::new();
        let mut at = address as usize;
        while text.len() <= longest {
            let mut part = [0; PAGE];
            let part = &mut part[..PAGE - at % PAGE];
            self.read(at, part)?;
            if let Some(end) = part.iter().position(|byte| *byte == 0) {
                text.extend(&part[..end]);
                return Ok(OsString::from_vec(text));
            }
            text.extend(&*part);
            at += part.len();
        }
        Err(io::ErrorKind::FileTooLarge.into())
    }

    /// The words of a list of arguments, which ends with a null pointer. No list is an empty one, as the
    /// kernel has it.
    pub(super) fn words(self, address: u64) -> io::Result<Vec<OsString>> {
        let (mut words, mut length) = (Vec::new(), 0);
        let mut at = address as usize;
        if address == 0 {
            return Ok(words);
        }
        loop {
            let pointer = self.number(at as u64)?;
            if pointer == 0 {
                return Ok(words);
            }
            let word = self.text_up_to(pointer, LONGEST_ARGUMENTS)?;
            length += word.len() + size_of::<u64>();
            if length > LONGEST_ARGUMENTS {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            words.push(word);
            at += size_of::<u64>();
        }
    }

    fn read(self, at: usize, into: &mut [u8]) -> io::Result<()> {
        let length = into.len();
        let from = [RemoteIoVec {
            base: at,
            len: length,
        }];
        let read = process_vm_readv(Pid::from_raw(self.0), &mut [IoSliceMut::new(into)], &from)?;
        if read == length {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    /// A path as the thread means it, from its root directory. `directory` is where a relative one
    /// starts, `AT_FDCWD` for the working directory.
    pub(super) fn absolute(self, directory: RawFd, path: &OsStr) -> io::Result<PathBuf> {
        if path.as_bytes().starts_with(b"/") {
            return Ok(path.into());
        }
        let start = match directory {
            libc::AT_FDCWD => "cwd".to_owned(),
            number => format!("fd/{number}"),
        };
        let start = fs::read_link(format!("/proc/{}/{start}", self.0))?;
        // `join` would add a slash to what is the whole path.
        let path = if path.is_empty() {
            start
        } else {
            start.join(path)
        };
        Ok(path.components().collect())
    }

    /// What stands at an absolute path of the thread, to be looked at.
    pub(super) fn find(self, path: &Path) -> io::Result<Found> {
        let own = self.own("")?;
        let root = self.own("root")?;
        Found::new(walk(&root, &own, path)?)
    }

    /// What a link at a path says, if there is one. One call, for nearly every new file is asked about.
    pub(super) fn link(self, directory: RawFd, path: &OsStr) -> Option<PathBuf> {
        let start = match (path.as_bytes().first()?, directory) {
            (b'/', _) => "root".to_owned(),
            (_, libc::AT_FDCWD) => "cwd".to_owned(),
            (_, number) => format!("fd/{number}"),
        };
        let mut name = OsString::from(format!("/proc/{}/{start}/", self.0));
        name.push(path);
        fs::read_link(name).ok()
    }

    /// The number that stands at an address.
    pub(super) fn number(self, address: u64) -> io::Result<u64> {
        let mut number = [0; size_of::<u64>()];
        self.read(address as usize, &mut number)?;
        Ok(u64::from_ne_bytes(number))
    }

    /// The inode of its mount namespace.
    pub(super) fn mount_namespace(self) -> io::Result<u64> {
        Ok(fs::metadata(format!("/proc/{}/ns/mnt", self.0))?.ino())
    }

    /// The mounts that it sees, as the kernel lists them.
    pub(super) fn mounts(self) -> io::Result<Vec<u8>> {
        fs::read(format!("/proc/{}/mountinfo", self.0))
    }

    /// What a descriptor of the thread is open on.
    pub(super) fn opened(self, number: RawFd) -> io::Result<Found> {
        Found::new(self.own(&format!("fd/{number}"))?)
    }

    fn own(self, name: &str) -> io::Result<OwnedFd> {
        let path = format!("/proc/{}/{name}", self.0);
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        match open(path.as_str(), flags, Mode::empty()) {
            // Not the answer of the path that is looked for: nobody could say what it is.
            Err(nix::Error::EACCES) => Err(io::ErrorKind::PermissionDenied.into()),
            opened => Ok(opened?),
        }
    }
}

/// A file that was found, not opened: nothing waits, and nothing is changed by looking.
#[derive(Debug)]
pub(super) struct Found {
    handle: OwnedFd,
    pub(super) status: nix::sys::stat::FileStat,
}

impl Found {
    pub(super) fn new(handle: OwnedFd) -> io::Result<Self> {
        let status = nix::sys::stat::fstat(&handle)?;
        Ok(Self { handle, status })
    }

    /// Its name now.
    pub(super) fn path(&self) -> io::Result<PathBuf> {
        fs::read_link(format!("/proc/self/fd/{}", self.handle.as_raw_fd()))
    }

    /// The number of the mount that it was found in.
    pub(super) fn mount(&self) -> io::Result<u64> {
        let facts = fs::read_to_string(format!("/proc/self/fdinfo/{}", self.handle.as_raw_fd()))?;
        let mut lines = facts.lines();
        let number = lines.find_map(|line| line.strip_prefix("mnt_id:"));
        let number = number.and_then(|number| number.trim().parse().ok());
        number.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Whether something has this path below it.
    pub(super) fn has(&self, path: impl AsRef<Path>) -> bool {
        let found = fstatat(&self.handle, path.as_ref(), AtFlags::AT_SYMLINK_NOFOLLOW);
        found.is_ok()
    }

    /// Its content, if it is a regular file.
    pub(super) fn read(&self) -> io::Result<File> {
        if self.status.st_mode & libc::S_IFMT != libc::S_IFREG {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let path = format!("/proc/self/fd/{}", self.handle.as_raw_fd());
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        Ok(open(path.as_str(), flags, Mode::empty())?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn this() -> Target {
        Target(std::process::id() as i32)
    }

    #[test]
    fn memory_is_read_as_the_kernel_reads_arguments() {
        let words = [c"git", c"push", c"--force"];
        let mut list: Vec<usize> = words.iter().map(|word| word.as_ptr() as usize).collect();
        list.push(0);
        let read = this().words(list.as_ptr() as u64).expect("words");
        assert_eq!(read, ["git", "push", "--force"]);
        assert_eq!(this().words(0).expect("no list"), [""; 0]);
        assert!(this().words(8).is_err());
        let long = vec![b'a'; LONGEST_PATH + PAGE];
        assert!(this().text(long.as_ptr() as u64).is_err());
    }
}
