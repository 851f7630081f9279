//! Reads a hidden file by its plain name, and by its full one.
//!
//! - Area: hidden files
//! - Known: the Go aigate's tests
//! - Held by: a mask is mounted over the file

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().secret(".env");
    world.hidden("cat .env");
    world.hidden("cat \"$PWD/.env\"");
    world.denies("cat .env");
}
