//! Ceilings on memory, processors and processes of one run.
//!
//! | limit | enforced by | otherwise |
//! |---|---|---|
//! | memory, processors | a cgroup of the second version: one of our own where the caller may make one, else one that the service manager makes | memory: for each process alone; processors: not |
//! | processes | the same cgroup | the user namespace's own count, which root is exempt from |
//!
//! Whether something can be enforced is found out by doing it. What is lost has a name: `status` shows
//! it, and `required: true` refuses to run.

mod cgroup;
mod dbus;
mod systemd;

use std::fmt;

use nix::unistd::geteuid;

use crate::policy::{Limits, Origin};
use cgroup::Ceilings;

pub use cgroup::Group;

/// What a run has to do to be limited.
#[derive(Debug, Default)]
pub struct Prepared {
    /// The group that the sandbox's first process enters; removed when this is dropped.
    pub group: Option<Group>,
    /// Limits that the first process sets for itself and all others.
    pub own: OwnLimits,
    /// What is not enforced as it was asked for.
    pub losses: Vec<Loss>,
}

/// Limits that a process sets for itself and inherits to what it starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OwnLimits {
    /// Processes and threads in the user namespace.
    pub processes: Option<u64>,
    /// Bytes of writable memory of each process.
    pub memory: Option<u64>,
}

impl OwnLimits {
    /// Whether there is nothing to set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == OwnLimits::default()
    }
}

impl fmt::Display for OwnLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(count) = self.processes {
            write!(f, "{count} processes")?;
            separator = ", ";
        }
        if let Some(bytes) = self.memory {
            write!(f, "{separator}{bytes} bytes of memory for each process")?;
        }
        Ok(())
    }
}

/// A ceiling that is not enforced as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The key of the configuration.
    pub limit: &'static str,
    /// The line that asks for it.
    pub origin: Origin,
    /// What holds instead.
    pub instead: &'static str,
    /// What stands in the way.
    pub why: String,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Loss {
            limit,
            origin,
            instead,
            why,
        } = self;
        write!(f, "{limit} ({}): {instead}; {why}", origin.place())
    }
}

/// Prepares the ceilings. Nothing is limited yet, except where the service manager was asked: then this
/// process is in the group already.
#[must_use]
pub fn prepare(limits: &Limits) -> Prepared {
    let wanted = Ceilings {
        memory: limits.max_memory.as_ref().map(|(bytes, _)| *bytes),
        cpu_percent: limits.max_cpu_percent.as_ref().map(|(percent, _)| *percent),
        processes: limits.max_pids.as_ref().map(|(count, _)| *count),
    };
    if wanted == Ceilings::default() {
        return Prepared::default();
    }
    let mut prepared = Prepared::default();
    // Cheap, and it holds where nothing else can be had. The superuser is exempt from it.
    let counts = !geteuid().is_root();
    prepared.own.processes = wanted.processes.filter(|_| counts).map(u64::from);
    let only_processes = wanted.memory.is_none() && wanted.cpu_percent.is_none();
    if only_processes && counts {
        return prepared;
    }
    let group = Group::create(&wanted).or_else(|why| {
        systemd::enter_scope(&wanted)
            .map(|()| None)
            .map_err(|also| format!("{why}; {also}"))
    });
    match group {
        Ok(group) => prepared.group = group,
        Err(why) => prepared.fall_back(limits, &why, counts),
    }
    prepared
}

impl Prepared {
    fn fall_back(&mut self, limits: &Limits, why: &str, counts: bool) {
        let mut lose = |limit, origin: &Origin, instead| {
            self.losses.push(Loss {
                limit,
                origin: origin.clone(),
                instead,
                why: why.to_owned(),
            });
        };
        if let Some((bytes, origin)) = &limits.max_memory {
            lose(
                "max_memory",
                origin,
                "holds for each process alone, not for all together",
            );
            self.own.memory = Some(*bytes);
        }
        if let Some((_, origin)) = &limits.max_cpu_percent {
            lose("max_cpu_percent", origin, "is not enforced");
        }
        if let Some((_, origin)) = limits.max_pids.as_ref().filter(|_| !counts) {
            lose("max_pids", origin, "is not enforced for root");
        }
    }
}
