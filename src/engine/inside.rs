//! Is this process in a sandbox of ours? Answered by the kernel, never by the environment.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::prctl::get_no_new_privs;
use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use nix::sys::statvfs::FsFlags;

use super::linux::seccomp;
use super::plan::{MARKER, OWN};

/// Whether the marker stands, or where there are no mounts of ours the filter answers; and this process
/// cannot gain privileges.
#[must_use]
pub fn inside() -> bool {
    (marker_stands() || seccomp::is_inside()) && get_no_new_privs().unwrap_or(false)
}

/// In a read-only mount of its own, in memory, at a place where nobody
/// without the host's privileges can mount.
fn marker_stands() -> bool {
    let Ok(found) = statfs(MARKER) else {
        return false;
    };
    found.filesystem_type() == TMPFS_MAGIC
        && found.flags().contains(FsFlags::ST_RDONLY)
        && is_mount_point(Path::new(OWN))
}

fn is_mount_point(path: &Path) -> bool {
    let device = |path: &Path| fs::symlink_metadata(path).map(|found| found.dev());
    match (device(path), path.parent().map(device)) {
        (Ok(own), Some(Ok(above))) => own != above,
        _ => false,
    }
}
