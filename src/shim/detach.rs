//! Gives the caller his prompt back while this process goes on without the terminal.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, setsid};

use crate::sys::process;

/// Who returns from [`detach`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The process that the caller waits for; it has nothing left to do.
    Caller,
    /// A new one in a session of its own, whose messages go to the log.
    Detached,
}

/// Forks; this process must have one thread.
pub fn detach(log: &Path) -> io::Result<Side> {
    let null = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let log = options
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(log)?;
    if process::fork()?.is_some() {
        return Ok(Side::Caller);
    }
    setsid()?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&log)?;
    Ok(Side::Detached)
}
