//! Writes through a symbolic link in the project whose target is outside.
//!
//! - Area: writing outside
//! - Known: CVE-2026-25724; CVE-2026-46406
//! - Held by: the target is on the read-only side, whatever name leads to it

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().home_file("notes.txt", "original\n");
    let world = world
        .link("absolute", "/proc/self/cwd/../../notes.txt")
        .link("up", "../../notes.txt");
    world.keeps("home/notes.txt", "echo x >> up");
    world.keeps("home/notes.txt", "echo x >> absolute");
    world.keeps("home/notes.txt", "ln -s ../../notes.txt new; echo x >> new");
    world.keeps("elsewhere/f", "ln -s ../../../elsewhere d; echo x >> d/f");
}
