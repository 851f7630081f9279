//! Binds the parent directory elsewhere without its submounts, to see below the mask.
//!
//! - Area: nested namespaces
//! - Known: the Go aigate's tests
//! - Held by: a tree with locked mounts can be bound only as a whole

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().secret(".env").dir("look");
    for bind in ["--bind", "--rbind"] {
        world.hidden(&format!(
            "unshare -Urm sh -c 'mount {bind} . look; cat look/.env .env'"
        ));
        world.hidden(&format!(
            "unshare -Urm sh -c 'mount {bind} / look; cat look'\"$PWD\"'/.env .env'"
        ));
    }
}
