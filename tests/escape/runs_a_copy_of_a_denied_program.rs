//! Runs a copy of a denied program that lies under another name on PATH, or another hard link of it.
//!
//! - Area: exec rules
//! - Known: the Go aigate's tests, "known limitation"
//! - Held by: files of the same content are found on PATH at the start, and masked too

use crate::support::World;

fn world() -> World {
    let world = World::new().config("deny_exec: [blocked-tool]\n");
    world.host_ok(
        "mkdir -p ~/bin ~/more && cp \"$(command -v printenv)\" ~/bin/blocked-tool \
         && cp ~/bin/blocked-tool ~/more/copy && ln ~/bin/blocked-tool ~/more/link \
         && ln -s \"$(command -v printenv)\" ~/more/leads-to-it \
         && cp ~/bin/blocked-tool ~/more/longer && echo >> ~/more/longer",
    );
    let home = world.home();
    let home = home.display();
    world
        .env(
            "PATH",
            format!("{home}/bin:{home}/more:/usr/local/bin:/usr/bin:/bin"),
        )
        .env("MARK", "hunter2")
}

#[test]
fn is_refused() {
    world().hidden("blocked-tool MARK");
    world().hidden("copy MARK");
    world().hidden("link MARK");
    world().hidden("leads-to-it MARK");
    world().hidden("printenv MARK");
    world().hidden("cp ~/more/copy .; ./copy MARK");
    // Of the same kind but not the same: the rule does not speak about it.
    assert!(world().permits("longer MARK").said("hunter2"));
}
