//! Opens a raw or packet socket, in the sandbox or in a nested network namespace.
//!
//! - Area: kernel surface
//! - Known: found while building
//! - Held by: no capability is left, and packet sockets are refused everywhere

use crate::support::{World, python};

#[test]
fn is_refused() {
    let world = World::new();
    let packet = python("import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)");
    let raw = python("import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)");
    world.denies_unlike(&packet, &format!("unshare -Urn {packet}"));
    world.denies_unlike(&raw, &format!("unshare -Urn {raw}"));
    world.denies(&format!("unshare -Urn {packet}"));
}
