//! Puts redaction between a command and the caller's streams.
//!
//! Only what was a terminal becomes one again (a pseudo-terminal); what was a pipe or a file is a pipe,
//! and standard output and standard error stay apart. The streams of this process itself are replaced,
//! so whoever is started next inherits them and needs to know nothing.
//!
//! | standard output is | what happens |
//! |---|---|
//! | a terminal | this process becomes the [`relay`] between it and a new pseudo-terminal with a session of its own; a child goes on |
//! | anything else | a child becomes the [`pump`]; this process goes on in the caller's session |

mod channel;
mod pump;
mod relay;

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::stat::fstat;
use nix::unistd::{dup, dup2_stderr, dup2_stdin, dup2_stdout, pipe2};

use crate::policy::Origin;
use crate::redact::Rules;

pub use pump::Pump;

/// Is told how many secrets a rule replaced in a stream.
pub type Tell<'a> = dyn Fn(&Origin, &'static str, u64) + 'a;

/// What goes on with the run.
#[derive(Debug)]
pub enum Redacted {
    /// In the caller's session; to be finished after the run.
    Pumped(Pump),
    /// In a session of its own, whose foreground is free.
    Relayed,
}

/// Redacts what this process and its children write from now on. Returns once, in the process that
/// goes on: where a terminal is relayed, that is a child, and its parent ends as the child ends.
///
/// The caller must have one thread.
///
/// # Errors
/// When a stream cannot be replaced; nothing has been changed then that matters to the caller.
pub fn redact(rules: &Rules, tell: &Tell<'_>) -> io::Result<Redacted> {
    if io::stdout().is_terminal() {
        relay::start(rules, tell).map(|()| Redacted::Relayed)
    } else {
        pump::start(rules, tell).map(Redacted::Pumped)
    }
}

/// One of the caller's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Input,
    Output,
    Error,
}

impl Which {
    fn name(self) -> &'static str {
        match self {
            Which::Input => "stdin",
            Which::Output => "stdout",
            Which::Error => "stderr",
        }
    }

    fn is_terminal(self) -> bool {
        match self {
            Which::Input => io::stdin().is_terminal(),
            Which::Output => io::stdout().is_terminal(),
            Which::Error => io::stderr().is_terminal(),
        }
    }

    /// Another descriptor of the stream as it is now, which no new program inherits.
    fn keep(self) -> io::Result<OwnedFd> {
        let kept = match self {
            Which::Input => dup(io::stdin()),
            Which::Output => dup(io::stdout()),
            Which::Error => dup(io::stderr()),
        }?;
        let flags = nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC);
        nix::fcntl::fcntl(&kept, flags)?;
        Ok(kept)
    }

    /// Puts `with` in the place of the stream.
    fn replace(self, with: impl AsFd) -> io::Result<()> {
        match self {
            Which::Input => dup2_stdin(with),
            Which::Output => dup2_stdout(with),
            Which::Error => dup2_stderr(with),
        }?;
        Ok(())
    }
}

/// Whether both outputs are the same file, as after `2>&1`: then their order must be kept.
fn are_one() -> io::Result<bool> {
    let (output, error) = (fstat(io::stdout())?, fstat(io::stderr())?);
    Ok((output.st_dev, output.st_ino) == (error.st_dev, error.st_ino))
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe2(nix::fcntl::OFlag::O_CLOEXEC)?)
}
