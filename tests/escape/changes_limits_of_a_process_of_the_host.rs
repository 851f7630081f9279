//! Changes priority, limits or scheduling of a process outside.
//!
//! - Area: processes
//! - Known: found while building
//! - Held by: a PID namespace: the process has no number inside

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    let victim = world.host("exec sleep 300");
    let id = victim.id();
    world.denies(&format!("renice -n 19 -p {id}"));
    world.denies(&format!("prlimit --pid {id} --nofile=64:64"));
    world.denies(&format!("taskset -p 1 {id}"));
    world.denies(&format!("chrt -b -p 0 {id}"));
}
