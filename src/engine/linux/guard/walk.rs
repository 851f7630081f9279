//! Finds what a path of another process leads to, as the kernel would for that process.
//!
//! The kernel offers no such walk: with another root it follows no link of `/proc`, and `/proc/self` is
//! always whoever asks.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, fstat};
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};

/// How many links the kernel follows in one path.
const MOST_LINKS: usize = 40;

/// What a process sees at a path.
pub(super) struct View<'a> {
    /// Its root directory.
    pub(super) root: &'a OwnedFd,
    /// Finds its own directory in a `/proc`, or that of its thread.
    pub(super) own: &'a dyn Fn(&OwnedFd, Own) -> io::Result<OwnedFd>,
}

/// What leads every process to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    /// `/proc/self`
    Process,
    /// `/proc/thread-self`
    Thread,
}

/// What stands at `path` from `start`, or from the root directory when it is absolute. Nothing is opened
/// but to be looked at.
pub(super) fn walk(view: &View<'_>, start: &OwnedFd, path: &Path) -> io::Result<OwnedFd> {
    let root = view.root;
    let top = fstat(root)?;
    let mut at = if path.is_absolute() { root } else { start }.try_clone()?;
    let mut rest = names(path);
    let mut links = 0;
    while let Some(name) = rest.pop_front() {
        if name == ".." && is_same(&fstat(&at)?, &top) {
            continue;
        }
        let next = look(&at, &name, OFlag::O_NOFOLLOW)?;
        if fstat(&next)?.st_mode & libc::S_IFMT != libc::S_IFLNK {
            at = next;
            continue;
        }
        links += 1;
        if links > MOST_LINKS {
            return Err(io::Error::from_raw_os_error(libc::ELOOP));
        }
        if fstatfs(&at)?.filesystem_type() == PROC_SUPER_MAGIC {
            at = match name.as_encoded_bytes() {
                b"self" => (view.own)(&at, Own::Process)?,
                b"thread-self" => (view.own)(&at, Own::Thread)?,
                // Not a text to follow but the file itself; a plain link leads there as well.
                _ => look(&at, &name, OFlag::empty())?,
            };
            continue;
        }
        let target = readlinkat(next.as_fd(), "")?;
        if target.as_encoded_bytes().starts_with(b"/") {
            at = root.try_clone()?;
        }
        for name in names(Path::new(&target)).into_iter().rev() {
            rest.push_front(name);
        }
    }
    Ok(at)
}

fn look(at: &OwnedFd, name: &OsStr, how: OFlag) -> io::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC | how;
    Ok(openat(at, name, flags, Mode::empty())?)
}

fn is_same(one: &FileStat, other: &FileStat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

fn names(path: &Path) -> VecDeque<OsString> {
    let name = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use nix::fcntl::open;

    use super::*;

    fn directory(path: &Path) -> OwnedFd {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
        open(path, flags, Mode::empty()).expect("directory")
    }

    #[test]
    fn a_path_is_followed_as_in_another_root() {
        let world = assert_fs::TempDir::new().expect("directory");
        let path = |name: &str| world.path().join(name);
        fs::create_dir_all(path("usr/bin")).expect("directory");
        fs::write(path("usr/bin/tool"), "x").expect("file");
        symlink("/usr/bin", path("bin")).expect("link");
        symlink("../bin/tool", path("usr/other")).expect("link");
        symlink("loop", path("loop")).expect("link");
        let root = directory(world.path());
        let view = View {
            root: &root,
            own: &|_, _| Err(io::ErrorKind::NotFound.into()),
        };
        let tool = fs::metadata(path("usr/bin/tool")).expect("metadata");
        for name in [
            "/usr/bin/tool",
            "/bin/tool",
            "/../../bin/../bin/tool",
            "/usr/other",
        ] {
            use std::os::unix::fs::MetadataExt;
            let found = walk(&view, &root, Path::new(name)).expect(name);
            assert_eq!(fstat(&found).expect(name).st_ino, tool.ino(), "{name}");
        }
        let errors = [("/usr/none", libc::ENOENT), ("/loop", libc::ELOOP)];
        for (name, errno) in errors {
            let error = walk(&view, &root, Path::new(name)).expect_err(name);
            assert_eq!(error.raw_os_error(), Some(errno), "{name}");
        }
    }

    #[test]
    fn links_of_proc_lead_where_the_process_is() {
        let root = directory(Path::new("/"));
        let own = |_: &OwnedFd, own| match own {
            Own::Process => Ok(directory(Path::new("/proc/self"))),
            Own::Thread => Ok(directory(Path::new("/proc/thread-self"))),
        };
        let view = View {
            root: &root,
            own: &own,
        };
        let exe = fstat(directory_or_file("/proc/self/exe")).expect("status");
        let number = std::process::id();
        for name in [
            "/proc/self/exe".to_owned(),
            "proc/thread-self/exe".to_owned(),
            format!("/proc/{number}/exe"),
            format!("/proc/self/root/proc/{number}/exe"),
            "/proc/self/cwd/../../../../../../../../proc/self/exe".to_owned(),
        ] {
            let found = walk(&view, &root, Path::new(&name)).expect(&name);
            assert!(is_same(&fstat(&found).expect(&name), &exe), "{name}");
        }
    }

    fn directory_or_file(path: &str) -> OwnedFd {
        open(path, OFlag::O_PATH, Mode::empty()).expect(path)
    }
}
