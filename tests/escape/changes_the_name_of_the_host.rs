//! Changes the host's name.
//!
//! - Area: kernel files
//! - Known: found while building
//! - Held by: a UTS namespace, and no capability over it

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    let act = |name: &str| format!("python3 -c 'import socket; socket.sethostname(\"{name}\")'");
    let before = world.control("uname -n").out;
    world.denies_unlike(&act("mine"), &format!("unshare -Uru {}", act("mine")));
    world.sandboxed(&format!("unshare -Uru {}", act("mine")));
    assert_eq!(before, world.control("uname -n").out, "ESCAPE");
}
