//! Files and directories held by descriptors, so that no name leads anywhere else in between.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::{Gid, Uid, fchownat};

use super::acl::Acl;
use super::record::{Inode, List};
use crate::engine::view::is_absence;
use crate::sys::dir::{self, Buffer};
use crate::sys::xattr;

/// One file or directory.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// Where it was found.
    pub(super) path: &'a Path,
    /// By `O_PATH`.
    pub(super) held: BorrowedFd<'a>,
    /// Whose it is.
    pub(super) uid: u32,
    /// Its nine bits.
    pub(super) mode: u32,
    /// Whether it is a directory.
    pub(super) is_dir: bool,
    /// Whether it is a file.
    pub(super) is_file: bool,
    /// Which inode it is.
    pub(super) inode: Inode,
}

impl List {
    fn name(self) -> &'static CStr {
        match self {
            Self::Access => c"system.posix_acl_access",
            Self::Default => c"system.posix_acl_default",
        }
    }
}

impl Place<'_> {
    /// The list, and whether there is more of it than the mode says.
    ///
    /// # Errors
    /// `EOPNOTSUPP` where the file system has no lists.
    pub(super) fn list(&self, list: List) -> io::Result<Option<Acl>> {
        let Some(bytes) = xattr::get(self.held, list.name())? else {
            return Ok(None);
        };
        let refused = || io::Error::from_raw_os_error(libc::EINVAL);
        Acl::decode(&bytes).ok_or_else(refused).map(Some)
    }

    /// Sets the list; one that says no more than a mode becomes the mode.
    ///
    /// # Errors
    /// As the kernel says.
    pub(super) fn set_list(&self, list: List, acl: &Acl) -> io::Result<()> {
        xattr::set(self.held, list.name(), &acl.encode())
    }

    /// Leaves what is left of a list of ours: of a default one that says no more than a mode, nothing.
    ///
    /// # Errors
    /// As the kernel says.
    pub(super) fn leave_list(&self, list: List, rest: &Acl) -> io::Result<()> {
        if list == List::Default && rest.is_mode() {
            return xattr::remove(self.held, list.name());
        }
        self.set_list(list, rest)
    }

    /// Gives it to somebody else; the kernel takes set-user-ID away then.
    ///
    /// # Errors
    /// As the kernel says.
    pub(super) fn give_to(&self, uid: Uid, gid: Gid) -> io::Result<()> {
        let flags = AtFlags::AT_EMPTY_PATH;
        Ok(fchownat(self.held, c"", Some(uid), Some(gid), flags)?)
    }
}

/// Whether to go into a directory that was visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Visit what it holds.
    Enter,
    /// Go on beside it.
    Pass,
}

/// Visits one place, and what is below it as far as `visit` wants, on one file system. No link is
/// followed, and what is gone is passed over.
///
/// # Errors
/// What `visit` says, or when something cannot be looked at.
pub(super) fn visit(
    root: &Path,
    visit: &mut dyn FnMut(&Place<'_>) -> io::Result<Next>,
) -> io::Result<()> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    match openat2(AT_FDCWD, root, how) {
        Ok(held) => each(root, &held, None, &mut Buffer::default(), visit),
        Err(error) => absent(error.into()),
    }
}

fn absent(error: io::Error) -> io::Result<()> {
    if is_absence(&error) {
        Ok(())
    } else {
        Err(error)
    }
}

fn each(
    path: &Path,
    held: &OwnedFd,
    device: Option<u64>,
    buffer: &mut Buffer,
    visit: &mut dyn FnMut(&Place<'_>) -> io::Result<Next>,
) -> io::Result<()> {
    let found = fstat(held)?;
    let kind = SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT;
    let is_dir = kind == SFlag::S_IFDIR;
    // An overlay tells the devices of what is below it for its files.
    if is_dir && device.is_some_and(|device| device != found.st_dev) {
        return Ok(());
    }
    let place = Place {
        path,
        held: held.as_fd(),
        uid: found.st_uid,
        mode: found.st_mode & 0o777,
        is_dir,
        is_file: kind == SFlag::S_IFREG,
        inode: (found.st_dev, found.st_ino),
    };
    let named = |error: io::Error| {
        let text = format!("{}: {error}", path.display());
        io::Error::new(error.kind(), text)
    };
    if visit(&place).map_err(named)? == Next::Pass || !is_dir {
        return Ok(());
    }
    for name in names(held, buffer).map_err(named)? {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        match openat(held, name.as_c_str(), flags, Mode::empty()) {
            Ok(child) => {
                let path = path.join(child_name(&name));
                each(&path, &child, Some(found.st_dev), buffer, visit)?;
            }
            Err(error) => absent(error.into())?,
        }
    }
    Ok(())
}

fn child_name(name: &CStr) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(name.to_bytes()))
}

/// The names in a directory; none where it cannot be listed.
fn names(held: &OwnedFd, buffer: &mut Buffer) -> io::Result<Vec<std::ffi::CString>> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut names = Vec::new();
    match openat(held, c".", flags, Mode::empty()) {
        Ok(listed) => dir::list(listed.as_fd(), buffer, |entry| {
            names.push(entry.name.to_owned());
        })?,
        Err(error) => absent(error.into())?,
    }
    Ok(names)
}
