//! Changes its root directory, to run setuid programs over files of its own or to get out.
//!
//! - Area: privileges
//! - Known: the Go aigate's tests
//! - Held by: no capability is left

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    world.denies_unlike("chroot / /bin/true", "unshare -Ur chroot / /bin/true");
    world.hidden_unlike(
        "unshare -Urm sh -c 'mkdir -p j; chroot j /bin/true; cd ../../../../../../../..; cat ~/.ssh/id'",
        "echo hunter2",
    );
}
