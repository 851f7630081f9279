//! Ends, in order or by SIGKILL, and leaves files, directories or mounts on the host.
//!
//! - Area: leftovers
//! - Known: the most reported class of bugs of the field (srt issues 85, 103, 139; codex 18043)
//! - Held by: nothing on the host is ever a mount point that was made for us

use std::fs;

use crate::support::{Host, World, at_last, place};

#[test]
fn is_refused() {
    let world = World::new()
        .repository()
        .secret(".env")
        .home_secret(".ssh/id");
    let (before, mounts) = (
        place::picture(world.root()),
        fs::read_to_string("/proc/self/mounts").unwrap(),
    );
    let same = |when: &str| {
        assert_eq!(before, place::picture(world.root()), "files changed {when}");
        assert_eq!(
            mounts,
            fs::read_to_string("/proc/self/mounts").unwrap(),
            "mounts changed {when}"
        );
    };
    assert!(world.sandboxed("true").ok());
    same("after a run");
    assert!(!world.sandboxed("kill -9 $$").ok());
    same("after a run that was killed inside");
    let mut run = world.exec("/bin/sh");
    run.arg("-c").arg("echo ready; sleep 100");
    let supervisor = Host::start(run);
    supervisor.line();
    same("during a run");
    supervisor.kill_only();
    at_last(|| before == place::picture(world.root()));
    same("after the supervisor was killed");
    // The control arm of the comparison itself.
    fs::write(world.project().join("stub"), "").unwrap();
    assert_ne!(before, place::picture(world.root()));
}
