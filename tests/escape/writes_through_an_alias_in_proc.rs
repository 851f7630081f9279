//! Writes outside through the aliases of the root in `/proc`.
//!
//! - Area: writing outside
//! - Known: Ona's account of Claude Code, 2026
//! - Held by: an alias leads to the same read-only mount

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().home_file("notes.txt", "original\n");
    world.keeps("home/notes.txt", "echo x >> /proc/self/root$HOME/notes.txt");
    world.keeps("home/notes.txt", "echo x >> /proc/self/cwd/../../notes.txt");
    world.keeps(
        "home/notes.txt",
        "exec 8<~; echo x >> /proc/self/fd/8/notes.txt",
    );
    world.keeps("home/notes.txt", "echo x >> /proc/$$/root$HOME/notes.txt");
}
