//! Replaces a file so that a reader sees the old one or the new one, never half of it.
//!
//! A link is followed first: the dotfile it points to is replaced, the link stays.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;
use std::time::SystemTime;

/// Writes `content`. A file that exists keeps its mode and owner; a new one gets `mode`. With
/// `modified` the file gets that age instead of the present.
pub fn replace(
    path: &Path,
    content: &[u8],
    mode: u32,
    modified: Option<SystemTime>,
) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = target.parent().ok_or(io::ErrorKind::NotFound)?;
    let mut new = tempfile::Builder::new()
        .prefix(".aigate-")
        .tempfile_in(directory)?;
    new.write_all(content)?;
    let mode = match fs::metadata(&target) {
        Ok(old) => {
            keep_owner(new.as_file(), old.uid(), old.gid())?;
            old.mode() & 0o7777
        }
        Err(_) => mode,
    };
    new.as_file()
        .set_permissions(Permissions::from_mode(mode))?;
    if let Some(modified) = modified {
        new.as_file().set_modified(modified)?;
    }
    new.as_file().sync_all()?;
    new.persist(&target).map_err(|error| error.error)?;
    // The rename itself is on disk only once the directory is.
    File::open(directory)?.sync_all()
}

fn keep_owner(file: &File, uid: u32, gid: u32) -> io::Result<()> {
    let now = file.metadata()?;
    if (now.uid(), now.gid()) == (uid, gid) {
        Ok(())
    } else {
        fchown(file, Some(uid), Some(gid))
    }
}

/// Makes `link` point to `target` in one step, whatever was there before.
pub fn link(target: &OsStr, link: &Path) -> io::Result<()> {
    let directory = link.parent().ok_or(io::ErrorKind::NotFound)?;
    let make = |path: &Path| std::os::unix::fs::symlink(target, path);
    let new = tempfile::Builder::new()
        .prefix(".aigate-")
        .make_in(directory, make)?;
    new.into_temp_path()
        .persist(link)
        .map_err(|error| error.error)
}
