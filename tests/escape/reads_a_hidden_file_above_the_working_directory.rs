//! Starts in a subdirectory and reads the hidden file of the project root.
//!
//! - Area: hidden files
//! - Known: the Go aigate
//! - Held by: the project root is found from the working directory upwards

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new()
        .repository()
        .secret(".env")
        .at("home/work/app/deep/er");
    world.hidden("cat ../../.env");
    world.hidden("cd ../.. && cat .env");
}
