//! The process outside: makes the sandbox, passes signals on, waits, and tells how it ended.
//!
//! It stays in the caller's process group and on the caller's terminal, so that the shell's job
//! control, resizing and Ctrl-C reach the command as they would without us.

mod crew;

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::time::SystemTime;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{AddressFamily, Shutdown, SockFlag, SockType, shutdown, socketpair};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, geteuid};

use super::job::{FORWARDED, stop_with_the_command};
use super::limits::Group;
use super::linux::guard;
use super::linux::init::{self, Start};
use super::linux::makers;
use super::linux::message::{Report, send_signal};
use super::linux::orphans;
use super::linux::seccomp;
use super::live::Live;
use super::plan::{Maker, Plan, Step};
use super::seatbelt;
use super::streams::{null_input_and_output, refuse_directories};
use super::unfit::Unfit;
use super::user::order;
use super::{Error, Exit, inside};
use crate::policy::Policy;
use crate::sys::handover::BrokerSockets;
use crate::sys::memory::Wait;
use crate::sys::process::{self, Cloned};

use crew::{Helper, Role, has_something};

pub(super) use crew::Ending;

fn call<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> Error {
    move |source| Error::Call {
        what,
        source: source.into(),
    }
}

/// Starts to serve the network of a sandbox, and returns how to make it follow another policy. A sandbox
/// without a network of its own has no sockets for it.
pub type StartBroker<'a> = dyn Fn(BrokerSockets, &Policy) -> io::Result<Box<dyn Fn(&Policy)>> + 'a;

/// One run: what is started, how, and where its policy comes from.
pub struct Run<'a> {
    /// The rules, for those who go on applying them while the command runs.
    pub policy: Policy,
    /// The sandbox.
    pub plan: &'a Plan,
    /// The command.
    pub image: &'a process::Image,
    /// How a changed policy reaches the running sandbox.
    pub live: Live<'a>,
    /// Who serves the sandbox's network, when it has one of its own with a way out.
    pub broker: &'a StartBroker<'a>,
    /// Who takes what the guard tells.
    pub guard: &'a guard::Tell<'a>,
    /// The control group that the sandbox enters, if it has one of its own.
    pub group: Option<&'a Group>,
    /// Whether the command leads the foreground of a session that is its own.
    pub foreground: bool,
    /// The directory for temporary files of this run, if it has one of its own.
    pub temporary: Option<&'a Path>,
    /// The program that applies a profile of Seatbelt, where there is one.
    pub sandbox_exec: Option<&'a Path>,
    /// What the caller has to do, but not before the command runs.
    pub afterwards: &'a dyn Fn(),
}

/// Runs the command in its sandbox and waits for it.
///
/// The caller must have one thread. Nothing has run when this returns an error, except with
/// [`Error::Lost`] and [`Error::Keeper`].
pub fn run(run: Run<'_>) -> Result<Exit, Error> {
    if let Maker::Seatbelt(profile) = &run.plan.maker {
        return by_seatbelt(profile, &run);
    }
    refuse_directories()?;
    if let Maker::User(by) = &run.plan.maker {
        by.settle()?;
    }
    let mut others = None;
    if !run.plan.maker.is_native() {
        // No namespace ends what init leaves, should it be killed.
        process::adopt_orphans().map_err(call("prctl"))?;
        others = Some(orphans::children());
    }
    let filter = seccomp::program_for(run.plan).map_err(uncompiled)?;
    let asking = seccomp::asking_program(run.plan).map_err(uncompiled)?;
    let (ours, theirs) = socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    )
    .map_err(call("socketpair"))?;
    let forwarded: SigSet = FORWARDED.into_iter().collect();
    let blocked = forwarded
        .thread_swap_mask(SigmaskHow::SIG_BLOCK)
        .map_err(call("sigprocmask"))?;
    let start = Start {
        plan: run.plan,
        filter: &filter,
        asking: &asking,
        inside: inside(),
        image: run.image,
        foreground: run.foreground,
        temporary: run.temporary,
        group: run.group,
        blocked: &blocked,
    };
    match process::clone3(flags(run.plan)).map_err(Error::Namespaces)? {
        Cloned::Child => match &start.plan.maker {
            Maker::User(by) if !geteuid().is_root() => order::hand_over(&start, by, theirs),
            _ => init::run(&start, theirs),
        },
        Cloned::Parent { pid, pidfd } => {
            drop(theirs);
            Supervisor {
                init: Pid::from_raw(pid),
                pidfd,
                control: ours,
                run,
                helpers: Vec::new(),
                namespaces: Vec::new(),
                sockets: BrokerSockets::default(),
                listener: None,
                others,
                served: false,
                started: false,
                began: makers::now(),
                wait: Wait::default(),
            }
            .supervise(&forwarded)
        }
    }
}

fn uncompiled(error: seccompiler::Error) -> Error {
    let source = io::Error::other(error.to_string());
    Error::Call {
        what: "seccomp",
        source,
    }
}

/// Leaves everything to the system's own program, where there is one.
fn by_seatbelt(profile: &str, run: &Run<'_>) -> Result<Exit, Error> {
    let program = run.sandbox_exec.ok_or(Unfit::Elsewhere("seatbelt"))?;
    let is_limit = |step: &Step| matches!(step, Step::Limit(_));
    if run.group.is_some() || run.plan.steps.iter().any(is_limit) {
        return Err(Unfit::Seatbelt("it enforces no `resource_limits`").into());
    }
    seatbelt::start::refuse_denied(&run.policy.exec, run.image)?;
    let is_served = |step: &Step| matches!(step, Step::Network(_));
    let serve = || (run.broker)(BrokerSockets::default(), &run.policy);
    let start = seatbelt::start::Start {
        program,
        profile,
        steps: &run.plan.steps,
        image: run.image,
        foreground: run.foreground,
        serve: run.plan.steps.iter().any(is_served).then_some(&serve),
    };
    seatbelt::start::run(&start, run.afterwards)
}

fn flags(plan: &Plan) -> i32 {
    if !plan.maker.is_native() {
        return 0;
    }
    let always = libc::CLONE_NEWUSER
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWCGROUP;
    if plan.own_network {
        always | libc::CLONE_NEWNET
    } else {
        always
    }
}

struct Supervisor<'a> {
    init: Pid,
    pidfd: OwnedFd,
    control: OwnedFd,
    run: Run<'a>,
    helpers: Vec<Helper>,
    /// The sandbox's user and mount namespaces.
    namespaces: Vec<OwnedFd>,
    /// The broker's: kept here too, for the next one when a broker is killed.
    sockets: BrokerSockets,
    /// Where the filter asks, until the guard has it: the first question starts one.
    listener: Option<OwnedFd>,
    /// Where no namespace ends what init leaves: whose children we have besides.
    others: Option<Vec<Pid>>,
    /// Whether a broker serves them. Most commands ask nothing of the network, and need none.
    served: bool,
    /// Whether the command has been started.
    started: bool,
    /// When it had not.
    began: SystemTime,
    wait: Wait,
}

/// What the supervisor was woken by.
struct Woken {
    reported: bool,
    /// Somebody inside asks for the network, which nobody serves yet.
    called: bool,
    /// The kernel asks, and nobody answers yet.
    asked: bool,
    /// Nobody is left who could ask.
    deserted: bool,
    /// Indices into the helpers.
    ended: Vec<usize>,
}

impl Supervisor<'_> {
    fn supervise(mut self, forwarded: &SigSet) -> Result<Exit, Error> {
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(forwarded, flags).map_err(call("signalfd"))?;
        let result = loop {
            let woken = self.sleep(&signals)?;
            self.forward(&signals)?;
            let mut done = Ok(());
            if woken.reported {
                match Report::receive(&self.control) {
                    Ok(Some((Report::Namespaces, received))) => self.namespaces = received,
                    Ok(Some((Report::Network, _))) => self.take_sockets()?,
                    Ok(Some((Report::Listener, received))) => self.take_listener(received),
                    Ok(Some((Report::Ready, _))) => done = self.command_starts(),
                    Ok(Some((Report::Stopped, _))) => stop_with_the_command(),
                    Ok(Some((report, _))) => break self.outcome(report),
                    // A reset is how a killed peer looks; either way init is gone.
                    Ok(None) | Err(_) => break Err(self.lost()),
                }
            }
            // After the report: when the command has ended, those who help it may have failed for that.
            let done = done.and_then(|()| self.begin(woken.called, woken.asked));
            if woken.deserted {
                // The kernel would say so again and again.
                self.listener = None;
            }
            if let Err(error) = done.and_then(|()| self.replace(&woken.ended)) {
                if kill(self.init, Signal::SIGKILL).is_err() {
                    // It belongs to somebody else, and ends when nobody is here any more.
                    let _ = shutdown(self.control.as_raw_fd(), Shutdown::Both);
                }
                break Err(error);
            }
        };
        self.wait_for_the_end()?;
        // Our own end comes next. To free the rules piece by piece would first copy their pages, which
        // the helpers have too.
        std::mem::forget(self.run.policy);
        result
    }

    fn sleep(&self, signals: &SignalFd) -> Result<Woken, Error> {
        let own = [self.control.as_fd(), signals.as_fd()];
        let helpers = self.helpers.iter().map(|helper| helper.pidfd.as_fd());
        // Before the command runs there is nobody to ask.
        let unserved = self.started && !self.served;
        let calls = self.sockets.called().filter(|_| unserved);
        let listener = self.listener.as_ref().map(AsFd::as_fd);
        let mut ready: Vec<_> = own
            .into_iter()
            .chain(helpers)
            .chain(listener)
            .chain(calls)
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        match self.wait.poll(&mut ready, PollTimeout::NONE) {
            Ok(()) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(call("poll")(error)),
        }
        let awake = |fd: &PollFd<'_>| fd.any() == Some(true);
        let (ended, unanswered) = ready[own.len()..].split_at(self.helpers.len());
        let (questions, calls) = unanswered.split_at(listener.iter().len());
        Ok(Woken {
            reported: awake(&ready[0]),
            called: calls.iter().any(has_something),
            asked: questions.iter().any(has_something),
            deserted: questions.iter().any(|fd| awake(fd) && !has_something(fd)),
            ended: (0..ended.len()).filter(|at| awake(&ended[*at])).collect(),
        })
    }

    /// Passes on what was sent to us alone; the terminal's own signals reach the command directly,
    /// once there is one.
    fn forward(&self, signals: &SignalFd) -> Result<(), Error> {
        while let Some(info) = signals.read_signal().map_err(call("signalfd"))? {
            // The kernel tells a hangup of the terminal to the session leader alone.
            let hangup = info.ssi_signo == Signal::SIGHUP as u32;
            if info.ssi_code <= libc::SI_USER || hangup || !self.started {
                // Init may have ended in between; the next report says so.
                drop(send_signal(&self.control, info.ssi_signo as i32));
            }
        }
        Ok(())
    }

    fn outcome(&self, report: Report) -> Result<Exit, Error> {
        match report {
            Report::Ended { status } if status & 0x7f == 0 => Ok(Exit::Code(status >> 8)),
            Report::Ended { status } => Ok(Exit::Signal(status & 0x7f)),
            Report::StepFailed { step, errno } => Err(Error::Step {
                step,
                source: io::Error::from_raw_os_error(errno),
            }),
            Report::ExecFailed { errno } => {
                let path = self.run.image.path().to_string_lossy().into_owned().into();
                match errno {
                    libc::ENOENT | libc::ENOTDIR => Err(Error::NotFound(path)),
                    _ => Err(Error::NotExecutable {
                        path,
                        source: io::Error::from_raw_os_error(errno),
                    }),
                }
            }
            Report::NotMade => Err(Unfit::Bwrap.into()),
            Report::Namespaces
            | Report::Network
            | Report::Listener
            | Report::Ready
            | Report::Stopped => Err(Error::Lost),
        }
    }

    fn lost(&self) -> Error {
        match self.run.plan.maker {
            Maker::User(_) if !self.started && !geteuid().is_root() => Unfit::Sudo.into(),
            _ => Error::Lost,
        }
    }

    fn command_starts(&mut self) -> Result<(), Error> {
        self.started = true;
        if !self.run.policy.publish_ports.is_empty() {
            self.serve()?;
        }
        // It works in namespaces that it is let into.
        if self.run.plan.maker.is_native() {
            self.start(Role::Keeper)?;
        }
        (self.run.afterwards)();
        // A reader at the end of a pipe must see it close when the command closes it. Errors of
        // ours may still have to be told.
        null_input_and_output().map_err(call("let go of the streams"))
    }

    /// Returns when the whole sandbox is gone: the kernel lets PID 1 go last.
    fn wait_for_the_end(&mut self) -> Result<(), Error> {
        let mut ended = [PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN)];
        while let Err(error) = poll(&mut ended, PollTimeout::NONE) {
            if error != nix::Error::EINTR {
                return Err(call("poll")(error));
            }
        }
        waitpid(self.init, None).map_err(call("waitpid"))?;
        if let Some(others) = &self.others {
            orphans::end(others);
        }
        self.let_the_broker_tell()?;
        for helper in self.helpers.drain(..) {
            // It ends by itself, too, but for what happens to run late. Nobody waits: the kernel
            // takes some milliseconds over its inotify, and it holds nothing of the caller's.
            let _ = kill(helper.pid, Signal::SIGKILL);
        }
        Ok(())
    }
}
