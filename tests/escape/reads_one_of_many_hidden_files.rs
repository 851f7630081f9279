//! Hides a thousand files and reads any of them.
//!
//! - Area: hidden files
//! - Known: argument limits of mount helpers (claude-code issue 74081)
//! - Held by: the number of masks is not limited by an argument list

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    world.host_ok("for i in $(seq 1000); do mkdir -p d$i && echo hunter2 > d$i/.env; done");
    world.hidden("cat d1/.env d500/.env d1000/.env");
    world.hidden("cat d*/.env");
}
