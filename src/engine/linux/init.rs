//! PID 1 of the sandbox: applies the plan, starts the command, reaps.
//!
//! It runs in a fork of the supervisor, not in a re-executed program: that saves an execve on each
//! start, and its memory, which still belongs to the host's user namespace and is not dumpable,
//! cannot be read from inside by any capability that a process inside could ever gain.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid, chdir, geteuid, setgroups, setresgid, setresuid};
use seccompiler::BpfProgram;

use super::allowlist;
use super::fence::Fence;
use super::message::{Report, receive_signal};
use super::mounts::{self, Mounts};
use super::netns::{self, NetPlan};
use super::orphans;
use super::{scope, seccomp};
use crate::engine::bwrap::{Bwrap, Status};
use crate::engine::limits::{Group, OwnLimits};
use crate::engine::plan::{Maker, Plan, Step};
use crate::engine::streams::null_streams;
use crate::engine::user::account::Account;
use crate::engine::user::{self, access};
use crate::sys::memory::Wait;
use crate::sys::{fd, mount, notify, process, sigpipe};

/// All that init needs, prepared before the fork.
pub(crate) struct Start<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) filter: &'a BpfProgram,
    /// The same, and it asks.
    pub(crate) asking: &'a BpfProgram,
    /// Whether another sandbox of ours is around this one.
    pub(crate) inside: bool,
    pub(crate) image: &'a process::Image,
    /// Whether the command gets a process group of its own, in the foreground of its terminal.
    pub(crate) foreground: bool,
    /// The control group of the sandbox, if it has one of its own.
    pub(crate) group: Option<&'a Group>,
    /// The directory for temporary files of this run, where `/tmp` is the host's inside too.
    pub(crate) temporary: Option<&'a Path>,
    /// The signals that were blocked when aigate was started.
    pub(crate) blocked: &'a SigSet,
}

/// Runs as init; never returns. `control` is the socket to the supervisor.
pub(crate) fn run(start: &Start<'_>, control: OwnedFd) -> ! {
    let code = match steps(start, &control).and_then(|()| command(start, &control)) {
        Ok((child, status)) => {
            let reaped = reap(child, start.foreground, &control, status);
            if !start.plan.maker.is_native() {
                orphans::end(&[]);
            }
            if let Maker::User(by) = &start.plan.maker {
                // What cannot be shared now is given back by root when the account goes.
                let _ = access::hand_back(&by.account, &by.openings);
            }
            if let (Err(_), Some(directory)) = (&reaped, start.temporary) {
                // The supervisor would have done it.
                let _ = fs::remove_dir_all(directory);
            }
            reaped.map_or(125, |()| 0)
        }
        Err(report) => {
            // Without a supervisor nobody is left to tell.
            drop(report.send(&control));
            125
        }
    };
    process::exit_now(code)
}

fn failed(step: &impl ToString) -> impl FnOnce(io::Error) -> Report {
    move |error| Report::StepFailed {
        errno: error.raw_os_error().unwrap_or(libc::EINVAL),
        step: match error.raw_os_error() {
            Some(_) => step.to_string(),
            None => format!("{}: {error}", step.to_string()),
        },
    }
}

fn steps(start: &Start<'_>, control: &OwnedFd) -> Result<(), Report> {
    match start.plan.maker {
        Maker::Native => process::die_with_parent(),
        // The socket to the supervisor says that it is gone, and then what the command has started
        // is still to be ended.
        _ => process::adopt_orphans(),
    }
    .map_err(failed(&"end with the supervisor"))?;
    if let Some(group) = start.group {
        group.enter().map_err(failed(&"enter the control group"))?;
    }
    if let Maker::User(by) = &start.plan.maker {
        as_account(&by.account).map_err(failed(&"become the account"))?;
    }
    // What the caller left open is not part of the sandbox, whoever opened it.
    fd::close_all_but(control.as_raw_fd()).map_err(failed(&"close descriptors"))?;
    process::no_core_file().map_err(failed(&"forbid core files"))?;
    if start.plan.maker.is_native() {
        namespaces(control).map_err(failed(&"hand over the namespaces"))?;
        confine(start, control)?;
    }
    Ok(())
}

/// Root needs nobody to become another user; who is that user already has nothing to do.
fn as_account(account: &Account) -> io::Result<()> {
    if geteuid().is_root() {
        let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
        setgroups(&[])?;
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)?;
    }
    match geteuid().as_raw() == account.uid {
        true => Ok(()),
        false => Err(io::ErrorKind::PermissionDenied.into()),
    }
}

fn confine(start: &Start<'_>, control: &OwnedFd) -> Result<(), Report> {
    let mask = umask(Mode::from_bits_truncate(0o022));
    let mut made = Made::default();
    for step in &start.plan.steps {
        apply(step, &mut made, start, control).map_err(failed(step))?;
    }
    umask(mask);
    Ok(())
}

fn tell_ready(control: &OwnedFd) -> Result<(), Report> {
    Report::Ready
        .send(control)
        .map_err(failed(&"tell the supervisor"))
}

/// Those who help from outside enter by these: once this process is not dumpable, an ordinary user
/// cannot open them any more.
fn namespaces(control: &OwnedFd) -> io::Result<()> {
    let user = fs::File::open("/proc/self/ns/user")?;
    let mount = fs::File::open("/proc/self/ns/mnt")?;
    Report::Namespaces.send_with(control, &[user.as_fd(), mount.as_fd()])
}

fn network(plan: &NetPlan, control: &OwnedFd) -> io::Result<()> {
    let sockets = netns::build(plan)?;
    Report::Network.send(control)?;
    sockets.send(control.as_fd())
}

/// What steps leave to later ones.
#[derive(Default)]
struct Made {
    mounts: Mounts,
    fence: Fence,
}

fn apply(
    step: &Step,
    Made { mounts, fence }: &mut Made,
    start: &Start<'_>,
    control: &OwnedFd,
) -> io::Result<()> {
    match step {
        Step::Identity { uid, gid } => identity(*uid, *gid),
        Step::PrivateMounts => mount::make_everything_private(),
        Step::Keep(path) => mounts.keep(path),
        Step::ReadOnly => mounts::read_only_everything(),
        Step::Tmpfs { at, mode } => mounts::tmpfs_at(at, *mode),
        Step::Directory { at, mode } => mounts::directory(at, *mode),
        Step::Attach { at, kind, access } => mounts.attach(at, *kind, *access),
        Step::Copy(path) => mounts::copy_on_write(path),
        Step::Devices { terminal } => mounts.devices(terminal.as_deref()),
        Step::Proc => mounts::proc_fs(),
        Step::Pin(path) => mounts::cover_with_itself(path, 0),
        Step::Protect(path) => mounts::cover_with_itself(path, mount::READ_ONLY),
        Step::Mask { at, kind } => mounts::mask(at, *kind),
        Step::Own { texts } => mounts::own_directory(texts),
        Step::NoNesting => allowlist::no_nesting(),
        Step::NoExecute(at) => allowlist::no_execute(at),
        Step::Execute { at, access } => allowlist::execute(at, *access),
        Step::OnlyListed(listed) => allowlist::only_listed(listed),
        Step::Network(plan) => network(plan, control),
        Step::Text { at, number } => mounts::text(at, *number),
        Step::Enter(path) => Ok(chdir(path)?),
        Step::Limit(limits) => limit(*limits),
        Step::Allow { at, allowed } => fence.allow(at, *allowed),
        Step::Fence { network } => fence.close(*network),
        Step::Unreadable(path) => user::unreadable(path),
        Step::DropCapabilities => process::drop_own_capabilities(),
        Step::NoNewPrivileges => {
            process::no_new_privs()?;
            process::die_with_parent()
        }
        Step::DropPrivileges => {
            process::no_new_privs()?;
            process::drop_capabilities()?;
            // A change of credentials can clear it.
            process::die_with_parent()
        }
        Step::Scope => scope::apply(),
        Step::Filter => seccomp::install(start.filter),
        Step::Ask { programs } => ask(*programs, start, control),
    }
}

fn ask(programs: bool, start: &Start<'_>, control: &OwnedFd) -> io::Result<()> {
    match notify::install(start.asking) {
        Ok(listener) => Report::Listener.send_with(control, &[listener.as_fd()]),
        // The sandbox around this one asks already. It knows the names, not our rules on programs.
        Err(error) if start.inside && !programs && error.raw_os_error() == Some(libc::EBUSY) => {
            seccomp::install(start.filter)
        }
        Err(error) => Err(error),
    }
}

pub(crate) fn identity(uid: u32, gid: u32) -> io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))?;
    // From here on nobody inside can read this copy of the supervisor's memory.
    process::not_dumpable()
}

/// Both limits at once: the hard one cannot be raised again.
fn limit(limits: OwnLimits) -> io::Result<()> {
    let all = [
        (Resource::RLIMIT_NPROC, limits.processes),
        (Resource::RLIMIT_DATA, limits.memory),
    ];
    for (resource, limit) in all {
        if let Some(limit) = limit {
            let (_, hard) = getrlimit(resource)?;
            setrlimit(resource, limit.min(hard), limit.min(hard))?;
        }
    }
    Ok(())
}

/// Starts the command and lets go of the caller's streams.
fn command(start: &Start<'_>, control: &OwnedFd) -> Result<(Pid, Option<Status>), Report> {
    let fork = "start the command";
    let status = match start.plan.maker {
        Maker::Bwrap(_) => Some(Status::new().map_err(failed(&fork))?),
        _ => None,
    };
    match process::fork().map_err(failed(&fork))? {
        Some(pid) => {
            // Not before the fork: the supervisor would start its keeper first, on this processor.
            if start.plan.maker.is_native() {
                tell_ready(control)?;
            }
            // A reader at the end of a pipe must see it close when the command closes it.
            null_streams().map_err(failed(&"let go of the streams"))?;
            Ok((Pid::from_raw(pid), status))
        }
        None => {
            let Err(report) = match (&start.plan.maker, &status) {
                (Maker::Bwrap(bwrap), Some(status)) => through(bwrap, status, start, control),
                (Maker::Landlock { .. } | Maker::User(_), _) => confine(start, control)
                    .and_then(|()| tell_ready(control))
                    .and_then(|()| execute_command(start)),
                (Maker::Native, _) => execute_command(start),
                // Whoever else makes a sandbox does not come here; nothing runs without one.
                _ => Err(failed(&fork)(io::ErrorKind::Unsupported.into())),
            };
            drop(report.send(control));
            process::exit_now(126)
        }
    }
}

fn execute_command(start: &Start<'_>) -> Result<Infallible, Report> {
    execute(start, start.image).map_err(|error| Report::ExecFailed {
        errno: error.raw_os_error().unwrap_or(libc::EINVAL),
    })
}

/// Our own process stays outside: what is confined cannot signal or trace it.
fn through(
    bwrap: &Bwrap,
    status: &Status,
    start: &Start<'_>,
    control: &OwnedFd,
) -> Result<Infallible, Report> {
    let what = "engine: bwrap";
    let image = bwrap.image(start.image, status).map_err(failed(&what))?;
    confine(start, control)?;
    tell_ready(control)?;
    execute(start, &image).map_err(failed(&what))
}

fn execute(start: &Start<'_>, image: &process::Image) -> io::Result<Infallible> {
    sigpipe::restore();
    if start.foreground {
        to_foreground()?;
    }
    start.blocked.thread_set_mask()?;
    process::execve(image)
}

/// A group whose parent is in another one of the session: otherwise Ctrl-Z would not stop it.
fn to_foreground() -> io::Result<()> {
    nix::unistd::setpgid(Pid::this(), Pid::this())?;
    let terminal = fs::File::open("/dev/tty")?;
    // SIGTTOU is blocked here.
    Ok(nix::unistd::tcsetpgrp(terminal, Pid::this())?)
}

/// Passes signals on and reaps until the command has ended; the kernel ends everything else with us.
fn reap(
    child: Pid,
    leads_group: bool,
    control: &OwnedFd,
    status: Option<Status>,
) -> io::Result<()> {
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    children.thread_block()?;
    let children = SignalFd::with_flags(&children, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    let wait = Wait::default();
    loop {
        if let Some(ended) = reap_all(child, control)? {
            // A signal may have ended the one who would have told.
            let by_itself = matches!(ended, Report::Ended { status } if status & 0x7f == 0);
            let lacks = status
                .filter(|_| by_itself)
                .is_some_and(|status| !status.command_ran());
            return if lacks { Report::NotMade } else { ended }.send(control);
        }
        let mut ready = [
            PollFd::new(control.as_fd(), PollFlags::POLLIN),
            PollFd::new(children.as_fd(), PollFlags::POLLIN),
        ];
        match wait.poll(&mut ready, PollTimeout::NONE) {
            Ok(()) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        while children.read_signal()?.is_some() {}
        if ready[0].any() == Some(true) {
            let Some(signal) = receive_signal(control)? else {
                return Err(io::ErrorKind::BrokenPipe.into());
            };
            let signal = Signal::try_from(signal)?;
            // What stopped as a group goes on as a group. The command may have ended in between: then
            // there is nobody to signal.
            let _ = match signal {
                Signal::SIGCONT if leads_group => killpg(child, signal),
                _ => kill(child, signal),
            };
        }
    }
}

/// Reaps what there is; `Some` when the command itself has ended.
fn reap_all(child: Pid, control: &OwnedFd) -> io::Result<Option<Report>> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED)) {
            Ok(WaitStatus::StillAlive) => return Ok(None),
            Ok(WaitStatus::Exited(pid, code)) if pid == child => {
                return Ok(Some(Report::Ended { status: code << 8 }));
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => {
                return Ok(Some(Report::Ended {
                    status: signal as i32,
                }));
            }
            Ok(WaitStatus::Stopped(pid, _)) if pid == child => Report::Stopped.send(control)?,
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
