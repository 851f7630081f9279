//! Runs a program that lies among the libraries of a listed one, where code may be mapped.
//!
//! - Area: only listed programs
//! - Known: found while building
//! - Held by: Landlock lets the kernel execute the listed files alone

use crate::support::World;

fn world() -> World {
    let world = World::new()
        .config("exec: allowlist\nallow_exec: [sh, cat, readlink, ~/opt/bin/listed]\n")
        .env("MARK", "hunter2");
    world.host_ok(
        "mkdir -p ~/opt/bin ~/opt/lib && cp \"$(command -v printenv)\" ~/opt/lib/unlisted \
         && cp \"$(command -v printenv)\" ~/opt/bin/listed",
    );
    world
}

#[test]
fn is_refused() {
    world().permits("~/opt/bin/listed MARK");
    world().hidden("~/opt/lib/unlisted MARK");
    world().hidden("~/opt/bin/../lib/unlisted MARK");
}
