//! Sockets of the host that stand at a path: a read-only mount does not stop connect(2).

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::PathBuf;

/// Every path at which a process of this network namespace listens or can be written to.
///
/// The kernel escapes nothing in its list, so a path with a newline cannot be told from two lines;
/// its pieces do not exist and are left out later.
pub fn of_host() -> Vec<PathBuf> {
    let list = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    parse(&list)
}

/// The host's list, still to be asked from inside another mount namespace, for what is new in it.
///
/// The kernel tells nobody of a new socket, so the list is read again and again.
pub struct Newcomers {
    list: File,
    known: HashSet<PathBuf>,
}

impl Newcomers {
    /// Everything that is there now is known.
    pub fn since_now() -> io::Result<Self> {
        let mut newcomers = Self {
            list: File::open("/proc/net/unix")?,
            known: HashSet::new(),
        };
        newcomers.arrived()?;
        Ok(newcomers)
    }

    /// What has come since the last call.
    pub fn arrived(&mut self) -> io::Result<Vec<PathBuf>> {
        let mut list = String::new();
        self.list.rewind()?;
        self.list.read_to_string(&mut list)?;
        let now = parse(&list);
        let new = now
            .iter()
            .filter(|path| !self.known.contains(*path))
            .cloned()
            .collect();
        self.known = now.into_iter().collect();
        Ok(new)
    }
}

/// `Num RefCount Protocol Flags Type St Inode Path` of unix_seq_show in the kernel's af_unix.c; the
/// path may contain spaces, and an abstract name starts with `@`.
fn parse(list: &str) -> Vec<PathBuf> {
    let path = |line: &str| {
        let at = line.find('/')?;
        let fields = line[..at].split_whitespace().count();
        (fields == 7).then(|| PathBuf::from(&line[at..]))
    };
    let mut paths: Vec<PathBuf> = list.lines().skip(1).filter_map(path).collect();
    paths.sort();
    paths.dedup();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_are_taken_and_spaces_survive() {
        let list = "Num       RefCount Protocol Flags    Type St Inode Path\n\
                    0000000000000000: 00000002 00000000 00010000 0001 01 11 /run/a b.sock\n\
                    0000000000000000: 00000003 00000000 00000000 0001 03 12\n\
                    0000000000000000: 00000002 00000000 00010000 0001 01 13 @/tmp/.X11-unix/X0\n\
                    0000000000000000: 00000003 00000000 00000000 0001 03 14 /run/a b.sock\n";
        assert_eq!(parse(list), [PathBuf::from("/run/a b.sock")]);
    }
}
