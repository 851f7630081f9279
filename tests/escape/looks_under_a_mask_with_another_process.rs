//! Reads a hidden file through the root of another process, PID 1 first of all.
//!
//! - Area: hidden files
//! - Known: found while building
//! - Held by: PID 1 inside is not dumpable, and it lives behind the same masks

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().secret(".env");
    world.hidden("for p in /proc/[0-9]*; do cat $p/root$PWD/.env $p/cwd/.env; done");
    world.hidden("for f in /proc/[0-9]*/fd/*; do cat $f/.env; done; cat .env");
}
