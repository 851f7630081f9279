//! The account as which agents run: made once by root for one user, and kept in a file of root's.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};
use serde::{Deserialize, Serialize};

/// Where root keeps what it made, one file for each user.
const ACCOUNTS: &str = "/var/lib/aigate/accounts";

/// Where root keeps the copies of aigate that start as those accounts.
const PROGRAMS: &str = "/usr/lib/aigate/accounts";

/// An account without rights of its own, for the agents of one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// For whose agents it is.
    pub owner: u32,
    /// Its name.
    pub user: String,
    /// Its group's.
    pub group: String,
    /// Its number; 0 as long as it is being made.
    pub uid: u32,
    /// Its group's.
    pub gid: u32,
}

/// Why there is no account to run as.
#[derive(Debug)]
pub enum Absent {
    /// None was made for this user.
    Never,
    /// What is kept about it cannot be relied on.
    Wrong(String),
}

impl Account {
    /// The file that keeps what was made for this user.
    #[must_use]
    pub fn file(owner: u32) -> PathBuf {
        Path::new(ACCOUNTS).join(format!("{owner}.json"))
    }

    /// The copy of aigate that root lets the user start as this account.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        Path::new(PROGRAMS).join(self.owner.to_string())
    }

    /// The processes that run as it.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let own = processes.filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let status = fs::read_to_string(entry.path().join("status")).ok()?;
            let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
            let mut ids = ids.split_whitespace();
            ids.any(|id| id.parse() == Ok(self.uid)).then_some(pid)
        });
        own.collect()
    }

    /// The account of this user.
    ///
    /// # Errors
    /// When there is none, or others than root could have written what says so.
    pub fn of(owner: u32) -> Result<Self, Absent> {
        let file = Self::file(owner);
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Absent::Never),
            text => text.map_err(wrong(&file))?,
        };
        for place in [&*file, Path::new(ACCOUNTS)] {
            let found = place.symlink_metadata().map_err(wrong(place))?;
            if found.uid() != 0 || found.mode() & 0o022 != 0 {
                let why = format!("{}: others than root can write it", place.display());
                return Err(Absent::Wrong(why));
            }
        }
        let account: Self = serde_json::from_str(&text).map_err(wrong(&file))?;
        let known = User::from_name(&account.user).ok().flatten();
        let is_known = known.is_some_and(|user| user.uid == Uid::from_raw(account.uid));
        if account.owner != owner || !is_known || [0, owner].contains(&account.uid) {
            return Err(wrong(&file)("it does not fit the accounts of this machine"));
        }
        Ok(account)
    }
}

fn wrong<E: std::fmt::Display>(file: &Path) -> impl FnOnce(E) -> Absent {
    move |error| Absent::Wrong(format!("{}: {error}", file.display()))
}
