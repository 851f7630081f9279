//! Becomes root of a nested user namespace and unmounts the mask there.
//!
//! - Area: nested namespaces
//! - Known: found while building
//! - Held by: mounts that come from outside are locked together

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().secret(".env").home_secret(".ssh/id_rsa");
    for umount in [
        "umount .env",
        "umount -l .env",
        "umount -l \"$PWD\"",
        "umount -lR /",
    ] {
        world.hidden(&format!(
            "unshare -Urm sh -c '{umount}; cat .env'; cat .env"
        ));
    }
    world.hidden("unshare -Urm sh -c 'umount -l ~/.ssh; cat ~/.ssh/id_rsa' ; cat ~/.ssh/id_rsa");
}
