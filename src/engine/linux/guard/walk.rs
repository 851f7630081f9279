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

/// What stands at an absolute `path` below `root`, for the process whose directory in our own `/proc` is
/// `own`. Nothing is opened but to be looked at.
pub(super) fn walk(root: &OwnedFd, own: &OwnedFd, path: &Path) -> io::Result<OwnedFd> {
    let top = fstat(root)?;
    let mut at = root.try_clone()?;
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
                b"self" => own.try_clone()?,
                // Its files are those of its process, but for what no program starts from.
                b"thread-self" => own.try_clone()?,
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
        let (root, own) = (directory(world.path()), directory(Path::new("/proc/self")));
        let tool = fs::metadata(path("usr/bin/tool")).expect("metadata");
        for name in [
            "/usr/bin/tool",
            "/bin/tool",
            "/../../bin/../bin/tool",
            "/usr/other",
        ] {
            use std::os::unix::fs::MetadataExt;
            let found = walk(&root, &own, Path::new(name)).expect(name);
            assert_eq!(fstat(&found).expect(name).st_ino, tool.ino(), "{name}");
        }
        let errors = [("/usr/none", libc::ENOENT), ("/loop", libc::ELOOP)];
        for (name, errno) in errors {
            let error = walk(&root, &own, Path::new(name)).expect_err(name);
            assert_eq!(error.raw_os_error(), Some(errno), "{name}");
        }
    }

    #[test]
    fn links_of_proc_lead_where_the_process_is() {
        let (root, own) = (
            directory(Path::new("/")),
            directory(Path::new("/proc/self")),
        );
        let exe = fstat(directory_or_file("/proc/self/exe")).expect("status");
        let number = std::process::id();
        for name in [
            "/proc/self/exe".to_owned(),
            format!("/proc/{number}/exe"),
            format!("/proc/self/root/proc/{number}/exe"),
            "/proc/self/cwd/../../../../../../../../proc/self/exe".to_owned(),
        ] {
            let found = walk(&root, &own, Path::new(&name)).expect(&name);
            assert!(is_same(&fstat(&found).expect(&name), &exe), "{name}");
        }
    }

    fn directory_or_file(path: &str) -> OwnedFd {
        open(path, OFlag::O_PATH, Mode::empty()).expect(path)
    }
}
