//! Makes a hard link in the project to a file outside, and writes through it.
//!
//! - Area: writing outside
//! - Known: found while building
//! - Held by: a hard link cannot cross a mount

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().home_file("notes.txt", "original\n");
    world.keeps("home/notes.txt", "ln ~/notes.txt mine && echo x >> mine");
    world.keeps(
        "home/notes.txt",
        "exec 8<~/notes.txt; ln -L /proc/self/fd/8 again && echo x >> again",
    );
}
