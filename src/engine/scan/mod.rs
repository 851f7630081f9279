//! Finds on this host what the path rules of a policy name: the hidden, the protected, and other
//! names by which a hidden file could be read.
//!
//! Paths without wildcards need no search. The others need a walk of the project, which is the one
//! thing at the start of a run that grows with the project; so the walk keeps an index (see
//! [`index`]) and the next one lists only the directories that changed. What changes after the walk
//! is the keeper's part, which watches before it looks.

mod index;
mod links;
mod verify;
mod walk;

use std::cell::LazyCell;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use index::Index;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::sys::statfs::{self, FsType};
use nix::unistd::linkat;
use walk::Walk;

use super::Error;
use super::view::is_absence;
use crate::policy::{PathRules, Policy};

/// Trees with fewer directories are walked as fast as an index is read.
const WORTH_AN_INDEX: usize = 64;

/// More indexes than this are not kept; the oldest go.
const MOST_INDEXES: usize = 64;

/// What a policy names, as it lies on this host.
#[derive(Debug, Default)]
pub struct Found {
    /// Paths that must not be read, each the topmost of what a rule covers.
    pub hidden: BTreeSet<PathBuf>,
    /// Paths below the project that must not be written.
    pub protected: BTreeSet<PathBuf>,
    /// How many directories had to be listed.
    pub listed: usize,
    /// What to write down for the next time, where the walk was worth it; writing can wait until the
    /// command runs.
    pub indexes: Vec<Kept>,
}

/// An index to be kept.
#[derive(Debug)]
pub struct Kept {
    file: PathBuf,
    bytes: Vec<u8>,
}

/// Looks at every fixed path of the rules, and walks where a rule has wildcards. `cache` is the
/// directory where the walk's index is kept from one time to the next.
///
/// A directory that this user may not list is passed over: inside, nobody else lists it. Any other
/// failure is an error, for it could leave something uncovered.
pub fn find(policy: &Policy, cache: &Path) -> Result<Found, Error> {
    let mut found = Found::default();
    found.hidden.extend(fixed(&policy.read)?);
    found.protected.extend(fixed(&policy.write)?);
    for root in roots(policy) {
        search(policy, &root, cache, &mut found)?;
    }
    links::other_names(policy, &mut found)?;
    Ok(found)
}

/// The denied paths without wildcards that are there.
fn fixed(rules: &PathRules) -> Result<Vec<PathBuf>, Error> {
    let mut there = Vec::new();
    for path in rules.fixed_paths() {
        // Most of what the rules name is missing: to ask for it is cheaper than to judge it.
        let found = unless_absent(path, fs::symlink_metadata(path))?;
        if found.is_some() && rules.judge(path, true).is_some() {
            there.push(path.to_owned());
        }
    }
    Ok(there)
}

/// What is there; none where this user finds nothing.
fn unless_absent<T>(path: &Path, asked: io::Result<T>) -> Result<Option<T>, Error> {
    match asked {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_absence(&error) => Ok(None),
        Err(source) => Err(Error::Path {
            path: path.to_owned(),
            source,
        }),
    }
}

/// The project, and the directories outside it below which some rule has wildcards.
pub(super) fn roots(policy: &Policy) -> Vec<PathBuf> {
    let wildcards = policy.read.wildcards().chain(policy.write.wildcards());
    let mut roots: Vec<_> = wildcards.map(|(base, _)| base).collect();
    // Nearly all of them are the project, one after the other.
    roots.dedup_by(|one, other| one.as_os_str() == other.as_os_str());
    roots.sort();
    let mut outermost: Vec<PathBuf> = Vec::new();
    for root in roots {
        if outermost.last().is_none_or(|last| !root.starts_with(last)) {
            outermost.push(root.to_owned());
        }
    }
    outermost
}

/// What git keeps for itself: objects and references, whose names say nothing about files.
pub(super) fn is_git_data(parent: &Path, name: &OsStr) -> bool {
    let data = ["objects", "refs", "logs", "lfs"]
        .iter()
        .any(|data| name == *data);
    data && parent
        .components()
        .rev()
        .any(|part| part.as_os_str() == ".git")
}

fn search(policy: &Policy, root: &Path, cache: &Path, found: &mut Found) -> Result<(), Error> {
    let depth = reach(policy, root);
    let Some(walk) = Walk::new(policy, found, root, depth)? else {
        return Ok(());
    };
    let file = cache.join(slot(policy, root));
    let bytes = fs::read(&file).unwrap_or_default();
    // It goes over every rule, and most projects are too small to need it.
    let header = LazyCell::new(|| index::header(root, fingerprint(policy)));
    let known = match bytes.is_empty() {
        true => Index::default(),
        false => Index::read(&bytes, &header).unwrap_or_default(),
    };
    let walked = walk.run(&known)?;
    found.listed += walked.listed;
    let worth_it = known.len() > 0 || walked.listed >= WORTH_AN_INDEX;
    if walked.listed > 0 && worth_it && has_sound_times(root) {
        let bytes = walked.writer.finish(&header);
        found.indexes.push(Kept { file, bytes });
    }
    Ok(())
}

/// How many levels below the root its rules reach; none if one has `**`.
fn reach(policy: &Policy, root: &Path) -> Option<usize> {
    let rules = policy.read.wildcards().chain(policy.write.wildcards());
    let own = rules.filter(|(base, _)| base.starts_with(root));
    own.map(|(base, rule)| {
        let above = base.components().count() - root.components().count();
        rule.pattern.depth().map(|depth| above + depth)
    })
    .try_fold(0, |most, depth| Some(most.max(depth?)))
}

fn fingerprint(policy: &Policy) -> u64 {
    let mut hasher = DefaultHasher::new();
    policy.read.fingerprint(&mut hasher);
    policy.write.fingerprint(&mut hasher);
    hasher.finish()
}

/// The name of the file where an index is kept. What it was made from stands in the file: should two lists
/// of rules share the name, each start by another one walks.
fn slot(policy: &Policy, root: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    let rules = [&policy.read, &policy.write].map(|list| list.rules().len());
    (root.as_os_str(), rules).hash(&mut hasher);
    format!("{:016x}.index", hasher.finish())
}

/// Whether the times of directories can be relied on: not on network file systems, where another
/// host's clock sets them and an old answer may be cached.
fn has_sound_times(root: &Path) -> bool {
    const SOUND: [FsType; 7] = [
        statfs::EXT4_SUPER_MAGIC,
        statfs::BTRFS_SUPER_MAGIC,
        statfs::XFS_SUPER_MAGIC,
        statfs::TMPFS_MAGIC,
        statfs::OVERLAYFS_SUPER_MAGIC,
        // F2FS, ZFS.
        FsType(0xf2f5_2010),
        FsType(0x2fc1_2fc1),
    ];
    statfs::statfs(root).is_ok_and(|found| SOUND.contains(&found.filesystem_type()))
}

impl Kept {
    /// Writes the index so that a reader sees all of it or none. It has no name before it is whole:
    /// whoever is killed here leaves nothing behind. It need not survive a crash of the host, so
    /// nothing waits for the disk.
    pub fn write(&self) -> io::Result<()> {
        let directory = self.file.parent().unwrap_or(Path::new("/"));
        DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(directory)?;
        if self.file.symlink_metadata().is_err() {
            make_room(directory)?;
        }
        let mut new = tempfile::tempfile_in(directory)?;
        new.set_permissions(Permissions::from_mode(0o600))?;
        new.write_all(&self.bytes)?;
        // Unlike a name, a link does not replace: without the old one, the next start walks.
        drop(fs::remove_file(&self.file));
        let nameless = format!("/proc/self/fd/{}", new.as_raw_fd());
        let follow = AtFlags::AT_SYMLINK_FOLLOW;
        linkat(AT_FDCWD, nameless.as_str(), AT_FDCWD, &self.file, follow)?;
        Ok(())
    }
}

fn make_room(directory: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        files.push((entry.metadata()?.modified()?, entry.path()));
    }
    files.sort();
    let surplus = (files.len() + 1).saturating_sub(MOST_INDEXES);
    files
        .iter()
        .take(surplus)
        .try_for_each(|(_, path)| fs::remove_file(path))
}
