//! Changes interfaces, addresses, routes or the packet filter of the host's network.
//!
//! - Area: privileges
//! - Known: the Go aigate (a total bypass)
//! - Held by: no capability is left over the network namespace

use crate::support::{World, skip, tool};

#[test]
fn is_refused() {
    if !tool("ip") {
        skip!("ip is not installed");
    }
    let world = World::new();
    for act in [
        "ip link set dev lo up",
        "ip link add aigate0 type veth peer name aigate1",
        "ip addr add 198.18.7.7/32 dev lo",
        "ip route add unreachable 198.18.7.0/24",
    ] {
        world.denies_unlike(
            act,
            &format!("unshare -Urn sh -c 'ip link set dev lo up; {act}'"),
        );
    }
}
