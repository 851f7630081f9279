//! Uses a file that the caller left open: reads a secret, or reopens it for writing.
//!
//! - Area: descriptors
//! - Known: most sandboxes measured ("inherited fd leaks in")
//! - Held by: inherited descriptors are closed

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().secret(".env").home_file("notes", "original\n");
    let world = world.caller("exec 5<.env 6<~/notes 9>>~/notes");
    world.hidden("cat <&5; cat /proc/self/fd/5");
    world.keeps("home/notes", "echo x >> /proc/self/fd/6");
    world.keeps("home/notes", "echo x >&9");
}
