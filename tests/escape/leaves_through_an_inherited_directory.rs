//! Uses a directory that the caller left open, to reach everything below it.
//!
//! - Area: descriptors
//! - Known: found while building; most sandboxes measured ("inherited fd leaks in")
//! - Held by: inherited descriptors are closed

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().home_secret(".ssh/id").caller("exec 7<~ 8</");
    world.hidden("cat /proc/self/fd/7/.ssh/id");
    world.hidden("cat /proc/self/fd/8$HOME/.ssh/id");
    world.keeps("home/new", "echo x > /proc/self/fd/7/new");
    world.denies("test -e /proc/self/fd/7 -o -e /proc/self/fd/8");
}
