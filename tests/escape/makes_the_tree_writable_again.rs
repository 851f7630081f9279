//! Remounts the read-only tree writable, with and without a nested user namespace.
//!
//! - Area: nested namespaces
//! - Known: the Go aigate
//! - Held by: no capability is left, and flags of inherited mounts are locked

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().home_file("notes.txt", "original\n");
    let write = "echo x >> $HOME/notes.txt";
    for mount in [
        "mount -o remount,rw,bind /",
        "mount -o remount,rw /",
        "mount --bind / /mnt && mount -o remount,rw,bind /mnt",
    ] {
        world.keeps(
            "home/notes.txt",
            &format!(
                "unshare -Urm sh -c '{mount}; {write}; echo x >> /mnt$HOME/notes.txt'; {write}"
            ),
        );
    }
    // Not outside as root: there it would change the machine.
    world.keeps_unlike(
        "home/notes.txt",
        "mount -o remount,rw,bind /; echo x >> ~/notes.txt",
        "echo x >> ~/notes.txt",
    );
}
