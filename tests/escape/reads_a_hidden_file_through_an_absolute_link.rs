//! Reads a hidden file of the home through an absolute symbolic link in the project.
//!
//! - Area: hidden files
//! - Known: CVE-2026-39861; the Go aigate
//! - Held by: a link leads to the masked path

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().home_secret(".ssh/id_ed25519");
    let target = world.home().join(".ssh/id_ed25519");
    let world = world.link("key", target);
    world.hidden("cat key");
}
