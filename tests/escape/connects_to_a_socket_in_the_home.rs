//! Connects to a UNIX socket of the host in the home, by its name and by its aliases.
//!
//! - Area: sockets
//! - Known: most sandboxes measured ("connect host unix socket in ~"); a read-only mount does not stop connect(2)
//! - Held by: sockets outside are covered or the connection is refused

use crate::sockets::{connect, listener, send};
use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    let _agent = listener(&world, "home/.agent/s.sock");
    world.hidden(&connect("~/.agent/s.sock"));
    world.hidden(&connect("/proc/self/root$HOME/.agent/s.sock"));
    world.hidden(&format!("ln -s ~/.agent/s.sock mine; {}", connect("mine")));
    world.hidden(&format!("ln -sfn ~/.agent dir; {}", connect("dir/s.sock")));
    world.hidden(&format!("cd ~/.agent; {}", connect("s.sock")));
    world.denies(&send("~/.agent/d.sock"));
}
