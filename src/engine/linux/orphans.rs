//! Ends what a command left running where no PID namespace does: its orphans are our children.

use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Returns when no child is left, or none can be found.
pub(super) fn end() {
    let own = std::process::id();
    loop {
        // The children of those who end become ours, so this goes on until there are none.
        let children = children_of(own);
        for child in &children {
            let _ = kill(*child, Signal::SIGKILL);
        }
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => break,
                Ok(_) => {}
                Err(_) => return,
            }
        }
        if children.is_empty() && fs::metadata("/proc/self/stat").is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn children_of(parent: u32) -> Vec<Pid> {
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
