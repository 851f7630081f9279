//! The engine for hosts where only another account can confine: the command runs as a user of its own,
//! and what the kernel lets that user do is what its files' access control lists say.
//!
//! Nobody needs privilege to set the lists of his own files: the account is let into the project and
//! the state of the tool, and shut out of what is hidden. To become another user takes root: a rule of
//! sudo that `aigate setup` makes lets one user start one program as one account, and nothing else.
//! Where the kernel has Landlock, its fence stands around all of it as well.

pub mod access;
pub mod account;
pub mod acl;
pub mod order;
pub mod record;
mod tree;

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use super::Error;
use super::landlock;
use super::plan::{Maker, Plan, Step};
use super::probe::{self, Ability};
use super::unfit::Unfit;
use super::view::{self, Access};
use crate::policy::{Engine, Loss, Policy};
use access::{Opened, Openings};
use account::{Absent, Account};

/// How the command becomes another user, and what that user is let into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByUser {
    /// Whom it runs as.
    pub account: Account,
    /// Where that account may do what.
    pub openings: Openings,
    /// The user's home, which keeps the record of what was opened.
    pub home: PathBuf,
    /// Whether the host's network is reached; otherwise none is.
    pub network: bool,
}

impl ByUser {
    /// Opens and shuts what the plan says, before anything runs.
    ///
    /// # Errors
    /// When the record cannot be kept or a list not be set.
    pub fn settle(&self) -> Result<(), Error> {
        let file = self.home.join(record::RECORD);
        access::settle(&self.account, &self.openings, &self.home, &file)
            .map_err(|error| Unfit::Lists(error.to_string()).into())
    }
}

/// The plan for another account: its directories as lists, and Landlock's fence where there is one.
/// `programs` are what the command starts from: the account has to get there.
///
/// # Errors
/// When there is no account, a loss is not accepted, or the plan needs what cannot be had so.
pub fn divide(plan: Plan, policy: &Policy, programs: &[PathBuf]) -> Result<Plan, Error> {
    let owner = geteuid().as_raw();
    let account = Account::of(owner).map_err(|absent| match absent {
        Absent::Never => Unfit::NoAccount,
        Absent::Wrong(why) => Unfit::Account(why),
    })?;
    let fenced = probe::attempt(Ability::Fence).is_ok();
    landlock::check(policy, &losses(fenced))?;
    if let Some(why) = unfit_without_fence(policy).filter(|_| !fenced) {
        return Err(Unfit::Bare(Engine::User, why).into());
    }
    let openings = openings(&plan, policy, programs);
    let mut plan = landlock::divide(leave_to_lists(plan, &openings, owner), Engine::User)?;
    if !fenced {
        unfence(&mut plan.steps, &openings);
    }
    let network = matches!(plan.maker, Maker::Landlock { network: true });
    plan.maker = Maker::User(Box::new(ByUser {
        account,
        openings,
        home: policy.home.clone(),
        network,
    }));
    Ok(plan)
}

/// What lists alone cannot do.
fn unfit_without_fence(policy: &Policy) -> Option<&'static str> {
    let links = fs::read_to_string("/proc/sys/fs/protected_hardlinks").unwrap_or_default();
    if policy.exec.denied().next().is_some() {
        return Some("without Landlock no list of yours keeps a program from being started");
    }
    // Whoever links a file of yours into the project is let into it there by the next start.
    (links.trim() != "1").then_some(
        "without Landlock it needs links protected: `sudo sysctl fs.protected_hardlinks=1`",
    )
}

/// What this engine does not keep.
#[must_use]
pub fn losses(fenced: bool) -> Vec<Loss> {
    let losses = Engine::User.losses().iter().copied();
    losses
        .filter(|loss| !fenced || *loss != Loss::Shared)
        .collect()
}

/// Landlock hides nothing in a directory whose files may be read, and so would shut what is made beside
/// a hidden file: in what the account may change, the lists hide.
fn leave_to_lists(mut plan: Plan, openings: &Openings, owner: u32) -> Plan {
    let in_lists = |path: &Path| {
        let mut above = path.ancestors().skip(1);
        let changed = above.any(|at| openings.get(at) == Some(&Opened::Change));
        let is_own = fs::symlink_metadata(path).is_ok_and(|found| found.uid() == owner);
        changed && is_own && openings.get(path) == Some(&Opened::Nothing)
    };
    plan.steps.retain(|step| match step {
        Step::Mask { at, .. } | Step::Tmpfs { at, .. } => !in_lists(at),
        _ => true,
    });
    plan
}

/// Without Landlock the lists are all there is: that they bind is tried before the command runs.
fn unfence(steps: &mut Vec<Step>, openings: &Openings) {
    steps.retain(|step| !matches!(step, Step::Allow { .. } | Step::Fence { .. }));
    let shut = openings.iter().filter(|(_, how)| **how == Opened::Nothing);
    let tried = shut.map(|(at, _)| Step::Unreadable(at.clone()));
    steps.splice(0..0, tried);
}

fn hidden(plan: &Plan) -> Vec<PathBuf> {
    let hidden = plan.steps.iter().filter_map(|step| match step {
        Step::Mask { at, .. } => Some(at.clone()),
        Step::Tmpfs { at, .. } if !view::is_private(at) => Some(at.clone()),
        _ => None,
    });
    hidden.collect()
}

/// Only what the user's own directories hold is opened or shut: no list of the system's is touched.
fn openings(plan: &Plan, policy: &Policy, programs: &[PathBuf]) -> Openings {
    let mut openings = Openings::new();
    for step in &plan.steps {
        if let Step::Attach {
            at,
            access: Access::Writable,
            ..
        } = step
        {
            openings.insert(at.clone(), Opened::Change);
        }
    }
    let own: Vec<PathBuf> = openings
        .keys()
        .cloned()
        .chain([policy.home.clone()])
        .collect();
    let is_own = |path: &Path| own.iter().any(|tree| path.starts_with(tree));
    let protected = plan.steps.iter().filter_map(|step| match step {
        Step::Protect(at) => Some((at.clone(), Opened::Read)),
        _ => None,
    });
    let shut = hidden(plan).into_iter().map(|at| (at, Opened::Nothing));
    openings.extend(protected.chain(shut).filter(|(at, _)| is_own(at)));
    let inner = programs.iter().filter(|path| is_own(path));
    let on_the_way: Vec<_> = own
        .iter()
        .chain(inner)
        .flat_map(|path| above(path))
        .collect();
    for directory in on_the_way {
        let mut decided = directory.ancestors().filter_map(|at| openings.get(at));
        if decided.all(|opened| *opened == Opened::Enter) {
            openings.insert(directory, Opened::Enter);
        }
    }
    openings
}

/// The directories that lead to a path, and to where its links lead.
fn above(path: &Path) -> Vec<PathBuf> {
    let real = fs::canonicalize(path).ok();
    let both = [Some(path), real.as_deref()].into_iter().flatten();
    let ways = both.flat_map(Path::ancestors).filter(|at| at.is_dir());
    ways.map(Path::to_owned).collect()
}

/// Tries to read what must not be readable.
///
/// # Errors
/// When it can be read.
pub(super) fn unreadable(path: &Path) -> io::Result<()> {
    match fs::File::open(path) {
        Err(error) if view::is_absence(&error) => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::other(
            "this account can read it, and it is not yours to hide; its owner can, or a kernel with \
             Landlock",
        )),
    }
}
