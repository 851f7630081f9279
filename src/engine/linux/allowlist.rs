//! Applies the steps by which only listed programs run.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use landlock::{
    AccessFs, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError,
};
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};

use crate::engine::view::{Access, is_absence};
use crate::sys::mount::{self, Extent, NO_EXEC, READ_ONLY, attach, clone_tree, make_executable};

/// No user namespace inside this one: in its own a process could mount a file system that executes.
/// Nobody inside has the right to write the number again.
pub(super) fn no_nesting() -> io::Result<()> {
    fs::write("/proc/sys/user/max_user_namespaces", "0")
}

/// Nothing on the mount at this path and on those below it is executed or mapped as code.
pub(super) fn no_execute(at: &Path) -> io::Result<()> {
    match mount::restrict_below(at, NO_EXEC) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// What stands at `at`, mounted over itself so that it can be executed.
pub(super) fn execute(at: &Path, access: Access) -> io::Result<()> {
    let set = match access {
        Access::ReadOnly => READ_ONLY,
        Access::Writable => 0,
    };
    let tree = match clone_tree(at, Extent::Tree) {
        // What is not there inside, or out of this user's reach, is executed by nobody.
        Err(error) if is_absence(&error) => return Ok(()),
        tree => tree?,
    };
    let refused = |error: &io::Error| error.raw_os_error() == Some(libc::EPERM);
    match make_executable(tree.as_fd(), Extent::Tree, set) {
        // The host itself lets nothing be executed on one of these mounts: that stays so.
        Err(error) if refused(&error) => match make_executable(tree.as_fd(), Extent::Mount, set) {
            Err(error) if refused(&error) => return Ok(()),
            done => done?,
        },
        done => done?,
    }
    attach(tree.as_fd(), at)
}

/// The kernel executes these files, and what lies in these directories, and nothing else, from whatever
/// mount and by whatever name. Files are known by their inodes.
pub(super) fn only_listed(listed: &[PathBuf]) -> io::Result<()> {
    let refused = |error| io::Error::new(io::ErrorKind::Unsupported, format!("Landlock: {error}"));
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    let mut places = Vec::new();
    for path in listed {
        match openat2(AT_FDCWD, path, how) {
            Ok(place) => places.push(place),
            // It is not there inside, or became a link: then it is not what was listed.
            Err(nix::Error::ENOENT | nix::Error::ENOTDIR | nix::Error::ELOOP) => {}
            Err(nix::Error::EACCES) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let root = fs::File::open("/")?;
    restrict(&places, &root.into()).map_err(refused)
}

fn restrict(places: &[OwnedFd], root: &OwnedFd) -> Result<(), RulesetError> {
    // Without a right to it, nothing could be moved from one directory to another.
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::Execute | AccessFs::Refer)?
        .create()?
        .add_rule(PathBeneath::new(root.as_fd(), AccessFs::Refer))?;
    for place in places {
        rules = rules.add_rule(PathBeneath::new(place.as_fd(), AccessFs::Execute))?;
    }
    rules.restrict_self().map(drop)
}
