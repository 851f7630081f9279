//! Changes that the host makes while a sandbox runs.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::support::{Host, SECRET, World};

/// How long the host may take to put a mask into place again. The window itself is measured by a
/// benchmark; here two busy cores must not make a test fail.
const SETTLED: Duration = Duration::from_secs(1);

/// `act` shows no secret inside after `change` was made outside.
#[track_caller]
pub(crate) fn hidden_after(world: &World, act: &str, change: &str) {
    hidden_after_doing(world, act, || {
        world.host_ok(change);
    });
}

/// The same for a change that is more than a script.
#[track_caller]
pub(crate) fn hidden_after_doing(world: &World, act: &str, change: impl FnOnce()) {
    hidden_after_starting(world, "", act, change);
}

/// The same, with something that goes on inside meanwhile.
#[track_caller]
pub(crate) fn hidden_after_starting(
    world: &World,
    meanwhile: &str,
    act: &str,
    change: impl FnOnce(),
) {
    let mut run = world.exec("/bin/sh");
    run.arg("-c").arg(format!(
        "{meanwhile} echo ready; while ! [ -e go ]; do sleep 0.01; done; {{ {act}; }} 2>&1; echo; echo done"
    ));
    let inside = Host::start(run);
    assert_eq!(inside.line(), "ready", "the sandbox did not start");
    change();
    thread::sleep(SETTLED);
    fs::write(world.project().join("go"), "").unwrap();
    loop {
        let line = inside.line();
        assert!(
            !line.contains(SECRET),
            "ESCAPE: shown after the change: {act}"
        );
        if line == "done" {
            break;
        }
    }
    let outside = world.control(act);
    assert!(
        outside.said(SECRET),
        "control arm shows no secret: {act}\n{outside}"
    );
}
