//! Runs aigate's own commands inside: allow, trust, reset, shim uninstall.
//!
//! - Area: aigate's own files
//! - Known: Ona's account: the agent switched its own sandbox off
//! - Held by: nothing in `~/.aigate` is writable inside

use crate::support::{World, place, quoted};

#[test]
fn is_refused() {
    let aigate = quoted(place::binary());
    let world = || {
        World::new()
            .config("deny_read: [.env, x]\n")
            .project_config("allow_read: [.env]\n")
            .secret(".env")
    };
    for act in [
        "allow read x",
        "deny read y",
        "trust",
        "trust --yes",
        "reset --force",
        "init --force",
        "shim uninstall --all",
    ] {
        let world = world();
        let before = place::picture(&world.home().join(".aigate"));
        let inside = world.sandboxed(&format!("{aigate} {act}"));
        assert!(inside.reached, "{inside}");
        assert_eq!(
            before,
            place::picture(&world.home().join(".aigate")),
            "ESCAPE: {act}\n{inside}"
        );
        world.hidden("cat .env");
    }
    let outside = world();
    outside.keeps_unlike(
        "home/.aigate/config.yaml",
        &format!("{aigate} allow read x"),
        &format!("{aigate} allow read x"),
    );
}
