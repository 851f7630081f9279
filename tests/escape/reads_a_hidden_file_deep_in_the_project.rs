//! Reads a hidden file in a subdirectory, at several depths.
//!
//! - Area: hidden files
//! - Known: the Go aigate (rules were not recursive)
//! - Held by: a bare name in a rule matches at any depth below the project

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new()
        .secret("sub/.env")
        .secret("a/b/c/d/e/f/.env")
        .secret("sub/.env.local");
    world.hidden("cat sub/.env");
    world.hidden("cat a/b/c/d/e/f/.env");
    world.hidden("cat sub/.env.local");
    world.hidden("find . -type f -exec cat {} +");
}
