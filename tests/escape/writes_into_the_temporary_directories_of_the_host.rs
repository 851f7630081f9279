//! Writes into the host's `/tmp`, `/var/tmp` and `/dev/shm`.
//!
//! - Area: writing outside
//! - Known: CVE-2026-46406; most sandboxes measured ("host /tmp writable")
//! - Held by: each of them is private inside

use crate::support::{World, quoted};

#[test]
fn is_refused() {
    let world = World::new();
    for folder in ["/tmp", "/var/tmp", "/dev/shm"] {
        let name = format!("{folder}/aigate-escape-{}", std::process::id());
        world.keeps(&name, &format!("echo x > {}", quoted(&name)));
        std::fs::remove_file(name).unwrap();
    }
}
