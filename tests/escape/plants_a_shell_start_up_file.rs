//! Writes a start-up file of a shell, one that exists or a new one.
//!
//! - Area: what the host runs later
//! - Known: the Go aigate
//! - Held by: the home is read-only

use crate::support::World;

#[test]
fn is_refused() {
    World::new().keeps_in_home(&[
        ".bashrc",
        ".bash_profile",
        ".bash_login",
        ".bash_logout",
        ".profile",
        ".zshrc",
        ".zshenv",
        ".zprofile",
        ".zlogin",
        ".inputrc",
        ".config/fish/config.fish",
        ".config/fish/conf.d/x.fish",
    ]);
}
