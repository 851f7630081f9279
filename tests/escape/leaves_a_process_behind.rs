//! Leaves a process running after its command has ended.
//!
//! - Area: leftovers
//! - Known: the Go aigate; most sandboxes measured
//! - Held by: the PID namespace ends with its command

use crate::support::World;

/// Whether a process with the marker is left. The marker in the environment finds it, whatever
/// session or parent it has by now.
const LEFT: &str = "for p in /proc/[0-9]*; do tr '\\0' '\\n' < $p/environ | grep -qx \"MARKED=$MARKED\" \
                    && cat $p/comm; done 2>/dev/null | grep -E 'sleep|python'";

#[test]
fn is_refused() {
    for start in [
        "sleep 5 &",
        "nohup sleep 5 >/dev/null 2>&1 &",
        "setsid sh -c 'sleep 5' >/dev/null 2>&1 &",
        "(setsid sh -c '(trap \"\" TERM HUP; sleep 5) &' &)",
        "python3 -c 'import os, time; os.fork() or (os.setsid(), os.fork() or time.sleep(5))' &",
    ] {
        let act = format!("{start}\nsleep 0.3");
        let world = World::new();
        let marker = world.root().display().to_string();
        let world = world.env("MARKED", marker);
        assert!(world.sandboxed(&act).reached);
        let left = world.control(LEFT);
        assert!(!left.ok(), "ESCAPE: still runs after {start}\n{left}");
        world.control(&act);
        assert!(
            world.control(LEFT).ok(),
            "control arm: nothing runs after {start}"
        );
    }
}
