//! What a thread that waits for an answer has asked for: read from its memory and its view of files.
//!
//! Everything here can change while it is read: whoever shares the thread's memory may write there, and
//! the kernel reads it again when it goes on.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, IoSliceMut, Read};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, open, openat, openat2, readlinkat};
use nix::sys::stat::{Mode, fstatat};
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

use super::walk::{Own, View, walk};

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

    /// A path as a person would write it, from the root directory.
    pub(super) fn absolute(self, from: &From<'_>, path: &Path) -> io::Result<PathBuf> {
        let whole = match from {
            From::Place(found) => found.path()?.join(path),
            From::Directory(_) if path.is_absolute() => path.to_owned(),
            From::Directory(number) => fs::read_link(self.entry(&start(*number)))?.join(path),
        };
        Ok(whole.components().collect())
    }

    /// What stands at a path of the thread, to be looked at.
    pub(super) fn find(self, from: &From<'_>, path: &Path) -> io::Result<Found> {
        let start = self.start(from, path)?;
        let root = self.own("root")?;
        let view = View {
            root: &root,
            own: &|proc, own| self.in_proc(proc, own),
        };
        Found::new(walk(&view, &start, path)?)
    }

    /// The directory in which the last name of a path stands. Most paths have no link on their way, and
    /// those are found by one call.
    pub(super) fn parent(self, from: &From<'_>, path: &Path) -> io::Result<Found> {
        let above = path.parent().unwrap_or(Path::new(""));
        let start = self.start(from, path)?;
        let below = above.strip_prefix("/").unwrap_or(above);
        if below == Path::new("") {
            return Found::new(start);
        }
        if !above.components().any(|part| part == Component::ParentDir) {
            let how = OpenHow::new()
                .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
                .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
            match openat2(&start, below, how) {
                Err(nix::Error::ELOOP) => {}
                opened => return Found::new(opened?),
            }
        }
        self.find(from, above)
    }

    fn start(self, from: &From<'_>, path: &Path) -> io::Result<OwnedFd> {
        match from {
            _ if path.is_absolute() => self.own("root"),
            From::Directory(number) => self.own(&start(*number)),
            From::Place(found) => found.handle.try_clone(),
        }
    }

    /// Its directory in a `/proc`, whatever number it has there.
    fn in_proc(self, proc: &OwnedFd, own: Own) -> io::Result<OwnedFd> {
        let status = fs::read_to_string(self.entry("status"))?;
        let (groups, threads) = (numbers(&status, "NStgid:"), numbers(&status, "NSpid:"));
        let is_it = |level: &usize| {
            let name = format!("{}/status", groups[*level]);
            let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
            let opened = openat(proc, name.as_str(), flags, Mode::empty());
            let there = opened.map_err(io::Error::from).and_then(|opened| {
                let mut text = String::new();
                File::from(opened).read_to_string(&mut text)?;
                Ok(text)
            });
            there.is_ok_and(|there| numbers(&there, "NStgid:") == groups[*level..])
        };
        let level = (0..groups.len().min(threads.len())).find(is_it);
        let level = level.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))?;
        let name = match own {
            Own::Process => groups[level].to_owned(),
            Own::Thread => format!("{}/task/{}", groups[level], threads[level]),
        };
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        Ok(openat(proc, name.as_str(), flags, Mode::empty())?)
    }

    /// The number that stands at an address.
    pub(super) fn number(self, address: u64) -> io::Result<u64> {
        let mut number = [0; size_of::<u64>()];
        self.read(address as usize, &mut number)?;
        Ok(u64::from_ne_bytes(number))
    }

    /// The inode of its mount namespace.
    pub(super) fn mount_namespace(self) -> io::Result<u64> {
        Ok(fs::metadata(self.entry("ns/mnt"))?.ino())
    }

    /// The mounts that it sees, as the kernel lists them.
    pub(super) fn mounts(self) -> io::Result<Vec<u8>> {
        fs::read(self.entry("mountinfo"))
    }

    /// What a descriptor of the thread is open on.
    pub(super) fn opened(self, number: RawFd) -> io::Result<Found> {
        Found::new(self.own(&format!("fd/{number}"))?)
    }

    fn own(self, name: &str) -> io::Result<OwnedFd> {
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        Ok(open(&self.entry(name), flags, Mode::empty())?)
    }

    /// An entry of its directory in our own `/proc`.
    fn entry(self, name: &str) -> PathBuf {
        format!("/proc/{}/{name}", self.0).into()
    }
}

/// Where a relative path starts.
#[derive(Debug)]
pub(super) enum From<'a> {
    /// At a descriptor of the thread, or at its working directory for `AT_FDCWD`.
    Directory(RawFd),
    /// At something that was found.
    Place(&'a Found),
}

fn start(number: RawFd) -> String {
    match number {
        libc::AT_FDCWD => "cwd".to_owned(),
        number => format!("fd/{number}"),
    }
}

/// The numbers that a process has, from the PID namespace of the reader's `/proc` downwards.
fn numbers<'s>(status: &'s str, name: &str) -> Vec<&'s str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().split_whitespace().collect()
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

    /// What a link of this name in it says. Links of `/proc` are none: they lead to what is open, and
    /// nothing is made behind them.
    pub(super) fn link(&self, name: &OsStr) -> Option<PathBuf> {
        let target = readlinkat(&self.handle, name).ok()?;
        let system = fstatfs(&self.handle).ok()?.filesystem_type();
        (system != PROC_SUPER_MAGIC).then(|| target.into())
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
    fn a_process_is_found_in_proc_by_its_numbers() {
        let target = this();
        let here = From::Directory(libc::AT_FDCWD);
        let exe = fs::metadata("/proc/self/exe").expect("metadata");
        for path in [
            "/proc/self/exe",
            "/proc/thread-self/exe",
            "/proc/self/root/proc/self/exe",
        ] {
            let found = target.find(&here, Path::new(path)).expect(path);
            assert_eq!(found.status.st_ino, exe.ino(), "{path}");
        }
        let parent = target
            .parent(&here, Path::new("/proc/self/fd/0"))
            .expect("parent");
        assert!(parent.has("0") && parent.link(OsStr::new("0")).is_none());
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
