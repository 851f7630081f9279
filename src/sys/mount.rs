//! The descriptor-based mount API of Linux 5.2 and 5.12 (`open_tree`, `move_mount`, `fsopen`,
//! `mount_setattr`): whole trees change in one call, and a path is resolved once.

use std::ffi::{CStr, CString, c_int, c_uint};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use super::cerr;

// linux/mount.h; not in libc for every target.
const OPEN_TREE_CLONE: c_uint = 1;
const MOVE_MOUNT_F_EMPTY_PATH: c_uint = 4;
const FSOPEN_CLOEXEC: c_uint = 1;
const FSMOUNT_CLOEXEC: c_uint = 1;
const FSCONFIG_SET_FLAG: c_uint = 0;
const FSCONFIG_SET_STRING: c_uint = 1;
const FSCONFIG_CMD_CREATE: c_uint = 6;
const AT_RECURSIVE: c_uint = 0x8000;

/// Read-only.
pub const READ_ONLY: u64 = 0x1;
/// Set-user-ID bits and file capabilities have no effect.
pub const NO_SUID: u64 = 0x2;
/// Device nodes cannot be opened.
pub const NO_DEV: u64 = 0x4;
/// Files cannot be executed.
pub const NO_EXEC: u64 = 0x8;

/// `struct mount_attr` of linux/mount.h.
#[repr(C)]
#[derive(Default)]
struct MountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

/// How much of a tree is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The one mount at the path.
    Mount,
    /// That mount and all below it.
    Tree,
}

impl Extent {
    fn flag(self) -> c_uint {
        match self {
            Self::Mount => 0,
            Self::Tree => AT_RECURSIVE,
        }
    }
}

pub(super) fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// SAFETY contract: `raw` is a fresh descriptor that the kernel just returned to this process.
fn owned(raw: i64) -> OwnedFd {
    // SAFETY: see above; nobody else owns it.
    unsafe { OwnedFd::from_raw_fd(raw as RawFd) }
}

/// A detached copy of the mount at `path` (no copy of its files), to be attached elsewhere.
/// The last component of `path` is not followed when it is a symbolic link.
pub fn clone_tree(path: &Path, extent: Extent) -> io::Result<OwnedFd> {
    let path = c_path(path)?;
    let flags = OPEN_TREE_CLONE
        | libc::O_CLOEXEC as c_uint
        | libc::AT_SYMLINK_NOFOLLOW as c_uint
        | extent.flag();
    // SAFETY: `path` is NUL-terminated and outlives the call.
    cerr(unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) })
        .map(owned)
}

/// Attaches a detached tree over `path`, which must exist and be of the same kind.
pub fn attach(tree: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let path = c_path(path)?;
    // SAFETY: both strings are NUL-terminated and outlive the call.
    cerr(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            path.as_ptr(),
            MOVE_MOUNT_F_EMPTY_PATH,
        )
    })
    .map(drop)
}

/// Adds the attribute bits `set` to a detached tree.
pub fn restrict(tree: BorrowedFd<'_>, extent: Extent, set: u64) -> io::Result<()> {
    let attr = MountAttr {
        attr_set: set,
        ..MountAttr::default()
    };
    set_attr(
        tree.as_raw_fd(),
        c"",
        libc::AT_EMPTY_PATH as c_uint | extent.flag(),
        &attr,
    )
}

/// Adds the attribute bits `set` to a detached tree and takes [`NO_EXEC`] from it. A mount that came
/// with that bit from outside keeps it, and fails this with EPERM.
pub fn make_executable(tree: BorrowedFd<'_>, extent: Extent, set: u64) -> io::Result<()> {
    let attr = MountAttr {
        attr_set: set,
        attr_clr: NO_EXEC,
        ..MountAttr::default()
    };
    let flags = libc::AT_EMPTY_PATH as c_uint | extent.flag();
    set_attr(tree.as_raw_fd(), c"", flags, &attr)
}

/// Adds the attribute bits `set` to the mount at `path` and all below it.
pub fn restrict_below(path: &Path, set: u64) -> io::Result<()> {
    let attr = MountAttr {
        attr_set: set,
        ..MountAttr::default()
    };
    set_attr(libc::AT_FDCWD, &c_path(path)?, AT_RECURSIVE, &attr)
}

/// Adds the attribute bits `set` to every mount of this namespace.
pub fn restrict_everything(set: u64) -> io::Result<()> {
    restrict_below(Path::new("/"), set)
}

/// Cuts every mount of this namespace off from mount events of other namespaces.
pub fn make_everything_private() -> io::Result<()> {
    let attr = MountAttr {
        propagation: libc::MS_PRIVATE,
        ..MountAttr::default()
    };
    set_attr(libc::AT_FDCWD, c"/", AT_RECURSIVE, &attr)
}

fn set_attr(dir: RawFd, path: &CStr, flags: c_uint, attr: &MountAttr) -> io::Result<()> {
    // SAFETY: `attr` has the kernel's layout and its size is passed; `path` is NUL-terminated.
    cerr(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            dir,
            path.as_ptr(),
            flags,
            ptr::from_ref(attr),
            size_of::<MountAttr>(),
        )
    })
    .map(drop)
}

/// A file system option: `Flag("newinstance")` or `Value("mode", "0755")`.
#[derive(Debug, Clone, Copy)]
pub enum FsOption<'a> {
    /// A name alone.
    Flag(&'a CStr),
    /// `name=value`.
    Value(&'a CStr, &'a CStr),
}

/// A new, detached instance of a file system, with the mount attribute bits `attributes`.
pub fn new_fs(kind: &CStr, options: &[FsOption<'_>], attributes: u64) -> io::Result<OwnedFd> {
    // SAFETY: `kind` is NUL-terminated.
    let context = cerr(unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), FSOPEN_CLOEXEC) });
    let context = owned(context?);
    for option in options {
        match option {
            FsOption::Flag(name) => configure(&context, FSCONFIG_SET_FLAG, Some(name), None)?,
            FsOption::Value(name, value) => {
                configure(&context, FSCONFIG_SET_STRING, Some(name), Some(value))?;
            }
        }
    }
    configure(&context, FSCONFIG_CMD_CREATE, None, None)?;
    // SAFETY: plain integers; the descriptor is open.
    let mount = cerr(unsafe {
        libc::syscall(
            libc::SYS_fsmount,
            context.as_raw_fd(),
            FSMOUNT_CLOEXEC,
            attributes,
        )
    });
    mount.map(owned)
}

fn configure(
    context: &OwnedFd,
    command: c_uint,
    key: Option<&CStr>,
    value: Option<&CStr>,
) -> io::Result<()> {
    let pointer = |s: Option<&CStr>| s.map_or(ptr::null(), CStr::as_ptr);
    let zero: c_int = 0;
    // SAFETY: key and value are NULL or NUL-terminated strings that outlive the call.
    cerr(unsafe {
        libc::syscall(
            libc::SYS_fsconfig,
            context.as_fd().as_raw_fd(),
            command,
            pointer(key),
            pointer(value),
            zero,
        )
    })
    .map(drop)
}

/// Whether something is mounted exactly at `path`; the last component is not followed.
pub fn is_mount_point(path: &Path) -> io::Result<bool> {
    let path = c_path(path)?;
    // SAFETY: all-zero is a valid statx; `path` is NUL-terminated; the kernel writes one statx.
    let status = unsafe {
        let mut status: libc::statx = std::mem::zeroed();
        let flags = libc::AT_SYMLINK_NOFOLLOW;
        cerr(libc::statx(
            libc::AT_FDCWD,
            path.as_ptr(),
            flags,
            libc::STATX_TYPE,
            &raw mut status,
        ))?;
        status
    };
    Ok(status.stx_attributes & libc::STATX_ATTR_MOUNT_ROOT as u64 != 0)
}
