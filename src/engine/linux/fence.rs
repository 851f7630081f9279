//! Landlock as the only wall: rules on files, and on signals and ports by the way.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, Scope,
};
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{SFlag, fstat};

use crate::engine::landlock::Allowed;

/// The version whose rules are all there: devices are the last that were added.
const FILES: ABI = ABI::V5;

/// What is allowed so far.
#[derive(Default)]
pub(in crate::engine) struct Fence {
    allowed: Vec<(OwnedFd, BitFlags<AccessFs>)>,
}

impl Fence {
    /// What is gone since it was found is not allowed, nor what became a link.
    pub(in crate::engine) fn allow(&mut self, at: &Path, allowed: Allowed) -> io::Result<()> {
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
        let place = match openat2(AT_FDCWD, at, how) {
            Ok(place) => place,
            Err(nix::Error::ENOENT | nix::Error::ENOTDIR | nix::Error::ELOOP) => return Ok(()),
            Err(nix::Error::EACCES) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let mode = SFlag::from_bits_truncate(fstat(&place)?.st_mode);
        let mut rights = rights(allowed);
        if mode & SFlag::S_IFMT != SFlag::S_IFDIR {
            rights &= AccessFs::from_file(FILES);
        }
        if !rights.is_empty() {
            self.allowed.push((place, rights));
        }
        Ok(())
    }

    /// Confines this process and all that it starts to what was allowed.
    pub(in crate::engine) fn close(&mut self, network: bool) -> io::Result<()> {
        let refused = |error| {
            let text = format!("Landlock: {error}");
            io::Error::new(io::ErrorKind::Unsupported, text)
        };
        let rules = self.ruleset(network).map_err(refused)?;
        self.allowed.clear();
        rules.restrict_self().map(drop).map_err(refused)
    }

    fn ruleset(&self, network: bool) -> Result<RulesetCreated, landlock::RulesetError> {
        let mut rules = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(FILES))?
            .scope(Scope::from_all(ABI::V6))?;
        if !network {
            rules = rules.handle_access(AccessNet::from_all(FILES))?;
        }
        let mut rules = rules.create()?;
        for (place, rights) in &self.allowed {
            rules = rules.add_rule(PathBeneath::new(place.as_fd(), *rights))?;
        }
        Ok(rules)
    }
}

fn rights(allowed: Allowed) -> BitFlags<AccessFs> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::Execute;
    // Devices are nobody's to make.
    let write = AccessFs::from_write(FILES)
        & !(AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev);
    match allowed {
        Allowed::Read => read,
        Allowed::Write => read | write,
        Allowed::Blindly => write,
        Allowed::List => AccessFs::ReadDir.into(),
        Allowed::Device => AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev,
    }
}
