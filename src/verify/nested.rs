//! Attacks on masks from a user namespace of one's own, where this process has every capability.

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::fcntl::{OFlag, openat};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, pipe};

use super::{Attack, File, Stage, Way, errno, files};
use crate::sys::mount::{Extent, clone_tree};
use crate::sys::{probe, process};

/// The file of an attack that belongs here.
pub(super) fn file(attack: &Attack) -> Option<(Way, &File)> {
    match attack {
        Attack::Read(way @ (Way::Unmount | Way::Bind | Way::Clone), file) => Some((*way, file)),
        _ => None,
    }
}

/// Tries all of them in one child, whose namespaces end with it.
pub(super) fn run(attacks: &[Attack], stage: &Stage<'_>, results: &mut [i32]) -> io::Result<()> {
    let (from, to) = pipe()?;
    let Some(child) = process::fork()? else {
        drop(from);
        let told = in_namespaces(attacks, stage, to);
        process::exit_now(i32::from(told.is_err()));
    };
    drop(to);
    let mut told = Vec::new();
    fs::File::from(from).read_to_end(&mut told)?;
    waitpid(Pid::from_raw(child), None)?;
    let mut answers = told
        .chunks_exact(4)
        .map(|bytes| i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    let own = attacks
        .iter()
        .zip(results)
        .filter(|(attack, _)| file(attack).is_some());
    for (_, result) in own {
        *result = answers.next().ok_or(io::ErrorKind::UnexpectedEof)?;
    }
    Ok(())
}

fn in_namespaces(attacks: &[Attack], stage: &Stage<'_>, to: OwnedFd) -> io::Result<()> {
    let entered = enter();
    let mut to = fs::File::from(to);
    for (way, file) in attacks.iter().filter_map(file) {
        let result = match &entered {
            Ok(()) => errno(attempt(way, file, stage.scratch)),
            Err(error) => error.raw_os_error().unwrap_or(libc::EIO),
        };
        to.write_all(&result.to_le_bytes())?;
    }
    Ok(())
}

/// Becomes root of a new user namespace with a copy of the mounts.
fn enter() -> io::Result<()> {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}

fn attempt(way: Way, file: &File, scratch: &Path) -> io::Result<()> {
    let path = Path::new(&file.path);
    // A mask may stand on the file or on any directory above it.
    let above = path.ancestors().filter(|above| above.parent().is_some());
    let mut refusal = None;
    for top in above {
        let rest = path.strip_prefix(top).unwrap_or(path);
        let tried = match way {
            Way::Unmount => probe::unmount(top).and_then(|()| files::open_it(path, file)),
            Way::Bind => bind(top, rest, file, scratch),
            _ => clone(top, rest, file),
        };
        match tried {
            Ok(()) => return Ok(()),
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    // Outside there is nothing to unmount: what counts there is that the file is seen from here.
    match way {
        Way::Unmount if files::open_it(path, file).is_ok() => Ok(()),
        _ => Err(refusal.unwrap_or_else(|| io::ErrorKind::NotFound.into())),
    }
}

/// Mounts what lies at `top` again, without what is mounted below it.
fn bind(top: &Path, rest: &Path, file: &File, scratch: &Path) -> io::Result<()> {
    let at = scratch.join(if top.is_dir() { "bound" } else { "bound-file" });
    if top.is_dir() {
        fs::create_dir_all(&at)?;
    } else {
        fs::write(&at, "")?;
    }
    mount(Some(top), &at, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    let found = if rest.as_os_str().is_empty() {
        at.clone()
    } else {
        at.join(rest)
    };
    let result = files::open_it(&found, file);
    probe::unmount(&at).and(result)
}

/// The same by the newer calls.
fn clone(top: &Path, rest: &Path, file: &File) -> io::Result<()> {
    let tree = clone_tree(top, Extent::Mount)?;
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let opened = if rest.as_os_str().is_empty() {
        let own = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&tree));
        nix::fcntl::open(own.as_str(), flags, Mode::empty())?
    } else {
        openat(&tree, rest, flags, Mode::empty())?
    };
    files::is_it(opened.into(), file)
}
