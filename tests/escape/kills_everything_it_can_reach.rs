//! Sends a signal to every process it may signal.
//!
//! - Area: processes
//! - Known: found while building
//! - Held by: a PID namespace

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    let mut victim = world.host("exec sleep 300");
    world.sandboxed("trap '' TERM; kill -TERM -1; kill -KILL -1");
    assert!(victim.lives(), "ESCAPE: ended by {:?}", victim.ended_by());
    // Outside this would end the tester's session; that the victim can be ended is enough.
    world.host_ok(&format!("kill -TERM {}", victim.id()));
}
