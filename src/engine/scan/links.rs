//! Other names of hidden files: a hard link shows the same content under a name that no rule knows.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::index::part;
use super::{Found, unless_absent};
use crate::engine::Error;
use crate::policy::Policy;
use crate::sys::dir::{self, Buffer, Kind};

/// A hidden file whose other names are looked for.
struct Wanted {
    path: PathBuf,
    unseen: u64,
}

/// Adds every other hard link of a hidden file; a link that is nowhere to be found is an error.
pub(super) fn other_names(policy: &Policy, found: &mut Found) -> Result<(), Error> {
    let mut wanted: HashMap<(u64, u64), Wanted> = HashMap::new();
    let mut seen: HashSet<PathBuf> = HashSet::new();
    for path in &found.hidden {
        let Some(status) = unless_absent(path, fs::metadata(path))? else {
            continue;
        };
        if !status.is_file() || status.nlink() < 2 {
            continue;
        }
        let Some(canonical) = unless_absent(path, fs::canonicalize(path))? else {
            continue;
        };
        if seen.insert(canonical) {
            let new = || Wanted {
                path: path.clone(),
                unseen: status.nlink(),
            };
            wanted
                .entry((status.dev(), status.ino()))
                .or_insert_with(new)
                .unseen -= 1;
        }
    }
    if wanted.values().all(|file| file.unseen == 0) {
        return Ok(());
    }
    let mut search = Search {
        found,
        wanted,
        buffer: Buffer::default(),
        links: Vec::new(),
    };
    search.directory(&policy.project)?;
    let Search { wanted, links, .. } = search;
    found.hidden.extend(links);
    match wanted.into_values().find(|file| file.unseen > 0) {
        Some(Wanted { path, unseen }) => Err(Error::HardLinks { path, unseen }),
        None => Ok(()),
    }
}

struct Search<'a> {
    found: &'a Found,
    wanted: HashMap<(u64, u64), Wanted>,
    buffer: Buffer,
    links: Vec<PathBuf>,
}

impl Search<'_> {
    /// Goes everywhere: a link may lie where no rule looks. What cannot be listed by us shows nothing
    /// inside either, and a link that is missed for it is missed in the count.
    fn directory(&mut self, at: &Path) -> Result<(), Error> {
        let Some(opened) = unless_absent(at, File::open(at))? else {
            return Ok(());
        };
        let Some(device) = unless_absent(at, opened.metadata().map(|status| status.dev()))? else {
            return Ok(());
        };
        let mut children = Vec::new();
        let (wanted, links, hidden) = (&mut self.wanted, &mut self.links, &self.found.hidden);
        let done = dir::list(opened.as_fd(), &mut self.buffer, |entry| {
            let file = wanted.get_mut(&(device, entry.inode));
            if file.is_none() && entry.kind != Kind::Directory && entry.kind != Kind::Unknown {
                return;
            }
            let path = at.join(part(entry.name.to_bytes()));
            if hidden.contains(&path) {
                return;
            }
            match file {
                Some(file) if entry.kind != Kind::Directory => {
                    file.unseen = file.unseen.saturating_sub(1);
                    links.push(path);
                }
                _ if is_directory(&path, entry.kind) => children.push(path),
                _ => {}
            }
        });
        unless_absent(at, done)?;
        drop(opened);
        children.iter().try_for_each(|child| self.directory(child))
    }
}

fn is_directory(path: &Path, kind: Kind) -> bool {
    match kind {
        Kind::Directory => true,
        Kind::Unknown => path.symlink_metadata().is_ok_and(|status| status.is_dir()),
        Kind::File | Kind::Link | Kind::Other => false,
    }
}
