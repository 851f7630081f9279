//! The hidden name is a directory or a named pipe instead of a file.
//!
//! - Area: hidden files
//! - Known: the mask must match the kind of what it covers
//! - Held by: masks of both kinds exist

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().secret(".env/production");
    world.hidden("cat .env/production");
    let world = World::new();
    world.host_ok("mkfifo .env");
    world.hidden("(echo hunter2 > .env & timeout 2 cat .env; kill $! 2>/dev/null)");
}
