//! Opens sockets of families that leave the machine or the namespace by a side door.
//!
//! - Area: kernel surface
//! - Known: most sandboxes measured; codex issue 43764
//! - Held by: seccomp lets only UNIX, INET, INET6 and NETLINK through

use crate::support::{World, python};

/// vsock, alg, tipc, kcm, bluetooth, can, rds, xdp, smc, qipcrtr.
const FAMILIES: &[u32] = &[40, 38, 30, 41, 31, 29, 21, 44, 43, 42];

#[test]
fn is_refused() {
    let world = World::new();
    let mut known = 0;
    for family in FAMILIES {
        for kind in [1, 2, 5] {
            let open = python(&format!(
                "import socket; socket.socket({family}, {kind}, 0)"
            ));
            let inside = world.sandboxed(&open);
            assert!(
                inside.reached && !inside.ok(),
                "ESCAPE: family {family}\n{inside}"
            );
            known += u32::from(world.control(&open).ok());
        }
    }
    assert!(
        known > 0,
        "control arm: this kernel knows none of the families"
    );
}
