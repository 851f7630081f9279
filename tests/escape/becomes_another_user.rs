//! Gains another user's rights by a setuid program, as `su` and `sudo` are.
//!
//! - Area: privileges
//! - Known: found while building
//! - Held by: no_new_privs, and every mount is nosuid

use crate::support::{World, only_as_root};

#[test]
fn is_refused() {
    only_as_root!();
    let world = World::new();
    world.host_ok("cp \"$(command -v id)\" ./who && chown 65534 ./who && chmod 4755 ./who");
    world.host_ok("cp ./who ../../../elsewhere/who && chown 65534 ../../../elsewhere/who && chmod 4755 ../../../elsewhere/who");
    for program in ["./who", "../../../elsewhere/who"] {
        world.denies(&format!("test \"$({program} -u)\" = 65534"));
    }
}
