//! Connects to a daemon in `/run`: Docker, system D-Bus, systemd, name services.
//!
//! - Area: sockets
//! - Known: the Go aigate; oalders/dot-files issue 1003
//! - Held by: `/run` is private

use crate::sockets::{connect, listener_at};
use crate::support::{World, only_as_root};

#[test]
fn is_refused() {
    only_as_root!();
    let world = World::new();
    let folder = format!("/run/aigate-escape-{}", std::process::id());
    let path = format!("{folder}/docker.sock");
    let daemon = listener_at(&world, &path);
    world.hidden(&connect(&path));
    world.hidden(&connect(&path.replace("/run", "/var/run")));
    drop(daemon);
    std::fs::remove_dir_all(folder).unwrap();
}
