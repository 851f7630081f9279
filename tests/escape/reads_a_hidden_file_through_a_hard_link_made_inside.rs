//! Makes a hard link to a hidden file inside and reads the copy.
//!
//! - Area: hidden files
//! - Known: the Go aigate's tests
//! - Held by: the mask is another file on another mount, so there is nothing to link

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().secret(".env");
    world.hidden("ln .env copy1 && cat copy1");
    world.hidden("cp -l .env copy2 && cat copy2");
}
