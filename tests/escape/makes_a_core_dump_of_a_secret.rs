//! Crashes, so that the host's handler writes its memory somewhere.
//!
//! - Area: kernel files
//! - Known: found while building
//! - Held by: the sandbox starts without core dumps

use crate::support::World;

#[test]
fn is_refused() {
    let world =
        World::new().caller("ulimit -c unlimited 2>/dev/null || ulimit -S -c \"$(ulimit -H -c)\"");
    if world.control("test \"$(ulimit -H -c)\" != 0").ok() {
        world.denies("test \"$(ulimit -c)\" != 0");
    }
    world.denies_unlike(
        "ulimit -c unlimited && test \"$(ulimit -c)\" = unlimited",
        "true",
    );
}
