//! Reads a file that another program left in the host's `/tmp`, `/var/tmp` or `/dev/shm`.
//!
//! - Area: hidden files
//! - Known: the Go aigate's tests
//! - Held by: each of them is private inside

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    for folder in ["/tmp", "/var/tmp", "/dev/shm"] {
        let name = format!("{folder}/aigate-escape-read-{}", std::process::id());
        std::fs::write(&name, "hunter2").unwrap();
        world.hidden(&format!("cat {name}"));
        std::fs::remove_file(name).unwrap();
    }
}
