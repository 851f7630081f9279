//! Writes hooks and settings of a repository inside the repository, and of a submodule.
//!
//! - Area: what the host runs later
//! - Known: found while building
//! - Held by: every repository below the project is protected

use crate::support::World;

#[test]
fn is_refused() {
    let world = || {
        let world = World::new().repository();
        world.host_ok("git init -q vendor/lib && mkdir -p .git/modules/sub/hooks && touch .git/modules/sub/config");
        world
    };
    let app = "home/work/app";
    world().keeps(
        format!("{app}/vendor/lib/.git/hooks"),
        "echo evil > vendor/lib/.git/hooks/pre-commit",
    );
    world().keeps(
        format!("{app}/vendor/lib/.git/config"),
        "git -C vendor/lib config core.fsmonitor ./evil",
    );
    world().keeps(
        format!("{app}/.git/modules/sub/hooks"),
        "echo evil > .git/modules/sub/hooks/pre-commit",
    );
    world().keeps(
        format!("{app}/.git/modules/sub/config"),
        "echo '[core]' >> .git/modules/sub/config",
    );
    world().keeps(
        format!("{app}/vendor"),
        "mv vendor/lib vendor/old; mkdir -p vendor/lib",
    );
}
