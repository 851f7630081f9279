//! Connects to a UNIX socket outside the home, as databases and daemons of the user have.
//!
//! - Area: sockets
//! - Known: the Go aigate
//! - Held by: sockets outside are covered or the connection is refused

use crate::sockets::{connect, listener};
use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    let _daemon = listener(&world, "elsewhere/daemon.sock");
    world.hidden(&connect("../../../elsewhere/daemon.sock"));
}
