//! Replaces a start-up file that is a symbolic link, as dotfile managers make them.
//!
//! - Area: what the host runs later
//! - Known: the Go aigate (only the target was protected)
//! - Held by: the home is read-only, so the link stays

use crate::support::World;

#[test]
fn is_refused() {
    let world = || {
        let world = World::new().home_file("dotfiles/gitconfig", "[user]\n");
        world.host_ok("ln -s dotfiles/gitconfig ~/.gitconfig");
        world
    };
    world().keeps(
        "home/.gitconfig",
        "rm -f ~/.gitconfig && echo '[core]' > ~/.gitconfig",
    );
    world().keeps("home/dotfiles", "echo '[core]' >> ~/.gitconfig");
}
