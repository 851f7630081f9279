//! Where a directory that another process sees lies on the host, whatever was mounted around it there.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::target::{Found, Target};

/// One line of `/proc/PID/mountinfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    number: u64,
    device: String,
    /// The part of the file system that is mounted.
    root: PathBuf,
    at: PathBuf,
}

/// The path on the host of a directory that was found for `target`; `own` is the mount namespace in
/// which paths are the host's.
pub(super) fn place(directory: &Found, target: Target, own: impl AsFd) -> io::Result<PathBuf> {
    let path = directory.path()?;
    let namespace = nix::sys::stat::fstat(own)?.st_ino;
    if target.mount_namespace()? == namespace {
        return Ok(path);
    }
    let lost = || io::Error::from(io::ErrorKind::NotFound);
    let number = directory.mount()?;
    let theirs = mounts(&target.mounts()?);
    let mount = theirs.iter().find(|mount| mount.number == number);
    let mount = mount.ok_or_else(lost)?;
    let inside = path.strip_prefix(&mount.at).map_err(|_| lost())?;
    let ours = mounts(&fs::read("/proc/self/mountinfo")?);
    on_the_host(&ours, &mount.device, &mount.root.join(inside)).ok_or_else(lost)
}

/// Where a path of a file system is mounted.
fn on_the_host(mounts: &[Mount], device: &str, path: &Path) -> Option<PathBuf> {
    let around = mounts
        .iter()
        .filter(|mount| mount.device == device && path.starts_with(&mount.root));
    let mount = around.max_by_key(|mount| mount.root.as_os_str().len())?;
    let inside = path.strip_prefix(&mount.root).ok()?;
    Some(mount.at.join(inside).components().collect())
}

fn mounts(text: &[u8]) -> Vec<Mount> {
    let mount = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b' ');
        let number = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
        let device = String::from_utf8(fields.nth(1)?.to_owned()).ok()?;
        let (root, at) = (plain(fields.next()?), plain(fields.next()?));
        Some(Mount {
            number,
            device,
            root,
            at,
        })
    };
    text.split(|byte| *byte == b'\n')
        .filter_map(mount)
        .collect()
}

/// A path without the octal numbers by which the kernel writes blanks and backslashes.
fn plain(field: &[u8]) -> PathBuf {
    let mut path = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        rest = tail;
        let number = tail.get(..3).filter(|_| *first == b'\\');
        let number = number.and_then(|digits| std::str::from_utf8(digits).ok());
        match number.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                path.push(byte);
                rest = &tail[3..];
            }
            None => path.push(*first),
        }
    }
    OsString::from_vec(path).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &[u8] = b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
        23 22 8:2 / /home rw shared:1 - ext4 /dev/sda2 rw\n\
        24 22 8:2 /me/a\\040b /mnt rw - ext4 /dev/sda2 rw\n";

    #[test]
    fn a_path_of_a_file_system_is_found_where_it_is_mounted() {
        let host = mounts(HOST);
        assert_eq!(host.len(), 3);
        assert_eq!(host[2].root, Path::new("/me/a b"));
        for (device, path, place) in [
            ("8:1", "/etc", Some("/etc")),
            ("8:2", "/me/app", Some("/home/me/app")),
            ("8:2", "/", Some("/home")),
            ("8:2", "/me/a b/c", Some("/mnt/c")),
            ("0:9", "/x", None),
        ] {
            let found = on_the_host(&host, device, Path::new(path));
            assert_eq!(found, place.map(PathBuf::from), "{device} {path}");
        }
    }
}
