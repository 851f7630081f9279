//! Goes on after the supervisor was ended with SIGKILL.
//!
//! - Area: leftovers
//! - Known: most sandboxes measured
//! - Held by: init dies with the supervisor, and the PID namespace with init

use std::fs;
use std::thread;
use std::time::Duration;

use crate::support::{Host, World, at_last, place};

#[test]
fn is_refused() {
    let world = World::new();
    for detached in ["", "setsid ", "nohup ", "unshare -Upf "] {
        let beat = format!(
            "{detached}sh -c 'while :; do date +%N > beat; sleep 0.05; done' >/dev/null 2>&1 & echo ready; wait"
        );
        let mut run = world.exec("/bin/sh");
        run.arg("-c").arg(&beat);
        let supervisor = Host::start(run);
        supervisor.line();
        let beating =
            || fs::read_to_string(world.project().join("beat")).is_ok_and(|at| !at.is_empty());
        assert!(at_last(beating), "control arm: it never ran");
        supervisor.kill_only();
        let still = || {
            let before = place::picture(&world.project());
            thread::sleep(Duration::from_millis(300));
            before == place::picture(&world.project())
        };
        assert!(at_last(still), "ESCAPE: still runs with {detached}");
        fs::remove_file(world.project().join("beat")).unwrap();
    }
}
