//! Is started with a directory as its standard input, and opens files below it.
//!
//! - Area: descriptors
//! - Known: found while building
//! - Held by: such a start is refused, or the directory does not arrive

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().home_secret(".ssh/id").caller("exec 0<~");
    let act = "cat /proc/self/fd/0/.ssh/id";
    let inside = world.sandboxed(act);
    assert!(!inside.said("hunter2"), "ESCAPE: {inside}");
    let inside = world.sandboxed("echo x > /proc/self/fd/0/new");
    assert!(!world.home().join("new").exists(), "ESCAPE: {inside}");
    assert!(world.control(act).said("hunter2"), "control arm");
}
