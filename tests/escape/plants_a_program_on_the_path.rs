//! Plants a program in a directory of the user's PATH.
//!
//! - Area: what the host runs later
//! - Known: the Go aigate
//! - Held by: the home is read-only

use crate::support::World;

#[test]
fn is_refused() {
    World::new().keeps_in_home(&[
        ".local/bin/git",
        ".cargo/bin/cargo",
        "bin/ls",
        "go/bin/gopls",
    ]);
}
