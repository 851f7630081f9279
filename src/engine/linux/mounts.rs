//! Applies the mount steps of a plan, inside the new mount namespace.
//!
//! The copied tree is edited in place: a pivot_root would cost one more wait for the kernel's RCU
//! and would hide nothing that masks and the lock on inherited mounts do not.

use std::collections::HashMap;
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, mkdirat};

use crate::engine::plan::OWN;
use crate::engine::view::{Access, Kind};
use crate::sys::mount::{
    self, Extent, FsOption, NO_DEV, NO_EXEC, NO_SUID, READ_ONLY, attach, clone_tree, new_fs,
    restrict,
};

/// Nodes of `/dev` that reach nothing but the process itself.
pub(crate) const NODES: [&str; 6] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
];

/// Parts of `/proc` by which root changes the whole kernel.
pub(crate) const KERNEL_WIDE: [&str; 7] = [
    "/proc/acpi",
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/mtrr",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// Parts of `/proc` in which root reads what belongs to other processes.
pub(crate) const KERNEL_MEMORY: [&str; 11] = [
    "/proc/kcore",
    "/proc/key-users",
    "/proc/keys",
    "/proc/kmsg",
    "/proc/kpagecgroup",
    "/proc/kpagecount",
    "/proc/kpageflags",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/timer_list",
    "/proc/vmallocinfo",
];

/// The trees set aside so far.
#[derive(Default)]
pub(super) struct Mounts {
    kept: HashMap<PathBuf, OwnedFd>,
}

impl Mounts {
    pub(super) fn keep(&mut self, path: &Path) -> io::Result<()> {
        // A directory brings what is mounted below it along; a file is one mount.
        let tree = clone_tree(path, Extent::Tree)?;
        self.kept.insert(path.to_owned(), tree);
        Ok(())
    }

    pub(super) fn attach(&mut self, at: &Path, kind: Kind, access: Access) -> io::Result<()> {
        let tree = self.kept.remove(at).ok_or(io::ErrorKind::NotFound)?;
        let read_only = if access == Access::ReadOnly {
            READ_ONLY
        } else {
            0
        };
        restrict(tree.as_fd(), Extent::Tree, NO_SUID | NO_DEV | read_only)?;
        // It can only be missing in a tmpfs of ours: elsewhere it is the host's own, read-only.
        match kind {
            Kind::Directory => directory(at, 0o755)?,
            Kind::File if !at.exists() => mount_point(at)?,
            Kind::File => {}
        }
        attach(tree.as_fd(), at)
    }

    /// `/dev`: nodes were kept before it was covered.
    pub(super) fn devices(&mut self, terminal: Option<&Path>) -> io::Result<()> {
        let dev = tmpfs(0o755, NO_SUID | NO_EXEC)?;
        attach(dev.as_fd(), Path::new("/dev"))?;
        for node in NODES {
            // A container may lack one; a program that needs it says so better than we could.
            if let Some(tree) = self.kept.remove(Path::new(node)) {
                mount_point(Path::new(node))?;
                attach(tree.as_fd(), Path::new(node))?;
            }
        }
        directory(Path::new("/dev/pts"), 0o755)?;
        let pts = [
            FsOption::Flag(c"newinstance"),
            FsOption::Value(c"ptmxmode", c"0666"),
        ];
        let pts = new_fs(c"devpts", &pts, NO_SUID | NO_EXEC)?;
        attach(pts.as_fd(), Path::new("/dev/pts"))?;
        directory(Path::new("/dev/shm"), 0o1777)?;
        let shm = tmpfs(0o1777, NO_SUID | NO_DEV)?;
        attach(shm.as_fd(), Path::new("/dev/shm"))?;
        let links = [
            ("pts/ptmx", "/dev/ptmx"),
            ("/proc/self/fd", "/dev/fd"),
            ("/proc/self/fd/0", "/dev/stdin"),
            ("/proc/self/fd/1", "/dev/stdout"),
            ("/proc/self/fd/2", "/dev/stderr"),
        ];
        for (target, link) in links {
            symlink(target, link)?;
        }
        // ttyname(3) of the inherited terminal finds it here; its own name is of another devpts.
        if let Some(tree) = terminal.and_then(|tty| self.kept.remove(tty)) {
            mount_point(Path::new("/dev/console"))?;
            attach(tree.as_fd(), Path::new("/dev/console"))?;
        }
        restrict(dev.as_fd(), Extent::Mount, READ_ONLY)
    }
}

/// A read-only file system of our own, attached before anything is cloned from it: kernels before 6.15
/// clone no tree that is not attached. Its mount point cannot be renamed or covered from inside.
pub(super) fn own_directory(texts: &[String]) -> io::Result<()> {
    let options = [
        FsOption::Value(c"size", c"65536"),
        FsOption::Value(c"nr_inodes", c"16"),
        FsOption::Value(c"mode", c"0555"),
    ];
    let own = new_fs(c"tmpfs", &options, NO_SUID | NO_DEV | NO_EXEC)?;
    openat(&own, "file", create(), Mode::empty())?;
    for name in ["directory", "copy"] {
        mkdirat(&own, name, Mode::from_bits_truncate(0o555))?;
    }
    let marker = concat!("aigate ", env!("CARGO_PKG_VERSION"), "\n");
    write_text(&own, "inside", marker)?;
    for (number, text) in texts.iter().enumerate() {
        write_text(&own, &text_name(number), text)?;
    }
    restrict(own.as_fd(), Extent::Mount, READ_ONLY)?;
    directory(Path::new(OWN), 0o755)?;
    attach(own.as_fd(), Path::new(OWN))
}

fn text_name(number: usize) -> String {
    format!("text-{number}")
}

fn write_text(dir: &OwnedFd, name: &str, text: &str) -> io::Result<()> {
    let file = openat(dir, name, create(), Mode::from_bits_truncate(0o444))?;
    io::Write::write_all(&mut fs::File::from(file), text.as_bytes())
}

/// A clone of something in our own directory.
pub(super) fn clone_own(name: &str) -> io::Result<OwnedFd> {
    clone_tree(&Path::new(OWN).join(name), Extent::Mount)
}

/// A read-only text over the host's file, or in a tmpfs of ours.
pub(super) fn text(at: &Path, number: usize) -> io::Result<()> {
    let text = clone_own(&text_name(number))?;
    if !at.exists() {
        mount_point(at)?;
    }
    attach(text.as_fd(), at)
}

/// An overlay of the directory over itself. Its upper layer lies in a tmpfs that is detached at
/// once: nobody can change it behind the overlay's back.
pub(super) fn copy_on_write(path: &Path) -> io::Result<()> {
    let upper = Path::new(OWN).join("copy");
    attach(tmpfs(0o700, NO_SUID | NO_DEV)?.as_fd(), &upper)?;
    let overlay = overlay(path, &upper);
    nix::mount::umount2(&upper, nix::mount::MntFlags::MNT_DETACH)?;
    // A kernel or file system that cannot do it leaves the directory read-only: that is less
    // than was asked for, but nothing is open that should be closed.
    overlay.map_or(Ok(()), |overlay| attach(overlay.as_fd(), path))
}

/// Covers `at`. A directory looks empty, so that programs see absence; a file cannot be opened,
/// so that nobody takes an empty file for its content.
pub(super) fn mask(at: &Path, kind: Kind) -> io::Result<()> {
    let mask = clone_own(kind.mask_name())?;
    if_there(attach(mask.as_fd(), at))
}

/// `/proc` of the new PID namespace. What is the kernel's own in there belongs to root, so root
/// could write it without any capability.
pub(super) fn proc_fs() -> io::Result<()> {
    let proc = new_fs(c"proc", &[], NO_SUID | NO_DEV | NO_EXEC)?;
    attach(proc.as_fd(), Path::new("/proc"))?;
    if !nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    let there = |path: &&str| Path::new(path).exists();
    for path in KERNEL_WIDE.into_iter().filter(there) {
        cover_with_itself(Path::new(path), READ_ONLY)?;
    }
    let mut secret = KERNEL_MEMORY.into_iter().filter(there);
    secret.try_for_each(|path| mask(Path::new(path), Kind::File))
}

fn overlay(lower: &Path, space: &Path) -> io::Result<OwnedFd> {
    let (changes, work) = (space.join("changes"), space.join("work"));
    // The top of the overlay has the owner and mode of the upper directory.
    let mode = fs::metadata(lower)?.permissions().mode() & 0o7777;
    directory(&changes, mode)?;
    directory(&work, 0o700)?;
    let [lower, changes, work] = [lower, &changes, &work].map(option_value);
    let options = [
        FsOption::Value(c"lowerdir", &lower?),
        FsOption::Value(c"upperdir", &changes?),
        FsOption::Value(c"workdir", &work?),
        FsOption::Flag(c"userxattr"),
    ];
    new_fs(c"overlay", &options, NO_SUID | NO_DEV)
}

/// A path as the overlay's options want it: a colon would separate layers.
fn option_value(path: &Path) -> io::Result<CString> {
    let escaped = path
        .as_os_str()
        .as_bytes()
        .iter()
        .flat_map(|byte| match byte {
            b':' | b'\\' => vec![b'\\', *byte],
            _ => vec![*byte],
        });
    Ok(CString::new(escaped.collect::<Vec<_>>())?)
}

fn create() -> OFlag {
    OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC
}

pub(super) fn tmpfs_at(at: &Path, mode: u32) -> io::Result<()> {
    attach(tmpfs(mode, NO_SUID | NO_DEV)?.as_fd(), at)
}

fn tmpfs(mode: u32, attributes: u64) -> io::Result<OwnedFd> {
    let mode = std::ffi::CString::new(format!("{mode:o}"))?;
    new_fs(c"tmpfs", &[FsOption::Value(c"mode", &mode)], attributes)
}

/// What is gone since it was found needs no cover; the keeper sees it come back.
fn if_there(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Clones what stands at `path` and attaches it over itself, with `attributes` added.
pub(super) fn cover_with_itself(path: &Path, attributes: u64) -> io::Result<()> {
    if_there(clone_tree(path, Extent::Tree).and_then(|tree| {
        restrict(tree.as_fd(), Extent::Tree, attributes)?;
        attach(tree.as_fd(), path)
    }))
}

pub(super) fn read_only_everything() -> io::Result<()> {
    mount::restrict_everything(READ_ONLY | NO_SUID | NO_DEV)
}

/// Makes a directory and its parents; fails with EROFS where the tree is the host's.
pub(super) fn directory(at: &Path, mode: u32) -> io::Result<()> {
    if at.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(at)?;
    // Past the umask: a private /tmp must be writable for everybody.
    fs::set_permissions(at, fs::Permissions::from_mode(mode))
}

fn mount_point(at: &Path) -> io::Result<()> {
    if let Some(parent) = at.parent() {
        directory(parent, 0o755)?;
    }
    fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(at)
        .map(drop)
}
