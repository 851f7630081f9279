//! Attacks on files.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::unistd::{AccessFlags, access};

use super::{File, Stage, Way};

/// The name under which a hidden file stands for a moment where a link or a move to it succeeds.
const OTHER_NAME: &str = ".aigate-verify";

pub(super) fn read(way: Way, file: &File, stage: &Stage<'_>) -> io::Result<()> {
    let path = Path::new(&file.path);
    let moves = matches!(way, Way::HardLink | Way::Renamed);
    if moves && !stage.control && open_it(path, file).is_ok() {
        // It is read already: nothing more is shown by another name.
        return Ok(());
    }
    match way {
        Way::Name => open_it(path, file),
        Way::OwnRoot => open_it(&below("/proc/self/root", path), file),
        Way::InitRoot => open_it(&below("/proc/1/root", path), file),
        Way::Link => {
            let link = stage.scratch.join("link");
            symlink(path, &link)?;
            let result = open_it(&link, file);
            fs::remove_file(link).and(result)
        }
        Way::HardLink if stage.control => may_change(path),
        Way::HardLink => {
            let other = other_name(path);
            fs::hard_link(path, &other)?;
            let result = open_it(&other, file);
            fs::remove_file(other).and(result)
        }
        Way::Renamed if stage.control => may_change(path),
        Way::Renamed => {
            let other = other_name(path);
            rename(path, &other)?;
            let result = open_it(&other, file);
            rename(&other, path).and(result)
        }
        // Tried in a namespace of their own.
        Way::Unmount | Way::Bind | Way::Clone => Ok(()),
    }
}

fn below(root: &str, path: &Path) -> PathBuf {
    let mut whole = OsString::from(root);
    whole.push(path);
    whole.into()
}

fn other_name(path: &Path) -> PathBuf {
    let name = format!("{OTHER_NAME}-{}", std::process::id());
    path.with_file_name(name)
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    Ok(renameat2(
        AT_FDCWD,
        from,
        AT_FDCWD,
        to,
        RenameFlags::RENAME_NOREPLACE,
    )?)
}

fn may_change(path: &Path) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    Ok(access(parent, AccessFlags::W_OK | AccessFlags::X_OK)?)
}

/// Opens what stands at `path` and tells whether it is the file: it, or a copy with content. What a
/// mask shows is neither.
pub(super) fn open_it(path: &Path, file: &File) -> io::Result<()> {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    is_it(opened, file)
}

pub(super) fn is_it(mut opened: fs::File, file: &File) -> io::Result<()> {
    let status = opened.metadata()?;
    if (status.dev(), status.ino()) == (file.device, file.inode) {
        return Ok(());
    }
    match opened.read(&mut [0])? {
        0 => Err(Errno::ENODATA.into()),
        _ => Ok(()),
    }
}

/// Opens a file to append to it, and does not; in a directory, makes a file without a name, which is
/// gone when it is closed. What is private inside can be written, and is not the host's.
pub(super) fn write(file: &File) -> io::Result<()> {
    let path = Path::new(&file.path);
    let found = fs::metadata(path)?;
    if (found.dev(), found.ino()) != (file.device, file.inode) {
        return Err(Errno::EXDEV.into());
    }
    if !found.is_dir() {
        return open_to_write(path);
    }
    let nameless = OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_TMPFILE)
        .mode(0o600)
        .open(path);
    match nameless {
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {
            Ok(access(path, AccessFlags::W_OK)?)
        }
        result => result.map(drop),
    }
}

pub(super) fn open_to_write(path: &Path) -> io::Result<()> {
    OpenOptions::new()
        .append(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map(drop)
}

pub(super) fn open_to_read(path: &Path) -> io::Result<()> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map(drop)
}

/// Opening some devices does something; the control arm only asks whether it may.
pub(super) fn open_device(path: &Path, stage: &Stage<'_>) -> io::Result<()> {
    if stage.control {
        return Ok(access(path, AccessFlags::R_OK)?);
    }
    open_to_read(path)
}

/// The kernel looks whether the directory may leave its name before it sees that the other one is
/// not empty, which ends every such move.
pub(super) fn move_away(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOTEMPTY | libc::EEXIST)) => {
            Ok(())
        }
        result => result,
    }
}
