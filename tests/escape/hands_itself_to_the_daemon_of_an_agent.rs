//! Talks to the background daemon of an agent that runs outside, and lets it do the work.
//!
//! - Area: daemons of agents
//! - Known: `claude --bg` ran its shell outside
//! - Held by: `/tmp` is private, so the daemon's sockets are out of reach

use crate::sockets::{connect, listener_at};
use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    let uid = world.control("id -u").out.trim().to_owned();
    let folder = format!("/tmp/cc-daemon-{uid}/aigate{}", std::process::id());
    let claude = listener_at(&world, &format!("{folder}/control.sock"));
    world.hidden(&connect(&format!("{folder}/control.sock")));
    drop(claude);
    std::fs::remove_dir_all(folder).unwrap();

    let folder = format!("/tmp/codex-daemon-{uid}-aigate{}", std::process::id());
    let codex = listener_at(&world, &format!("{folder}/s"));
    let control = world.home().join(".codex/app-server-control");
    std::fs::create_dir_all(&control).unwrap();
    std::os::unix::fs::symlink(
        format!("{folder}/s"),
        control.join("app-server-control.sock"),
    )
    .unwrap();
    world.hidden(&connect(
        "~/.codex/app-server-control/app-server-control.sock",
    ));
    drop(codex);
    std::fs::remove_dir_all(folder).unwrap();
}
