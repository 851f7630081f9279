//! Reads the caller's environment from the processes of aigate that are in view.
//!
//! - Area: processes
//! - Known: init keeps the environment it was started with
//! - Held by: PID 1 inside is not dumpable

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().env("GH_TOKEN", "hunter2");
    world.hidden("for p in /proc/[0-9]*; do tr '\\0' '\\n' < $p/environ; done");
    world.hidden("strings -n 4 /proc/1/environ 2>/dev/null; cat /proc/1/environ; env");
    world.hidden("for p in /proc/[0-9]*; do cat $p/cmdline; done; env");
}
