//! Which new name in a directory a rule forbids.
//!
//! What is protected and there is mounted read-only. What is protected and not there has nothing to
//! mount on, so whoever makes names is asked about.

use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::mountinfo;
use super::target::{From, Target};
use crate::engine::linux::makers::{Makers, inside};
use crate::engine::view;
use crate::policy::{Origin, Policy};
use crate::sys::notify::Asked;

const HERE: RawFd = libc::AT_FDCWD;

/// As many directories above a new name belong to a rule at most: `.git/modules/NAME/hooks`.
const DEEPEST: usize = 6;
/// How many links are followed from a name to where it makes a file.
const MOST_LINKS: usize = 40;

/// A call that makes a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Call {
    /// Where a relative path starts, and the address of the path.
    path: (RawFd, u64),
    what: What,
}

/// What gets the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// A new file; `follows` if a link at the name is followed.
    File { follows: bool },
    /// A new directory.
    Directory,
    /// A symbolic link.
    Link,
    /// What had this name before.
    Moved { from: (RawFd, u64) },
}

/// A name that a rule forbids.
#[derive(Debug)]
pub(super) struct Forbidden<'r> {
    pub(super) path: PathBuf,
    pub(super) rule: &'r Origin,
}

/// The first name that the call would make and a rule forbids.
pub(super) fn judge<'r>(
    makers: &Makers,
    policy: &'r Policy,
    asked: &Asked,
    target: Target,
    own: BorrowedFd<'_>,
) -> io::Result<Option<Forbidden<'r>>> {
    for call in calls(asked, target)? {
        let (directory, address) = call.path;
        let typed = target.text(address)?;
        let question = Question {
            makers,
            policy,
            target,
            own,
            what: call.what,
        };
        let forbidden = question.ask(&From::Directory(directory), Path::new(&typed), MOST_LINKS)?;
        if forbidden.is_some() {
            return Ok(forbidden);
        }
    }
    Ok(None)
}

struct Question<'q, 'r> {
    makers: &'q Makers,
    policy: &'r Policy,
    target: Target,
    /// The sandbox's mount namespace.
    own: BorrowedFd<'q>,
    what: What,
}

impl<'r> Question<'_, 'r> {
    fn ask(&self, from: &From<'_>, path: &Path, links: usize) -> io::Result<Option<Forbidden<'r>>> {
        let Some(name) = path.file_name() else {
            return Ok(None);
        };
        let follows = matches!(self.what, What::File { follows: true });
        let carries = matches!(self.what, What::Link | What::Moved { .. });
        let (denied, _) = self.policy.write.mentions(name.as_bytes());
        let concerns = denied || carries && self.makers.lead_through(name);
        if !(concerns || follows) {
            return Ok(None);
        }
        let parent = self.target.parent(from, path)?;
        if follows && let Some(to) = parent.link(name) {
            return match links.checked_sub(1) {
                Some(links) => self.ask(&From::Place(&parent), &to, links),
                None => Err(io::Error::from_raw_os_error(libc::ELOOP)),
            };
        }
        if !concerns {
            return Ok(None);
        }
        let is_there = parent.has(name);
        if is_there && !carries {
            return Ok(None);
        }
        let parent = mountinfo::place(&parent, self.target, self.own)?;
        let place = parent.join(name);
        if self.is_elsewhere(&place) || self.makers.own(&parent) {
            return Ok(None);
        }
        // What stands there and is protected is a mount point, which the kernel keeps.
        let own = if is_there { None } else { self.denies(&place) };
        let rule = own.map_or_else(|| self.below(&place), |rule| Ok(Some(rule)))?;
        Ok(rule.map(|rule| Forbidden { path: place, rule }))
    }

    /// Whether the sandbox has a place of its own there.
    fn is_elsewhere(&self, path: &Path) -> bool {
        let copied = |path: &Path| {
            let mut copies = self.policy.copy_on_write.iter();
            copies.any(|copy| path.starts_with(&copy.path))
        };
        inside(self.policy, path).is_none() && (view::is_private(path) || copied(path))
    }

    fn denies(&self, path: &Path) -> Option<&'r Origin> {
        let kinds: &[bool] = match self.what {
            What::File { .. } => &[false],
            What::Directory => &[true],
            What::Link | What::Moved { .. } => &[true, false],
        };
        kinds
            .iter()
            .find_map(|is_dir| self.policy.write.judge(path, *is_dir))
    }

    /// What a directory brings along under its new name, or what can be made behind a link.
    fn below(&self, path: &Path) -> io::Result<Option<&'r Origin>> {
        let above = path.ancestors().skip(1).take(DEEPEST);
        let floating = above.flat_map(|directory| self.policy.write.at(directory));
        let fixed = self.policy.write.fixed();
        let fixed = fixed.map(|(path, rule)| (path.to_owned(), rule));
        let mut inside = floating.chain(fixed).filter_map(|(protected, rule)| {
            let rest = protected.strip_prefix(path).ok()?;
            (rest != Path::new("")).then(|| (rest.to_owned(), rule))
        });
        match self.what {
            What::Link => Ok(inside.next().map(|(_, rule)| rule)),
            What::Moved {
                from: (directory, address),
            } => {
                let typed = self.target.text(address)?;
                let (from, typed) = (From::Directory(directory), Path::new(&typed));
                let name = typed.file_name().unwrap_or_default();
                if self.target.parent(&from, typed)?.link(name).is_some() {
                    return Ok(inside.next().map(|(_, rule)| rule));
                }
                let moved = self.target.find(&from, typed)?;
                let brought = inside.find(|(rest, _)| moved.has(rest));
                Ok(brought.map(|(_, rule)| rule))
            }
            What::File { .. } | What::Directory => Ok(None),
        }
    }
}

/// What a call makes; nothing where it makes nothing, or what its arguments do not say.
fn calls(asked: &Asked, target: Target) -> io::Result<Vec<Call>> {
    let [first, second, third, fourth, fifth, _] = asked.arguments;
    let at = |directory: u64| directory as RawFd;
    let file = |path, flags: u64| Call {
        path,
        what: What::File {
            follows: flags & (libc::O_EXCL | libc::O_NOFOLLOW) as u64 == 0,
        },
    };
    let made = |path, what| vec![Call { path, what }];
    let moved = |from, path, flags: u64| {
        let mut calls = made(path, What::Moved { from });
        if flags & u64::from(libc::RENAME_EXCHANGE) != 0 {
            calls.push(Call {
                path: from,
                what: What::Moved { from: path },
            });
        }
        calls
    };
    Ok(match asked.number {
        libc::SYS_openat => vec![file((at(first), second), third)],
        libc::SYS_openat2 => {
            let flags = target.number(third)?;
            match flags & libc::O_CREAT as u64 {
                0 => Vec::new(),
                _ => vec![file((at(first), second), flags)],
            }
        }
        libc::SYS_mkdirat => made((at(first), second), What::Directory),
        libc::SYS_mknodat => vec![file((at(first), second), libc::O_EXCL as u64)],
        libc::SYS_symlinkat => made((at(second), third), What::Link),
        libc::SYS_linkat => vec![file((at(third), fourth), libc::O_EXCL as u64)],
        libc::SYS_renameat2 => moved((at(first), second), (at(third), fourth), fifth),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_renameat => moved((at(first), second), (at(third), fourth), 0),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open => vec![file((HERE, first), second)],
        #[cfg(target_arch = "x86_64")]
        libc::SYS_creat => vec![file((HERE, first), 0)],
        #[cfg(target_arch = "x86_64")]
        libc::SYS_mkdir => made((HERE, first), What::Directory),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_mknod => vec![file((HERE, first), libc::O_EXCL as u64)],
        #[cfg(target_arch = "x86_64")]
        libc::SYS_symlink => made((HERE, second), What::Link),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_link => vec![file((HERE, second), libc::O_EXCL as u64)],
        #[cfg(target_arch = "x86_64")]
        libc::SYS_rename => moved((HERE, first), (HERE, second), 0),
        _ => Vec::new(),
    })
}
