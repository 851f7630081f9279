//! Writes into aigate's own directory: rules, shims, the copy of the binary, trust.
//!
//! - Area: aigate's own files
//! - Known: Ona's account: the agent switched its own sandbox off
//! - Held by: nothing in `~/.aigate` is writable inside

use crate::support::World;

#[test]
fn is_refused() {
    let world = || {
        World::new()
            .config("deny_read: [.env]\n")
            .home_file(".aigate/bin/aigate", "x")
    };
    world().keeps(
        "home/.aigate",
        "echo 'deny_read: []' > ~/.aigate/config.yaml",
    );
    world().keeps(
        "home/.aigate",
        "mkdir -p ~/.aigate/shims && ln -s /bin/true ~/.aigate/shims/claude",
    );
    world().keeps("home/.aigate", "cp /bin/true ~/.aigate/bin/aigate");
    world().keeps(
        "home/.aigate",
        "mkdir -p ~/.aigate/trust && echo yes > ~/.aigate/trust/x",
    );
    world().keeps("home", "mv ~/.aigate ~/.gone");
    world().keeps("home", "rm -rf ~/.aigate");
    World::new().keeps(
        "home/.aigate",
        "mkdir -p ~/.aigate && echo 'deny_read: []' > ~/.aigate/config.yaml",
    );
}
