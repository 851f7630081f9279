//! Unmounts the mask of a hidden file.
//!
//! - Area: hidden files
//! - Known: the Go aigate (a total bypass)
//! - Held by: no capability is left over the mount namespace

use crate::support::{SECRET, World};

#[test]
fn is_refused() {
    let world = World::new().secret(".env").home_secret(".ssh/id_rsa");
    world.hidden("umount .env; cat .env");
    world.hidden("umount -l .env; cat .env");
    world.hidden("umount ~/.ssh; cat ~/.ssh/id_rsa");
    // Not outside: there it would work.
    let inside = world.sandboxed("umount -R /; cat .env");
    assert!(!inside.said(SECRET), "ESCAPE: {inside}");
}
