//! Ends what a command left running where no PID namespace does: its orphans are our children.

use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Ends all children but `others`, which were there before. Returns when none is left, or none that is
/// found can be ended.
pub(in crate::engine) fn end(others: &[Pid]) {
    // The children of those who end become ours, so this goes on until there are none.
    while is_there_a_child() {
        let children = children()
            .into_iter()
            .filter(|child| !others.contains(child));
        let ended = children.filter(|child| kill(*child, Signal::SIGKILL).is_ok());
        // Somebody else's, or none that can be found.
        if ended.count() == 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Reaps all who have ended.
fn is_there_a_child() -> bool {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

/// The children of this process.
pub(in crate::engine) fn children() -> Vec<Pid> {
    let parent = std::process::id();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| is_child(*pid, parent))
        .map(Pid::from_raw)
        .collect()
}

/// The parent is the second field after the name, which is in brackets and may hold anything.
fn is_child(pid: i32, parent: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after_name.split_whitespace().nth(1) == Some(&parent.to_string())
}
