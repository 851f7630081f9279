//! The host replaces a hidden file by rename while the sandbox runs; it is read again inside.
//!
//! - Area: live rules
//! - Known: the Go aigate; every sandbox of bind mounts
//! - Held by: a helper mounts the mask again at once

use crate::live;
use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().secret(".env");
    live::hidden_after(
        &world,
        "cat .env",
        "echo hunter2 new > fresh && mv fresh .env",
    );
}
