//! Starts bubblewrap inside and lets it rebuild the file system.
//!
//! - Area: nested namespaces
//! - Known: found while building
//! - Held by: nested namespaces inherit the masks, locked

use crate::support::{World, skip, tool};

#[test]
fn is_refused() {
    if !tool("bwrap") {
        skip!("bwrap is not installed");
    }
    let world = World::new().secret(".env").dir("new");
    world.hidden("bwrap --bind / / cat .env");
    world.hidden("bwrap --dev-bind / / --proc /proc sh -c 'umount .env; cat .env'");
    world.hidden("bwrap --tmpfs /mnt --ro-bind / / --bind . /mnt cat /mnt/.env");
}
