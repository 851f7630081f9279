//! Mounts an overlay whose lower layer is the project, to see the files without their masks.
//!
//! - Area: nested namespaces
//! - Known: overlayfs clones its layers without submounts
//! - Held by: the kernel refuses layers that hold locked mounts

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().secret("sub/.env").dir("m");
    world
        .hidden("unshare -Urm sh -c 'mount -t overlay o -o lowerdir=sub:m m; cat m/.env sub/.env'");
    world.hidden(
        "unshare -Urm sh -c 'mount -t tmpfs t m && mkdir m/u m/w m/o && \
         mount -t overlay o -o lowerdir=.,upperdir=m/u,workdir=m/w m/o; cat m/o/sub/.env sub/.env'",
    );
}
