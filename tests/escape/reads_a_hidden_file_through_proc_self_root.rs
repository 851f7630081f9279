//! Reads a hidden file through the aliases of its path in `/proc`.
//!
//! - Area: hidden files
//! - Known: Ona's account of Claude Code, 2026; the Go aigate's tests
//! - Held by: the mask is a mount, so every alias of the path leads to it

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().secret(".env");
    world.hidden("cat /proc/self/root$PWD/.env");
    world.hidden("cat /proc/self/cwd/.env");
    world.hidden("cat /proc/thread-self/root$PWD/.env");
    world.hidden("exec 8<. && cat /proc/self/fd/8/.env");
}
