//! Uses the SSH agent of the user, wherever its socket is.
//!
//! - Area: sockets
//! - Known: most sandboxes measured ("read SSH_AUTH_SOCK")
//! - Held by: the variable is taken away and the socket covered

use crate::sockets::{connect, listener};
use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    let socket = world.home().join("agent/ssh.sock");
    let world = world
        .env("SSH_AUTH_SOCK", socket.as_os_str())
        .env("SSH_AGENT_PID", "1");
    let _agent = listener(&world, "home/agent/ssh.sock");
    world.hidden(&connect("$SSH_AUTH_SOCK"));
    world.hidden(&connect(&socket.display().to_string()));
    world.denies("test -n \"$SSH_AUTH_SOCK\"");
}
