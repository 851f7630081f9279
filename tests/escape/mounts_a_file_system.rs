//! Mounts something over the tree without a nested user namespace.
//!
//! - Area: privileges
//! - Known: the Go aigate's tests
//! - Held by: no capability is left

use crate::calls;
use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().dir("m");
    for mount in [
        "mount -t tmpfs t m",
        "mount --bind ../other m",
        "mount -t proc p m",
        "mount -t overlay o -o lowerdir=/etc:/usr m",
    ] {
        world.denies_unlike(mount, &format!("unshare -Urmpf {mount}"));
    }
    let inside = |code: &str| calls(code);
    let outside = |code: &str| format!("unshare -Urm {}", calls(code));
    for code in [
        "call('fsopen', b'tmpfs', 0)",
        "call('open_tree', -100, b'.', 1)",
        "import struct; attr = struct.pack('QQQQ', 2, 0, 0, 0); call('mount_setattr', -100, b'/', 0x8000, attr, 32)",
    ] {
        world.denies_unlike(&inside(code), &outside(code));
    }
}
