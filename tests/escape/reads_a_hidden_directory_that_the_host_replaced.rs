//! The host renames a hidden directory away and makes a new one; it is read inside.
//!
//! - Area: live rules
//! - Known: the Go aigate
//! - Held by: a helper masks the new directory

use crate::live;
use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new()
        .config("deny_read: [vault/]\n")
        .secret("vault/key");
    let replace = "mv vault old; mkdir vault; echo hunter2 > vault/key";
    live::hidden_after(&world, "cat vault/key", replace);
}
