//! Writes a file in the home, next to the project, and anywhere else.
//!
//! - Area: writing outside
//! - Known: the Go aigate (the whole home was writable)
//! - Held by: everything but the project and the tool's state is mounted read-only

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    world.keeps("home/note", "echo x > ~/note");
    world.keeps("home/work/other", "echo x > ../other/note");
    world.keeps("elsewhere", "echo x > ../../../elsewhere/note");
    world.keeps("elsewhere/dir", "mkdir ../../../elsewhere/dir");
}
