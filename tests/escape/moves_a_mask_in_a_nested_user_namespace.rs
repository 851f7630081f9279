//! Moves the mount of a mask, or the whole project, somewhere else.
//!
//! - Area: nested namespaces
//! - Known: mount_namespaces(7), locked mounts
//! - Held by: locked mounts cannot be moved, and pivoting the root keeps them

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().secret(".env").dir("spot");
    world.hidden("unshare -Urm sh -c 'touch f; mount --move .env f; cat .env'");
    world.hidden(
        "unshare -Urm sh -c 'mount --rbind / spot && cd spot && mkdir -p .\"$OLDPWD\"/old; \
         pivot_root . .\"$OLDPWD\"/old; cat .\"$OLDPWD\"/.env'; cat .env",
    );
}
