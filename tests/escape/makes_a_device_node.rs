//! Makes a device node for a disk of the host.
//!
//! - Area: devices
//! - Known: the Go aigate's tests
//! - Held by: no capability is left, and every mount is nodev or without nodes

use crate::support::{World, only_as_root};

#[test]
fn is_refused() {
    let world = World::new();
    for spot in ["./node", "/tmp/node", "/dev/shm/node"] {
        let inside = world.sandboxed(&format!("mknod {spot} b 8 0"));
        assert!(inside.reached && !inside.ok(), "ESCAPE: {spot}\n{inside}");
    }
    assert!(!world.sandboxed("unshare -Urm mknod ./node c 1 3").ok());
    only_as_root!();
    world.denies("mknod ./null c 1 3");
}
