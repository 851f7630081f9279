//! The process outside that attacks aim at.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::sys::probe;

/// The file that a victim of this number keeps in the host's temporary directory.
pub(super) fn temporary(pid: u32) -> PathBuf {
    format!("/tmp/aigate-verify-{pid}").into()
}

/// Is aimed at: says at each line of `input` whether it got the signal meanwhile. It ends when the
/// input does, however whoever wrote it ended, and takes its file along.
///
/// # Errors
/// When signals cannot be watched, or nobody listens any more.
pub fn victim(input: impl Read, output: impl Write) -> io::Result<()> {
    let mut urgent = SigSet::empty();
    urgent.add(Signal::SIGURG);
    urgent.thread_block()?;
    let signals = SignalFd::with_flags(&urgent, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    // Where a kernel has no such restriction, none needs to be lifted.
    let _ = probe::may_be_traced();
    let file = temporary(std::process::id());
    let made = fs::File::create_new(&file).is_ok();
    let result = answer(&signals, input, output);
    if made {
        fs::remove_file(file)?;
    }
    result
}

fn answer(signals: &SignalFd, input: impl Read, mut output: impl Write) -> io::Result<()> {
    for line in BufReader::new(input).lines() {
        line?;
        let mut answer = "no";
        while signals.read_signal()?.is_some() {
            answer = "yes";
        }
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}
