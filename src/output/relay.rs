//! This process between the caller's terminal and a pseudo-terminal, with the run in a session of its
//! own.
//!
//! The shell goes on seeing one job: it stops when the command stops, goes on when it goes on, and ends
//! as it ends.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::openpty;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{
    LocalFlags, SetArg, SpecialCharacterIndices, Termios, cfmakeraw, tcgetattr, tcsetattr,
};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpgrp, read, setsid, tcgetpgrp, write};

use super::channel::{Channel, patience};
use super::{Tell, Which, pipe};
use crate::redact::Rules;
use crate::sys::{process, terminal};

/// How often a job in the background asks whether it came to the foreground.
const ASK: u16 = 500;
/// Our own failure.
const FAILED: i32 = 125;

/// Signals that are meant for the command.
const FORWARDED: [Signal; 9] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGTSTP,
    Signal::SIGCONT,
];

/// Returns in the child, in its new session; the parent stays here to its end.
pub(super) fn start(rules: &Rules, tell: &Tell<'_>) -> io::Result<()> {
    let caller = Which::Output.keep()?;
    let settings = tcgetattr(&caller)?;
    let pair = openpty(None, Some(&settings))?;
    terminal::copy_size(caller.as_fd(), pair.master.as_fd())?;
    let error = match Which::Error.is_terminal() {
        true => None,
        false => Some(pipe()?),
    };
    let mut taken: SigSet = FORWARDED.into_iter().collect();
    taken.add(Signal::SIGCHLD);
    taken.add(Signal::SIGWINCH);
    let mut blocked = taken;
    // The terminal's settings are ours to change, in the background too.
    blocked.add(Signal::SIGTTOU);
    blocked.add(Signal::SIGTTIN);
    let before = blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let parent = std::process::id();
    let Some(child) = process::fork()? else {
        before.thread_set_mask()?;
        process::die_with_parent()?;
        if nix::unistd::getppid().as_raw() != parent as i32 {
            process::exit_now(FAILED);
        }
        let error = error.as_ref().map_or(&pair.slave, |(_, inner)| inner);
        return enter_session(&pair.slave, error);
    };
    drop(pair.slave);
    let signals = SignalFd::with_flags(&taken, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    let mut relay = Relay {
        keys: File::open("/dev/tty").map_or_else(|_| Which::Output.keep(), |tty| Ok(tty.into()))?,
        hung_up: false,
        master: pair.master,
        settings,
        is_raw: false,
        in_pipeline: !Which::Input.is_terminal(),
        child: Pid::from_raw(child),
        typed: Vec::new(),
        signals,
    };
    fcntl(&relay.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let mut channels = vec![Channel::new(
        relay.master.try_clone()?,
        caller,
        "terminal",
        rules,
    )];
    if let Some((outer, inner)) = error {
        drop(inner);
        channels.push(Channel::new(
            outer,
            Which::Error.keep()?,
            Which::Error.name(),
            rules,
        ));
    }
    let ended = relay.work(&mut channels, tell);
    relay.leave_raw();
    match ended {
        Ok(WaitStatus::Exited(_, code)) => process::exit_now(code),
        Ok(WaitStatus::Signaled(_, signal, _)) => process::die_by_signal(signal as i32),
        Ok(_) | Err(_) => process::exit_now(FAILED),
    }
}

/// The streams that were terminals become the new one, which controls the new session.
fn enter_session(slave: &OwnedFd, error: &OwnedFd) -> io::Result<()> {
    setsid()?;
    terminal::control(slave.as_fd())?;
    if Which::Input.is_terminal() {
        Which::Input.replace(slave)?;
    }
    Which::Output.replace(slave)?;
    Which::Error.replace(error)
}

struct Relay {
    /// The caller's terminal, to read keys from.
    keys: OwnedFd,
    /// There will be no more of them.
    hung_up: bool,
    master: OwnedFd,
    /// How the caller's terminal was set.
    settings: Termios,
    /// Whether it passes keys on as they are.
    is_raw: bool,
    /// Other programs share the caller's terminal, and its Ctrl-C.
    in_pipeline: bool,
    child: Pid,
    /// Keys that the command has not read yet.
    typed: Vec<u8>,
    signals: SignalFd,
}

/// What there is to do.
#[derive(Default)]
struct Ready {
    signal: bool,
    keys: bool,
    room: bool,
    channels: Vec<bool>,
}

impl Relay {
    fn work(&mut self, channels: &mut Vec<Channel<'_>>, tell: &Tell<'_>) -> io::Result<WaitStatus> {
        loop {
            self.look_for_foreground();
            let ready = self.wait(channels)?;
            if ready.signal
                && let Some(ended) = self.signal()?
            {
                drain(channels, tell);
                return Ok(ended);
            }
            if ready.keys {
                self.read_keys()?;
            }
            if ready.keys || ready.room {
                self.write_keys()?;
            }
            let is_silent = !ready.channels.contains(&true);
            for at in (0..channels.len()).rev() {
                let channel = &mut channels[at];
                let passed = match ready.channels[at] {
                    true => channel.pass(),
                    false if is_silent => channel.pause().map(|()| true),
                    false => Ok(true),
                };
                channel.tell(tell, false);
                if !passed.unwrap_or(false) {
                    channel.tell(tell, true);
                    channels.swap_remove(at);
                }
            }
        }
    }

    fn wait(&self, channels: &[Channel<'_>]) -> io::Result<Ready> {
        let mut fds = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        for channel in channels {
            fds.push(PollFd::new(channel.source(), PollFlags::POLLIN));
        }
        let wants_keys = self.is_raw && !self.hung_up && self.typed.is_empty();
        if wants_keys {
            fds.push(PollFd::new(self.keys.as_fd(), PollFlags::POLLIN));
        } else if !self.typed.is_empty() {
            fds.push(PollFd::new(self.master.as_fd(), PollFlags::POLLOUT));
        }
        let patience = match patience(channels) {
            PollTimeout::NONE if !self.is_raw => ASK.into(),
            patience => patience,
        };
        match poll(&mut fds, patience) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| fd.any() == Some(true)).collect();
        let last = ready.get(channels.len() + 1).copied().unwrap_or(false);
        Ok(Ready {
            signal: ready[0],
            keys: last && wants_keys,
            room: last && !wants_keys,
            channels: ready[1..=channels.len()].to_vec(),
        })
    }

    /// Takes the keys while this job is in the foreground.
    fn look_for_foreground(&mut self) {
        let is_foreground = tcgetpgrp(&self.keys).is_ok_and(|group| group == getpgrp());
        if is_foreground && !self.is_raw {
            let mut raw = self.settings.clone();
            cfmakeraw(&mut raw);
            self.is_raw = tcsetattr(&self.keys, SetArg::TCSADRAIN, &raw).is_ok();
        }
    }

    fn leave_raw(&mut self) {
        if std::mem::take(&mut self.is_raw) {
            // A terminal that is gone needs no settings.
            let _ = tcsetattr(&self.keys, SetArg::TCSADRAIN, &self.settings);
        }
    }

    fn read_keys(&mut self) -> io::Result<()> {
        let mut keys = [0; 4096];
        match read(&self.keys, &mut keys) {
            Ok(0) | Err(nix::Error::EIO) => {
                self.hung_up = true;
                Ok(())
            }
            Ok(length) => {
                self.share(&keys[..length]);
                self.typed.extend_from_slice(&keys[..length]);
                Ok(())
            }
            Err(nix::Error::EINTR | nix::Error::EAGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// In a pipeline, Ctrl-C is for all programs in it.
    fn share(&self, keys: &[u8]) {
        let Ok(settings) = tcgetattr(&self.master) else {
            return;
        };
        if !self.in_pipeline || !settings.local_flags.contains(LocalFlags::ISIG) {
            return;
        }
        for (index, signal) in [
            (SpecialCharacterIndices::VINTR, Signal::SIGINT),
            (SpecialCharacterIndices::VQUIT, Signal::SIGQUIT),
        ] {
            if keys.contains(&settings.control_chars[index as usize]) {
                // To ourselves too, who take it for what it is: see `signal`.
                let _ = kill(Pid::from_raw(0), signal);
            }
        }
    }

    fn write_keys(&mut self) -> io::Result<()> {
        match write(&self.master, &self.typed) {
            Ok(length) => drop(self.typed.drain(..length)),
            Err(nix::Error::EINTR | nix::Error::EAGAIN) => {}
            // Nobody has it open any more.
            Err(nix::Error::EIO) => self.typed.clear(),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Handles signals; how the command ended, if it did.
    fn signal(&mut self) -> io::Result<Option<WaitStatus>> {
        while let Some(info) = self.signals.read_signal()? {
            match Signal::try_from(info.ssi_signo as i32)? {
                Signal::SIGCHLD => {
                    if let Some(ended) = self.child_changed()? {
                        return Ok(Some(ended));
                    }
                }
                Signal::SIGWINCH => {
                    terminal::copy_size(self.keys.as_fd(), self.master.as_fd())?;
                }
                // From `share`: the command has got the key itself.
                _ if info.ssi_pid == std::process::id() => {}
                // It may have ended this very moment.
                signal => drop(kill(self.child, signal)),
            }
        }
        Ok(None)
    }

    fn child_changed(&mut self) -> io::Result<Option<WaitStatus>> {
        let flags = WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED;
        match waitpid(self.child, Some(flags))? {
            WaitStatus::Stopped(..) => {
                self.stop()?;
                Ok(None)
            }
            ended @ (WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => Ok(Some(ended)),
            _ => Ok(None),
        }
    }

    /// Stops as the command stopped, so that the shell sees its job stop, and goes on with it.
    fn stop(&mut self) -> io::Result<()> {
        self.leave_raw();
        if self.in_pipeline {
            // The shell waits until all of its job has stopped.
            let _ = kill(Pid::from_raw(0), Signal::SIGTSTP);
        }
        raise(Signal::SIGSTOP)?;
        self.look_for_foreground();
        terminal::copy_size(self.keys.as_fd(), self.master.as_fd())?;
        // It may have been killed while it was stopped.
        let _ = kill(self.child, Signal::SIGCONT);
        Ok(())
    }
}

/// What was written last, before everybody ended.
fn drain(channels: &mut Vec<Channel<'_>>, tell: &Tell<'_>) {
    for channel in channels {
        while has_more(channel) && channel.pass().unwrap_or(false) {}
        channel.tell(tell, true);
    }
}

fn has_more(channel: &Channel<'_>) -> bool {
    let mut fds = [PollFd::new(channel.source(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::from(100_u16)).is_ok_and(|ready| ready > 0)
}
