//! Starts a command under a profile, passes signals on, and tells how it ended.
//!
//! Like the supervisor of the other engines it stays in the caller's process group and on the caller's
//! terminal, but with nothing that only one kernel has: no descriptors for processes and signals, no
//! namespaces that end with their first process. So what the command leaves behind goes on, in its
//! sandbox, and so does the command when this process is killed.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::select::{FdSet, pselect};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, chdir, close, setpgid, tcsetpgrp};

use crate::engine::job::{FORWARDED, stop_with_the_command};
use crate::engine::plan::Step;
use crate::engine::streams::{null_input_and_output, refuse_directories};
use crate::engine::unfit::Unfit;
use crate::engine::{Error, Exit};
use crate::policy::{ExecRules, Policy};
use crate::sys::arrivals::{self, Arrival, Before};
use crate::sys::process::{self, Image};
use crate::sys::sigpipe;

/// What a profile is tried on.
const HARMLESS: &str = "/usr/bin/true";

/// A command, its profile, and who applies it.
pub struct Start<'a> {
    /// `sandbox-exec`.
    pub program: &'a Path,
    /// The profile's text.
    pub profile: &'a str,
    /// What is left to do before it is applied.
    pub steps: &'a [Step],
    /// The command.
    pub image: &'a Image,
    /// Whether the command leads the foreground of a session that is its own.
    pub foreground: bool,
    /// Who serves the port that the profile leaves open, if it leaves one open.
    pub serve: Option<&'a Serve<'a>>,
}

/// Starts to serve a network; what it returns is served until that is dropped.
pub type Serve<'a> = dyn Fn() -> io::Result<Box<dyn Fn(&Policy)>> + 'a;

/// Refuses what the profile would: its own refusal looks like an end of the command.
///
/// # Errors
/// When a rule denies this program.
pub fn refuse_denied(rules: &ExecRules, image: &Image) -> Result<(), Error> {
    let path = Path::new(std::ffi::OsStr::from_bytes(image.path().to_bytes()));
    match rules.denied().any(|rule| rule.program.is(path)) {
        true => Err(Error::NotExecutable {
            path: path.to_owned(),
            source: io::Error::from_raw_os_error(libc::EACCES),
        }),
        false => Ok(()),
    }
}

/// Runs the command and waits for it; `afterwards` is called as soon as it runs.
///
/// The caller must have one thread. Nothing of the command has run when this returns an error that is
/// neither [`Error::Lost`] nor [`Error::Broker`].
///
/// # Errors
/// When the profile cannot be applied here, or a call of ours fails.
pub fn run(start: &Start<'_>, afterwards: &dyn Fn()) -> Result<Exit, Error> {
    refuse_directories()?;
    attempt(start.program, start.profile)?;
    let image = image(start).map_err(failed("the profile"))?;
    let mut heard: SigSet = FORWARDED.into_iter().collect();
    heard.add(Signal::SIGCHLD);
    let outside = heard
        .thread_swap_mask(SigmaskHow::SIG_BLOCK)
        .map_err(|errno| failed("sigprocmask")(errno.into()))?;
    let (arrivals, before) = listen(&heard).map_err(failed("listen to signals"))?;
    let (failure, fails) = io::pipe().map_err(failed("pipe"))?;
    let Some(pid) = process::fork().map_err(failed("fork"))? else {
        let Err(error) = become_command(start, &image, fails.as_raw_fd(), &before, &outside);
        let errno = error.raw_os_error().unwrap_or(libc::EINVAL);
        // Without a parent nobody is left to tell.
        drop((&fails).write_all(&errno.to_le_bytes()));
        process::exit_now(126)
    };
    drop(fails);
    let pid = Pid::from_raw(pid);
    // Not before: who forks has one thread. Whoever comes first waits at the open port.
    let served = start.serve.map(|serve| serve()).transpose();
    let Ok(_served) = served else {
        let _ = kill(pid, Signal::SIGKILL);
        waitpid(pid, None).map_err(|errno| failed("waitpid")(errno.into()))?;
        return Err(Error::Broker);
    };
    if let Some(source) = failure_of(failure).map_err(failed("read"))? {
        waitpid(pid, None).map_err(|errno| failed("waitpid")(errno.into()))?;
        return Err(failed("sandbox-exec")(source));
    }
    afterwards();
    null_input_and_output().map_err(failed("let go of the streams"))?;
    supervise(pid, start.foreground, &arrivals, outside).map_err(failed("wait"))
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Call { what, source }
}

/// Whether the profile can be applied here, found out by doing it: how `sandbox-exec` ends when it
/// cannot is how a command may end.
fn attempt(program: &Path, profile: &str) -> Result<(), Unfit> {
    let mut command = Command::new(program);
    command.env_clear().args(["-p", profile, "--", HARMLESS]);
    let said = match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            match said.trim() {
                "" => output.status.to_string(),
                said => said.to_owned(),
            }
        }
        Err(error) => format!("{}: {error}", program.display()),
    };
    Err(Unfit::SandboxExec(said))
}

/// The command as `sandbox-exec` starts it: it gives the program the name of its file.
fn image(start: &Start<'_>) -> io::Result<Image> {
    let program = CString::new(start.program.as_os_str().as_bytes())?;
    let arguments = vec![c"-p".to_owned(), CString::new(start.profile)?];
    Ok(start.image.clone().started_by(program, arguments))
}

fn listen(signals: &SigSet) -> io::Result<(PipeReader, Vec<Before>)> {
    let (from, to) = io::pipe()?;
    for end in [from.as_fd(), to.as_fd()] {
        fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    }
    let numbers: Vec<_> = signals.iter().map(|signal| signal as i32).collect();
    let before = arrivals::listen(to, &numbers)?;
    Ok((from, before))
}

/// The errno with which the command did not start; none when it did, for then the pipe is closed.
fn failure_of(mut pipe: PipeReader) -> io::Result<Option<io::Error>> {
    let mut told = Vec::new();
    pipe.read_to_end(&mut told)?;
    let errno = told.first_chunk().copied().map(i32::from_le_bytes);
    Ok(errno.map(io::Error::from_raw_os_error))
}

/// Goes on as the command; returns only with the reason why not.
fn become_command(
    start: &Start<'_>,
    image: &Image,
    keep: RawFd,
    before: &[Before],
    outside: &SigSet,
) -> io::Result<Infallible> {
    for step in start.steps {
        match step {
            Step::Enter(path) => chdir(path)?,
            // The profile says what is reached.
            Step::Network(_) => {}
            // Who planned it knows of no other.
            other => return Err(io::Error::other(other.to_string())),
        }
    }
    if start.foreground {
        // SIGTTOU is blocked here.
        setpgid(Pid::this(), Pid::this())?;
        tcsetpgrp(fs::File::open("/dev/tty")?, Pid::this())?;
    }
    process::no_core_file()?;
    // Seatbelt is not asked about what is open already.
    close_all_but(keep)?;
    sigpipe::restore();
    arrivals::restore(before);
    outside.thread_set_mask()?;
    process::execve(image)
}

/// Closes what the caller left open, by the list that every system has.
fn close_all_but(keep: RawFd) -> io::Result<()> {
    let number = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    let open: Vec<RawFd> = fs::read_dir("/dev/fd")?.filter_map(number).collect();
    for descriptor in open.into_iter().filter(|fd| *fd > 2 && *fd != keep) {
        // The list's own is closed by now.
        let _ = close(descriptor);
    }
    Ok(())
}

fn supervise(
    command: Pid,
    leads_group: bool,
    mut arrivals: &PipeReader,
    outside: SigSet,
) -> io::Result<Exit> {
    // Outside of the wait they stay blocked, so that none comes between a look and a wait.
    let mut open = outside;
    open.remove(Signal::SIGCHLD);
    FORWARDED.into_iter().for_each(|signal| open.remove(signal));
    loop {
        match waitpid(command, Some(WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED)) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(Exit::Code(code)),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(Exit::Signal(signal as i32)),
            Ok(WaitStatus::Stopped(..)) => {
                stop_with_the_command();
                continue;
            }
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut ready = FdSet::new();
        ready.insert(arrivals.as_fd());
        match pselect(None, &mut ready, None, None, None, &open) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut bytes = [0; 2];
        // It does not block: an error says that there are no more.
        while arrivals.read_exact(&mut bytes).is_ok() {
            forward(Arrival::read(bytes), command, leads_group);
        }
    }
}

/// Passes on what was sent to us alone; the terminal's own signals reach the command directly, but for
/// a hangup, which the kernel tells to the leader of the session.
fn forward(arrival: Arrival, command: Pid, leads_group: bool) {
    let Ok(signal) = Signal::try_from(arrival.signal) else {
        return;
    };
    if signal == Signal::SIGCHLD || !(arrival.by_process || signal == Signal::SIGHUP) {
        return;
    }
    // The command may have ended in between: then there is nobody to signal.
    let _ = match signal {
        // What stopped as a group goes on as a group.
        Signal::SIGCONT if leads_group => killpg(command, signal),
        _ => kill(command, signal),
    };
}
