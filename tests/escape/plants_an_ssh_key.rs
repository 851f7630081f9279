//! Adds a key to `authorized_keys`, or makes `~/.ssh` where there is none.
//!
//! - Area: what the host runs later
//! - Known: the Go aigate
//! - Held by: the home is read-only, and `~/.ssh` is hidden

use crate::support::World;

#[test]
fn is_refused() {
    World::new().keeps_in_home(&[".ssh/authorized_keys", ".ssh/rc", ".ssh/config"]);
}
