//! What this host gives a process without privileges, found out by doing it.
//!
//! Every trial happens in a child that ends at once, by the same calls that make a sandbox. What a
//! version says or a file in `/proc/sys` is asked only to name who refused: see
//! [`surroundings`](super::surroundings).

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::sys::signal::kill;
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, getppid, pipe};

use super::landlock::Allowed;
use super::limits;
use super::linux::fence::Fence;
use super::linux::init;
use super::linux::netns::{self, NetPlan};
use super::linux::{scope, seccomp};
use crate::policy::{Limits, NetRule};
use crate::sys::mount::{self, NO_DEV, NO_EXEC, NO_SUID, READ_ONLY};
use crate::sys::probe;
use crate::sys::process::{self, Cloned};

/// Something that a sandbox is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ability {
    /// A user namespace with the caller's own IDs.
    UserNamespace,
    /// A mount namespace in which mounts are changed and made.
    Mounts,
    /// A PID namespace with its own `/proc`.
    Processes,
    /// IPC, UTS and cgroup namespaces.
    OtherNamespaces,
    /// A network of its own, joined to the broker.
    Network,
    /// Landlock's scopes: no signal to a process outside.
    Landlock,
    /// Landlock's rules on files.
    Fence,
    /// The system-call filter.
    Filter,
    /// A filter that asks another process.
    Notification,
    /// A watch on files.
    Watch,
}

/// What stood in the way.
#[derive(Debug)]
pub struct Refused {
    /// The call or step.
    pub what: String,
    /// Its error.
    pub source: io::Error,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.what, self.source)
    }
}

fn refused(what: &str) -> impl FnOnce(io::Error) -> Refused {
    let what = what.to_owned();
    move |source| Refused { what, source }
}

/// Tries an ability: what was found besides that it works, each in words.
///
/// The caller must have one thread.
pub fn attempt(ability: Ability) -> Result<Vec<String>, Refused> {
    use libc::{CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER};
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    let ids = Ids(uid.as_raw(), gid.as_raw());
    let others = libc::CLONE_NEWIPC | libc::CLONE_NEWUTS | libc::CLONE_NEWCGROUP;
    match ability {
        Ability::UserNamespace => in_child(CLONE_NEWUSER, || identity(ids)),
        Ability::Mounts => in_child(CLONE_NEWUSER | CLONE_NEWNS, || mounts(ids)),
        Ability::Processes => {
            in_child(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID, || own_proc(ids))
        }
        Ability::OtherNamespaces => in_child(CLONE_NEWUSER | others, || identity(ids)),
        Ability::Network => in_child(CLONE_NEWUSER | CLONE_NEWNET, || network(ids)),
        Ability::Landlock => in_child(0, landlock),
        Ability::Fence => in_child(0, fence),
        Ability::Filter => in_child(0, filter),
        Ability::Notification => in_child(0, || {
            process::no_new_privs().map_err(refused("no_new_privs"))?;
            probe::seccomp_listener().map_err(refused("seccomp"))?;
            Ok(Vec::new())
        }),
        Ability::Watch => in_child(0, || {
            let flags = nix::sys::inotify::InitFlags::IN_CLOEXEC;
            nix::sys::inotify::Inotify::init(flags)
                .map(|_| Vec::new())
                .map_err(|errno| refused("inotify_init")(errno.into()))
        }),
    }
}

/// The user and group of this process, asked before it makes a namespace: inside, who is not mapped
/// yet has the overflow IDs.
#[derive(Clone, Copy)]
struct Ids(u32, u32);

fn identity(Ids(uid, gid): Ids) -> Result<Vec<String>, Refused> {
    init::identity(uid, gid).map_err(refused("map the own IDs"))?;
    Ok(Vec::new())
}

fn mounts(ids: Ids) -> Result<Vec<String>, Refused> {
    identity(ids)?;
    mount::make_everything_private().map_err(refused("private mounts"))?;
    mount::restrict_everything(READ_ONLY | NO_SUID | NO_DEV)
        .map_err(refused("read-only mounts"))?;
    let memory = mount::new_fs(c"tmpfs", &[], NO_SUID | NO_DEV);
    let memory = memory.map_err(refused("a file system in memory"))?;
    attach(&memory, "/tmp")?;
    Ok(Vec::new())
}

fn own_proc(ids: Ids) -> Result<Vec<String>, Refused> {
    identity(ids)?;
    mount::make_everything_private().map_err(refused("private mounts"))?;
    let proc = mount::new_fs(c"proc", &[], NO_SUID | NO_DEV | NO_EXEC);
    attach(&proc.map_err(refused("mount proc"))?, "/proc")?;
    Ok(Vec::new())
}

fn attach(tree: &OwnedFd, at: &str) -> Result<(), Refused> {
    use std::os::fd::AsFd;
    mount::attach(tree.as_fd(), Path::new(at)).map_err(refused(&format!("mount {at}")))
}

fn network(ids: Ids) -> Result<Vec<String>, Refused> {
    identity(ids)?;
    let rules: Vec<NetRule> = Vec::new();
    let sockets = netns::build(&NetPlan::filtered(&rules, &[])).map_err(refused("network"))?;
    Ok(sockets.shortfalls)
}

fn landlock() -> Result<Vec<String>, Refused> {
    let version = probe::landlock_abi().map_err(refused("landlock_create_ruleset"))?;
    process::no_new_privs().map_err(refused("no_new_privs"))?;
    scope::apply().map_err(refused(&format!("scopes with version {version}")))?;
    // A signal that is none: only the right to send it is asked for.
    match kill(getppid(), None) {
        Err(nix::Error::EPERM) => Ok(vec![format!("version {version}")]),
        Ok(()) => Err(Refused {
            what: "a signal to a process outside".to_owned(),
            source: io::Error::other("not refused"),
        }),
        Err(errno) => Err(refused("kill")(errno.into())),
    }
}

fn fence() -> Result<Vec<String>, Refused> {
    process::no_new_privs().map_err(refused("no_new_privs"))?;
    let mut fence = Fence::default();
    fence
        .allow(Path::new("/"), Allowed::List)
        .and_then(|()| fence.close(false))
        .map_err(refused("rules on files"))?;
    match fs::File::open("/proc/self/stat") {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(Vec::new()),
        _ => Err(Refused {
            what: "a file that is not allowed".to_owned(),
            source: io::Error::other("not refused"),
        }),
    }
}

fn filter() -> Result<Vec<String>, Refused> {
    let program = seccomp::program()
        .map_err(|error| refused("compile")(io::Error::other(error.to_string())))?;
    process::no_new_privs().map_err(refused("no_new_privs"))?;
    seccomp::install(&program).map_err(refused("seccomp"))?;
    match probe::user_fault() {
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => Ok(Vec::new()),
        _ => Err(Refused {
            what: "a filtered call".to_owned(),
            source: io::Error::other("not refused"),
        }),
    }
}

/// Ceilings that a run could not have here, each with its reason.
///
/// Tried in a child: the service manager may move the caller into another control group.
pub fn lost_ceilings(wanted: &Limits) -> Result<Vec<String>, Refused> {
    in_child(0, || {
        let prepared = limits::prepare(wanted);
        let losses = prepared.losses.iter();
        Ok(losses
            .map(|loss| format!("{} {}: {}", loss.limit, loss.instead, loss.why))
            .collect())
    })
}

/// Runs `act` in a child in new namespaces and brings back what it says.
fn in_child(
    flags: i32,
    act: impl FnOnce() -> Result<Vec<String>, Refused>,
) -> Result<Vec<String>, Refused> {
    let (from, to) = pipe().map_err(|errno| refused("pipe")(errno.into()))?;
    let pid = match process::clone3(flags).map_err(refused("clone"))? {
        Cloned::Child => {
            drop(from);
            let told = tell(to, act());
            process::exit_now(i32::from(told.is_err()))
        }
        Cloned::Parent { pid, .. } => pid,
    };
    drop(to);
    let mut told = Vec::new();
    let heard = fs::File::from(from).read_to_end(&mut told);
    waitpid(Pid::from_raw(pid), None).map_err(|errno| refused("wait")(errno.into()))?;
    heard.map_err(refused("read"))?;
    listen(&told)
}

/// An errno, zero for success, and lines of text: what works besides, or what was refused.
fn tell(to: OwnedFd, result: Result<Vec<String>, Refused>) -> io::Result<()> {
    let (errno, lines) = match result {
        Ok(lines) => (0, lines),
        Err(Refused { what, source }) => match source.raw_os_error() {
            Some(errno) => (errno, vec![what]),
            None => (-1, vec![what, source.to_string()]),
        },
    };
    let mut to = fs::File::from(to);
    to.write_all(&errno.to_le_bytes())?;
    to.write_all(lines.join("\n").as_bytes())
}

fn listen(told: &[u8]) -> Result<Vec<String>, Refused> {
    let Some((errno, text)) = told.split_first_chunk::<4>() else {
        let source = io::ErrorKind::UnexpectedEof.into();
        return Err(refused("the trial ended early")(source));
    };
    let text = String::from_utf8_lossy(text);
    let mut lines = text.lines().map(str::to_owned);
    match i32::from_le_bytes(*errno) {
        0 => Ok(lines.collect()),
        errno => {
            let what = lines.next().unwrap_or_default();
            let source = match errno {
                -1 => io::Error::other(lines.collect::<Vec<_>>().join("\n")),
                errno => io::Error::from_raw_os_error(errno),
            };
            Err(Refused { what, source })
        }
    }
}
