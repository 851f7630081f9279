//! Writes the user's Git configuration, whose hooks path every later `git` obeys.
//!
//! - Area: what the host runs later
//! - Known: the Go aigate's tests; Pillar's week of sandbox escapes
//! - Held by: the home is read-only

use crate::support::World;

#[test]
fn is_refused() {
    World::new().keeps_in_home(&[".gitconfig", ".config/git/config", ".config/git/attributes"]);
    let set = "git config --global core.hooksPath /tmp/evil";
    World::new().keeps("home/.gitconfig", set);
    World::new()
        .home_file(".gitconfig", "[user]\n")
        .keeps("home/.gitconfig", set);
}
