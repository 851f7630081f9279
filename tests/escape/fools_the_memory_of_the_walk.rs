//! Sets back the times of a directory, so that the next start believes that nothing is new in it.
//!
//! - Area: for the next run
//! - Known: found while building: what a walk found is remembered
//! - Held by: the time of the last change, which nobody can set, decides

use std::fs;
use std::time::Duration;

use crate::support::{Host, World};

#[test]
fn is_refused() {
    let world = World::new()
        .repository()
        .file("sub/deep/code", "x")
        .file("sub/deep/old", "x");
    for _ in 0..3 {
        world.permits("true");
        std::thread::sleep(Duration::from_millis(50));
    }
    let act = "touch -r sub stamp1; touch -r sub/deep stamp2; echo ready; \
               while ! [ -e go ]; do sleep 0.01; done; \
               touch -r stamp1 sub; touch -r stamp2 sub/deep; echo done";
    let mut run = world.exec("/bin/sh");
    run.arg("-c").arg(act);
    let mut inside = Host::start(run);
    assert_eq!(inside.line(), "ready");
    // As many names as before: neither the size nor the number of links tells.
    world.host_ok("rm sub/deep/old && echo hunter2 > sub/deep/.env");
    fs::write(world.project().join("go"), "").unwrap();
    assert_eq!(inside.line(), "done");
    inside.end();
    world.hidden("cat sub/deep/.env");
}
