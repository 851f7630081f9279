//! Holds or regains a capability over the sandbox.
//!
//! - Area: privileges
//! - Known: the Go aigate
//! - Held by: every capability set is empty and no_new_privs is on

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    let lines = |name: &str| format!("grep -E '^Cap{name}:[[:space:]]*0+$' /proc/self/status");
    for set in ["Inh", "Prm", "Eff", "Bnd", "Amb"] {
        world.permits(&lines(set));
    }
    world.denies("grep -E '^NoNewPrivs:[[:space:]]*0$' /proc/self/status");
    world.denies("grep -E '^CapBnd:.*[1-9a-f]' /proc/self/status");
    world.denies("grep -E '^Seccomp:[[:space:]]*0$' /proc/self/status");
}
