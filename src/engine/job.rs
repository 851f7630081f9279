//! The run as a job of the caller's shell, on every system.

use std::fs::File;

use nix::sys::signal::{Signal, raise};
use nix::unistd::{getpgrp, tcgetpgrp, tcsetpgrp};

/// Signals that a person or program sends us and means for the command.
pub(super) const FORWARDED: [Signal; 12] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGCONT,
    Signal::SIGTSTP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGWINCH,
];

/// Stops this process as the command was stopped, so that the shell sees its job stop; gives the
/// terminal back to the command's group when it goes on.
pub(super) fn stop_with_the_command() {
    let terminal = File::open("/dev/tty").ok();
    let foreground = terminal.as_ref().and_then(|tty| tcgetpgrp(tty).ok());
    // A stop cannot fail for oneself.
    let _ = raise(Signal::SIGSTOP);
    if let (Some(tty), Some(group)) = (terminal, foreground)
        && group != getpgrp()
    {
        // SIGTTOU is blocked here; a group that ended meanwhile needs no terminal.
        let _ = tcsetpgrp(tty, group);
    }
}
