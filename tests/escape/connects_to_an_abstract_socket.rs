//! Connects to an abstract socket of the host, which no mount can cover.
//!
//! - Area: sockets
//! - Known: the Go aigate; X11, D-Bus and IBus listen there
//! - Held by: Landlock keeps abstract sockets in the sandbox

use crate::sockets::{connect_abstract, listener_abstract};
use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    let name = format!("aigate-escape-{}", std::process::id());
    let _daemon = listener_abstract(&world, &name);
    world.hidden(&connect_abstract(&name));
    world.hidden(&format!("unshare -Ur {}", connect_abstract(&name)));
}
