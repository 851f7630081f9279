//! Reads a hidden file through a symbolic link that the repository brings along.
//!
//! - Area: hidden files
//! - Known: CVE-2026-39861, CVE-2026-25724; the Go aigate's tests
//! - Held by: a link leads to the masked path

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new()
        .secret(".env")
        .secret("sub/.env")
        .link("notes", ".env")
        .link("dir", "sub");
    world.hidden("cat notes");
    world.hidden("cat dir/.env");
}
