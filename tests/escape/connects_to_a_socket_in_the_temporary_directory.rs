//! Connects to a socket in the host's `/tmp`: tmux, X11, agents' daemons.
//!
//! - Area: sockets
//! - Known: agents keep their sockets there
//! - Held by: `/tmp` is private

use crate::sockets::{connect, listener_at};
use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    for folder in [
        "/tmp/.X11-unix",
        "/tmp/tmux-aigate",
        "/tmp/cc-socks-aigate",
        "/var/tmp/aigate",
    ] {
        let folder = format!("{folder}-{}", std::process::id());
        let path = format!("{folder}/s.sock");
        let daemon = listener_at(&world, &path);
        world.hidden(&connect(&path));
        drop(daemon);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
