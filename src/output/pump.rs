//! A process beside the run that passes its output on, redacted.
//!
//! A terminal on standard error alone becomes a pseudo-terminal that nobody reads keys from: the run
//! stays in the caller's session, and the keys are the next program's in the pipeline (`make | less`).

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, poll};
use nix::pty::openpty;
use nix::sys::signal::SigSet;
use nix::sys::termios::{OutputFlags, tcgetattr};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use super::channel::{Channel, patience};
use super::{Tell, Which, are_one, pipe};
use crate::redact::Rules;
use crate::sys::{process, terminal};

/// The process that passes the output on.
#[derive(Debug)]
pub struct Pump {
    pid: Pid,
    /// Where errors of ours go to when the run is over.
    errors: OwnedFd,
}

/// One end for the command, one for us.
struct Replaced {
    which: Which,
    inner: OwnedFd,
    outer: OwnedFd,
}

pub(super) fn start(rules: &Rules, tell: &Tell<'_>) -> io::Result<Pump> {
    let one = are_one()?;
    let mut replaced = vec![replacement(Which::Output)?];
    if !one {
        replaced.push(replacement(Which::Error)?);
    }
    let errors = Which::Error.keep()?;
    match process::fork()? {
        None => {
            drop(errors);
            let done = work(replaced, rules, tell);
            process::exit_now(i32::from(done.is_err()))
        }
        Some(pid) => {
            for Replaced { which, inner, .. } in &replaced {
                which.replace(inner)?;
            }
            if one {
                Which::Error.replace(&replaced[0].inner)?;
            }
            Ok(Pump {
                pid: Pid::from_raw(pid),
                errors,
            })
        }
    }
}

fn replacement(which: Which) -> io::Result<Replaced> {
    let (outer, inner) = if which.is_terminal() {
        let caller = which.keep()?;
        let mut settings = tcgetattr(&caller)?;
        // The caller's terminal turns a line end into two characters; once is enough.
        settings.output_flags.remove(OutputFlags::OPOST);
        let pair = openpty(None, Some(&settings))?;
        terminal::copy_size(caller.as_fd(), pair.master.as_fd())?;
        (pair.master, pair.slave)
    } else {
        pipe()?
    };
    Ok(Replaced {
        which,
        inner,
        outer,
    })
}

fn work(replaced: Vec<Replaced>, rules: &Rules, tell: &Tell<'_>) -> io::Result<()> {
    // What interrupts the run does not interrupt its last words.
    SigSet::all().thread_block()?;
    process::name(c"aigate-redact")?;
    let mut channels = Vec::new();
    for Replaced { which, outer, .. } in replaced {
        channels.push(Channel::new(outer, which.keep()?, which.name(), rules));
    }
    // A reader sees the end when the command closes its output, not when we end.
    let null = File::options().read(true).write(true).open("/dev/null")?;
    for which in [Which::Input, Which::Output, Which::Error] {
        which.replace(&null)?;
    }
    while !channels.is_empty() {
        let ready = wait(&channels)?;
        for at in (0..channels.len()).rev() {
            let channel = &mut channels[at];
            let passed = match ready[at] {
                true => channel.pass(),
                false if ready.contains(&true) => Ok(true),
                false => channel.pause().map(|()| true),
            };
            // A caller that reads no more is no reason to go on: the command learns of it.
            let is_over = !passed.unwrap_or(false);
            channel.tell(tell, is_over);
            if is_over {
                channels.swap_remove(at);
            }
        }
    }
    Ok(())
}

/// Which channels have something to say; none after a silence.
fn wait(channels: &[Channel<'_>]) -> io::Result<Vec<bool>> {
    let mut fds: Vec<_> = channels
        .iter()
        .map(|channel| PollFd::new(channel.source(), PollFlags::POLLIN))
        .collect();
    poll(&mut fds, patience(channels))?;
    Ok(fds.iter().map(|fd| fd.any() == Some(true)).collect())
}

impl Pump {
    /// Gives this process its standard error back and waits until everything has been passed on. The
    /// run must be over.
    pub fn finish(self) {
        // Nobody is left to tell if this fails.
        let _ = Which::Error.replace(&self.errors);
        if let Ok(null) = File::options().write(true).open("/dev/null") {
            let _ = Which::Output.replace(null);
        }
        let _ = waitpid(self.pid, None);
    }
}
