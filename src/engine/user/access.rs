//! Lets an account in, and out again: entries in the access control lists of what the user owns.
//!
//! The user owns these files, so this takes no privilege. An inode that is shut stays shut wherever it
//! is moved: whoever may write a directory can rename what is hidden in it, and must gain nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, geteuid};
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::acl::{Acl, EXECUTE, READ, WRITE};
use super::record::{Hidden, List, Record, Writer};
use super::tree::{self, Next, Place};
use crate::engine::view::is_private;

/// How far the account is let in at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Opened {
    /// It may enter and list the directory.
    Enter,
    /// It may do what the owner may, here and below.
    Change,
    /// It may do that but for writing, here and below.
    Read,
    /// It may do nothing.
    Nothing,
}

impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Enter => "enter",
            Self::Change => "change",
            Self::Read => "read",
            Self::Nothing => "nothing",
        })
    }
}

/// Where, and how far; the deepest one above a path decides about it.
pub type Openings = BTreeMap<PathBuf, Opened>;

/// Makes the lists say what the openings do; `home` is the user's.
///
/// # Errors
/// When the record cannot be written or a list not be set.
pub fn settle(account: &Account, openings: &Openings, home: &Path, file: &Path) -> io::Result<()> {
    let record = Record::read(file)?;
    let mut writer = Writer::open(file)?;
    let changed = openings.iter().filter(|(_, how)| **how == Opened::Change);
    let mut roots: Vec<&Path> = changed.map(|(path, _)| path.as_path()).collect();
    roots.push(home);
    // Another run may count on what is shut: its rules need not be these.
    if account.processes().is_empty() {
        show(&record, &mut writer, account, openings, &roots)?;
    }
    for (path, opened) in openings {
        // A directory for temporary files goes with its run.
        let is_known = record.trees.contains(path) || is_private(path);
        if matches!(opened, Opened::Change | Opened::Read) && !is_known {
            writer.tree(path)?;
        }
    }
    let mut setter = Setter {
        account,
        record: Some((writer, &record, roots)),
        mask: current_umask(),
        owner: geteuid().as_raw(),
        guest: account.uid,
    };
    for (path, opened) in openings {
        let below = |place: &Path| openings.get(place).copied();
        setter.open(path, *opened, &below)?;
    }
    Ok(())
}

/// Opens again what these rules shut and do not shut any more: the same inode at the same place.
fn show(
    record: &Record,
    writer: &mut Writer,
    account: &Account,
    openings: &Openings,
    roots: &[&Path],
) -> io::Result<()> {
    for hidden in &record.hidden {
        let is_ours = roots.contains(&hidden.by.as_path());
        if !is_ours || openings.get(&hidden.path) == Some(&Opened::Nothing) {
            continue;
        }
        tree::visit(&hidden.path, &mut |place| {
            if place.uid == geteuid().as_raw() && place.inode == hidden.inode {
                writer.hide(hidden, false)?;
                forget(place, account, record)?;
            }
            Ok(Next::Pass)
        })?;
    }
    Ok(())
}

/// Lets the owner into what the account has made there; called as the account.
///
/// # Errors
/// When a list cannot be set.
pub fn hand_back(account: &Account, openings: &Openings) -> io::Result<()> {
    let mut setter = Setter {
        account,
        record: None,
        mask: 0,
        owner: account.uid,
        guest: account.owner,
    };
    let changed = openings.iter().filter(|(_, how)| **how == Opened::Change);
    for (path, opened) in changed {
        setter.open(path, *opened, &|_| None)?;
    }
    Ok(())
}

/// Takes every entry of the account back from what was recorded. What the account itself has made is
/// left to root.
///
/// # Errors
/// When a list cannot be set.
pub fn release(account: &Account, record: &Record) -> io::Result<()> {
    let whole = record.trees.iter().map(|path| (path, Next::Enter));
    let single = record.places.iter().map(|path| (path, Next::Pass));
    for (path, next) in whole.chain(single) {
        tree::visit(path, &mut |place| {
            if has_lists(place) && (geteuid().is_root() || place.uid == geteuid().as_raw()) {
                forget(place, account, record)?;
            }
            Ok(next)
        })?;
    }
    Ok(())
}

/// Gives what the account has made below these places to its owner; called as root.
///
/// # Errors
/// When something cannot be given.
pub fn give_up(account: &Account, group: Gid, places: &[&Path]) -> io::Result<()> {
    for path in places {
        tree::visit(path, &mut |place| {
            if place.uid == account.uid {
                place.give_to(Uid::from_raw(account.owner), group)?;
            }
            Ok(Next::Enter)
        })?;
    }
    Ok(())
}

/// Links, sockets and devices have none that matter: the filter shuts sockets.
fn has_lists(place: &Place<'_>) -> bool {
    place.is_dir || place.is_file
}

/// The list as it would be without the account.
fn forget(place: &Place<'_>, account: &Account, record: &Record) -> io::Result<()> {
    for list in [List::Access, List::Default] {
        let now = match place.list(list) {
            Ok(Some(now)) => now,
            Ok(None) => continue,
            Err(error) => return unsupported(error),
        };
        if !now.names(account.uid, account.gid) && place.uid != account.uid {
            continue;
        }
        // The owner is named so that what the account makes is for both.
        let others = |list: &Acl| {
            let list = list.without(account.uid, account.gid);
            list.without(account.owner, account.gid)
        };
        let before = record.before.get(&(place.inode, list));
        let before = before.and_then(|bytes| Acl::decode(bytes));
        // Whatever else was changed meanwhile is to stay.
        let before = before.filter(|before| others(before) == others(&now));
        match before {
            Some(before) => place.set_list(list, &before)?,
            None => place.leave_list(list, &others(&now))?,
        }
    }
    Ok(())
}

/// A file system without lists has none to take back.
fn unsupported(error: io::Error) -> io::Result<()> {
    match error.raw_os_error() {
        Some(libc::EOPNOTSUPP) => Ok(()),
        _ => Err(error),
    }
}

/// What this process's new files do not give to others.
pub(super) fn current_umask() -> u32 {
    let mask = umask(Mode::empty());
    umask(mask);
    mask.bits()
}

/// One of two lets the other in.
struct Setter<'a> {
    account: &'a Account,
    /// Where what is done is recorded, what is shut already, and by whose rules things are.
    record: Option<(Writer, &'a Record, Vec<&'a Path>)>,
    /// What the owner's own new files do not give to others.
    mask: u32,
    owner: u32,
    guest: u32,
}

impl Setter<'_> {
    fn open(
        &mut self,
        path: &Path,
        opened: Opened,
        below: &dyn Fn(&Path) -> Option<Opened>,
    ) -> io::Result<()> {
        tree::visit(path, &mut |place| {
            // What has an opening of its own gets it in its own turn.
            if place.path != path && below(place.path).is_some() {
                return Ok(Next::Pass);
            }
            if place.uid != self.owner {
                let enters = opened != Opened::Enter && opened != Opened::Nothing;
                return Ok(if enters { Next::Enter } else { Next::Pass });
            }
            if !has_lists(place) {
                return Ok(Next::Pass);
            }
            match opened {
                Opened::Nothing => self.shut(place).map(|()| Next::Pass),
                Opened::Enter => self.enter(place).map(|()| Next::Pass),
                Opened::Change | Opened::Read => self.share(place, opened),
            }
        })
    }

    fn shut(&mut self, place: &Place<'_>) -> io::Result<()> {
        if let Some((writer, known, roots)) = &mut self.record {
            let above = roots.iter().filter(|root| place.path.starts_with(root));
            let by = above.max_by_key(|root| root.as_os_str().len());
            let hidden = Hidden {
                path: place.path.to_owned(),
                inode: place.inode,
                by: by.map_or_else(|| place.path.to_owned(), |root| root.to_path_buf()),
            };
            if !known.hidden.contains(&hidden) {
                writer.hide(&hidden, true)?;
            }
        }
        let now = place.list(List::Access)?;
        self.set(place, now.as_ref(), 0)
    }

    /// Who may enter as anybody needs no entry.
    fn enter(&mut self, place: &Place<'_>) -> io::Result<()> {
        let now = place.list(List::Access)?;
        if now.is_none() && place.mode & 0o005 == 0o005 || !place.is_dir {
            return Ok(());
        }
        if let Some((writer, known, _)) = &mut self.record
            && !known.places.contains(place.path)
        {
            writer.open_at(place.path)?;
        }
        self.set(place, now.as_ref(), READ | EXECUTE)
    }

    fn share(&mut self, place: &Place<'_>, opened: Opened) -> io::Result<Next> {
        let now = place.list(List::Access)?;
        let is_shut = now.as_ref().and_then(|now| now.of_user(self.guest)) == Some(0);
        if is_shut && self.guest == self.account.uid {
            return Ok(Next::Pass);
        }
        let keeps = if opened == Opened::Read { !WRITE } else { !0 };
        // With a list or without, the owner's are the first bits of the mode.
        let rights = (place.mode >> 6) as u16 & keeps;
        self.set(place, now.as_ref(), rights)?;
        match opened {
            Opened::Change if place.is_dir => self.inherit(place)?,
            Opened::Read if place.is_dir => self.disinherit(place)?,
            _ => {}
        }
        Ok(Next::Enter)
    }

    /// `now` is the list that there is.
    fn set(&mut self, place: &Place<'_>, now: Option<&Acl>, rights: u16) -> io::Result<()> {
        let plain = Acl::of_mode(place.mode);
        let wanted = now.unwrap_or(&plain).with_user(self.guest, rights);
        self.replace(place, List::Access, now, &wanted)
    }

    /// What is made in there is for both, and for others as the mode of the directory says.
    fn inherit(&mut self, place: &Place<'_>) -> io::Result<()> {
        let now = place.list(List::Default)?;
        let plain = Acl::of_mode(place.mode & !self.mask);
        let all = READ | WRITE | EXECUTE;
        let wanted = now.as_ref().unwrap_or(&plain).with_user(self.owner, all);
        let wanted = wanted.with_user(self.guest, all);
        self.replace(place, List::Default, now.as_ref(), &wanted)
    }

    /// What its owner makes in there is not the account's to change, though the directory was made where
    /// that is so.
    fn disinherit(&mut self, place: &Place<'_>) -> io::Result<()> {
        let (uid, gid) = (self.account.uid, self.account.gid);
        match place.list(List::Default)? {
            Some(list) if list.names(uid, gid) => {
                let rest = list.without(uid, gid).without(self.owner, gid);
                place.leave_list(List::Default, &rest)
            }
            _ => Ok(()),
        }
    }

    fn replace(
        &mut self,
        place: &Place<'_>,
        list: List,
        now: Option<&Acl>,
        wanted: &Acl,
    ) -> io::Result<()> {
        if now == Some(wanted) {
            return Ok(());
        }
        if let (Some(now), Some((writer, ..))) = (now, &mut self.record)
            && now.of_user(self.guest).is_none()
        {
            writer.was(place.inode, list, &now.encode())?;
        }
        place.set_list(list, wanted)
    }
}
