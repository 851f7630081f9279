//! The hidden name is a symbolic link; its target is read by its own name.
//!
//! - Area: hidden files
//! - Known: the Go aigate (every run failed on such a link)
//! - Held by: the mask covers the file that the link leads to

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().secret("real-env").link(".env", "real-env");
    world.hidden("cat .env");
    world.hidden("cat real-env");
}
