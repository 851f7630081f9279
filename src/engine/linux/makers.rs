//! What was made while the command ran is its maker's: a clone of a repository brings its own settings,
//! and git writes those of a new one again and again until it is whole.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Component, Path};
use std::time::{Duration, SystemTime};

use nix::time::{ClockId, clock_gettime};

use crate::policy::Policy;

/// Tells directories that were made during a run from those that were there.
pub(super) struct Makers {
    /// Names of directories that some rule names on the way to what it protects.
    leading: HashSet<OsString>,
    /// When there was no command yet.
    began: SystemTime,
}

impl Makers {
    pub(super) fn of(policy: &Policy, began: SystemTime) -> Self {
        let denials = policy.write.rules().iter().filter(|rule| !rule.allows);
        let paths = denials.filter_map(|rule| match rule.pattern.is_fixed() {
            true => Some(inside(policy, &rule.pattern.prefix)?.to_owned()),
            false => rule.pattern.below(),
        });
        let leading = paths.flat_map(|path| {
            let above = path.parent().unwrap_or(Path::new(""));
            names(above).map(OsStr::to_owned).collect::<Vec<_>>()
        });
        Self {
            leading: leading.collect(),
            began,
        }
    }

    /// Whether some rule names a directory of this name on the way to what it protects.
    pub(super) fn lead_through(&self, name: &OsStr) -> bool {
        self.leading.contains(name)
    }

    /// Whether what a directory is the settings of was made while the command ran. `.claude` is that of
    /// the directory around it; `.git` alone makes a repository.
    pub(super) fn own(&self, directory: &Path) -> bool {
        let mut at = directory;
        while let (Some(name), Some(above)) = (at.file_name(), at.parent()) {
            if name == ".git" || !self.leading.contains(name) {
                break;
            }
            at = above;
        }
        let Ok(found) = fs::symlink_metadata(at) else {
            return false;
        };
        let made = found
            .created()
            .or_else(|unknown| match at.ends_with(".git") {
                // A file system that keeps no such time; in a repository that was there everything that
                // git runs is there too.
                true => found.modified(),
                false => Err(unknown),
            });
        made.is_ok_and(|made| made >= self.began)
    }
}

/// The time by the clock of file systems, which is up to a tick behind.
pub(in crate::engine) fn now() -> SystemTime {
    // This clock cannot fail; a time in the past would make everything seem new.
    let Ok(now) = clock_gettime(ClockId::CLOCK_REALTIME_COARSE) else {
        return SystemTime::now();
    };
    SystemTime::UNIX_EPOCH + Duration::from(now)
}

/// The rest of a path below what can be written.
pub(super) fn inside<'p>(policy: &Policy, path: &'p Path) -> Option<&'p Path> {
    let granted = policy.writable.iter().map(|grant| &grant.path);
    let mut writable = [&policy.project].into_iter().chain(granted);
    writable.find_map(|place| path.strip_prefix(place).ok())
}

fn names(path: &Path) -> impl Iterator<Item = &OsStr> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    })
}
