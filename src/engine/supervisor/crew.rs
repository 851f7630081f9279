//! The processes of ours beside a sandbox: who keeps its masks, serves its network and answers for the
//! programs that it starts.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use super::{Supervisor, call};
use crate::engine::Error;
use crate::engine::linux::{guard, keeper, makers};
use crate::engine::live::Watch;
use crate::engine::streams::null_streams;
use crate::sys::handover::BrokerSockets;
use crate::sys::memory::Wait;
use crate::sys::process::{self, Cloned};

/// How long the broker has, after the command has ended, to tell what was refused: milliseconds.
const TELLS_WITHIN: u16 = 1000;

/// What a process of ours beside the sandbox does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Keeps the masks in place.
    Keeper,
    /// Serves the network.
    Broker,
    /// Answers for the starts of programs.
    Guard,
}

impl Role {
    /// What would not be done without one.
    fn duty(self) -> &'static str {
        match self {
            Self::Keeper => "keep its masks in place",
            Self::Broker => "serve its network",
            Self::Guard => "answer what the kernel asks",
        }
    }
}

/// A process of ours beside the sandbox; ends with it.
pub(super) struct Helper {
    pub(super) role: Role,
    pub(super) pid: Pid,
    pub(super) pidfd: OwnedFd,
}

/// Why a helper's process ended by itself: its exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Ending {
    /// There is nothing left to help.
    SandboxEnded = 0,
    /// It could not work.
    Failed = 1,
    /// A file of the policy changed: to be started again with the new one.
    PolicyChanged = 2,
}

impl Supervisor<'_> {
    /// Starts the broker, if the network needs one and has none.
    pub(super) fn serve(&mut self) -> Result<(), Error> {
        if self.served || self.sockets.is_empty() {
            return Ok(());
        }
        self.served = true;
        self.start(Role::Broker)
    }

    pub(super) fn start(&mut self, role: Role) -> Result<(), Error> {
        let what = role.duty();
        let failed = |source| Error::Unstarted { what, source };
        match process::clone3(0).map_err(failed)? {
            Cloned::Parent { pid, pidfd } => {
                let pid = Pid::from_raw(pid);
                self.helpers.push(Helper { role, pid, pidfd });
                Ok(())
            }
            // It has no streams to complain to: its exit status says that it could not work.
            Cloned::Child => {
                // The guard alone keeps it: with him gone, nobody seems to answer who does not.
                if role != Role::Guard {
                    self.listener = None;
                }
                let done = null_streams().and_then(|()| self.work(role));
                process::exit_now(done.unwrap_or(Ending::Failed) as i32)
            }
        }
    }

    pub(super) fn take_sockets(&mut self) -> Result<(), Error> {
        let sockets = BrokerSockets::receive(self.control.as_fd());
        self.sockets = sockets.map_err(call("take the network's sockets"))?;
        Ok(())
    }

    pub(super) fn take_listener(&mut self, received: Vec<OwnedFd>) {
        self.listener = received.into_iter().next();
        // The command has not been started yet, and this is later than before.
        self.began = makers::now();
    }

    /// Starts who is asked for and not there: the network's broker, the kernel's guard.
    pub(super) fn begin(&mut self, network: bool, guard: bool) -> Result<(), Error> {
        if network {
            self.serve()?;
        }
        if guard {
            self.start(Role::Guard)?;
            self.listener = None;
        }
        Ok(())
    }

    /// Serves the network until the sandbox ends.
    fn broker(&mut self) -> io::Result<Ending> {
        process::die_with_parent()?;
        let policy_files = Watch::new(&self.run.live.files)?;
        if self.run.live.files.have_changed() {
            self.change_policy();
        }
        let follow = (self.run.broker)(std::mem::take(&mut self.sockets), &self.run.policy)?;
        let wait = Wait::default();
        loop {
            let sources = [self.pidfd.as_fd(), policy_files.as_fd()];
            let mut ready = sources.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
            match wait.poll(&mut ready, PollTimeout::NONE) {
                Ok(()) | Err(nix::Error::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            if ready[0].any() == Some(true) {
                return Ok(Ending::SandboxEnded);
            }
            if policy_files.changed()
                && let Some(policy) = self.run.live.reload()
            {
                follow(&policy);
            }
        }
    }

    fn work(&mut self, role: Role) -> io::Result<Ending> {
        match role {
            Role::Broker => self.broker(),
            Role::Guard => {
                let listener = self.listener.take().ok_or(io::ErrorKind::NotFound)?;
                let [_, mounts] = &self.namespaces[..] else {
                    return Err(io::ErrorKind::NotFound.into());
                };
                let post = guard::Post {
                    listener: listener.as_fd(),
                    init: self.pidfd.as_fd(),
                    mounts: mounts.as_fd(),
                    began: self.began,
                    tell: self.run.guard,
                };
                guard::run(self.run.policy.clone(), &mut self.run.live, &post)
            }
            Role::Keeper => {
                let policy_files = Watch::new(&self.run.live.files)?;
                if self.run.live.files.have_changed() {
                    return Ok(Ending::PolicyChanged);
                }
                let init = self.pidfd.as_fd();
                let own_network = self.run.plan.own_network;
                let (policy, namespaces) = (&self.run.policy, &self.namespaces);
                let began = self.began;
                keeper::run(policy, &policy_files, init, namespaces, own_network, began)
            }
        }
    }

    /// A helper that was killed is started again; one that cannot work ends the sandbox, which
    /// would go on without what it is for.
    pub(super) fn replace(&mut self, ended: &[usize]) -> Result<(), Error> {
        for at in ended.iter().rev() {
            let helper = self.helpers.swap_remove(*at);
            match waitpid(helper.pid, None).map_err(call("waitpid"))? {
                // What it was asked when it died nobody else can answer.
                WaitStatus::Signaled(..) if helper.role != Role::Guard => {
                    self.start(helper.role)?;
                }
                WaitStatus::Exited(_, code) if code == Ending::PolicyChanged as i32 => {
                    self.change_policy();
                    self.start(helper.role)?;
                    // What the kernel lets through follows the policy too, and the broker sees to it.
                    self.serve()?;
                }
                WaitStatus::Exited(_, code) if code == Ending::SandboxEnded as i32 => {}
                _ => {
                    return Err(match helper.role {
                        Role::Keeper => Error::Keeper,
                        Role::Broker => Error::Broker,
                        Role::Guard => Error::Guard,
                    });
                }
            }
        }
        Ok(())
    }

    /// What the files deny now is hidden from the running command too. What they allow now counts
    /// from the next start: a file that is already open could not be taken back either.
    fn change_policy(&mut self) {
        if let Some(policy) = self.run.live.reload() {
            self.run.policy = policy;
        }
    }

    /// What the kernel refused is told by the broker, and the command may have ended before that.
    pub(super) fn let_the_broker_tell(&mut self) -> Result<(), Error> {
        let calls = self.sockets.called();
        let mut calls: Vec<_> = calls.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        let ready = poll(&mut calls, PollTimeout::ZERO).unwrap_or(0) > 0;
        if self.started && ready && calls.iter().any(has_something) {
            drop(calls);
            self.serve()?;
        }
        let broker = self.helpers.iter().find(|one| one.role == Role::Broker);
        if let Some(broker) = broker {
            // It sees that the sandbox has ended, and ends when it has told.
            let mut ended = [PollFd::new(broker.pidfd.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut ended, PollTimeout::from(TELLS_WITHIN));
        }
        Ok(())
    }
}

/// Whether something can be read: a socket whose network is gone only has an error.
pub(super) fn has_something(socket: &PollFd<'_>) -> bool {
    let events = socket.revents();
    events.is_some_and(|events| events.contains(PollFlags::POLLIN))
}
