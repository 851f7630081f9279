//! Sends signals to a process outside: by its number, to everyone, to a group.
//!
//! - Area: processes
//! - Known: the Go aigate's tests
//! - Held by: a PID namespace

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    let mut victim = world.host("exec sleep 300");
    let id = victim.id();
    for act in [
        format!("kill -9 {id}"),
        format!("kill -STOP {id}"),
        format!("kill -9 -{id}"),
        format!("kill -s URG {id}"),
    ] {
        // The control arm only asks whether the signal could be sent.
        world.denies_unlike(&act, &format!("kill -0 {id}"));
    }
    assert!(victim.lives(), "ESCAPE: ended by {:?}", victim.ended_by());
    world.host_ok(&format!("kill -9 {id}"));
}
