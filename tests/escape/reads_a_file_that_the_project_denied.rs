//! Reads a file that the repository's own `.aigate.yaml` hides.
//!
//! - Area: hidden files
//! - Known: the Go aigate's tests
//! - Held by: a project's file may always tighten

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().project_config("deny_read: [fixtures/real.json]\n");
    let world = world.secret("fixtures/real.json");
    world.hidden("cat fixtures/real.json");
}
