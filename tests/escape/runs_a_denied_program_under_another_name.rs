//! Copies, links or renames a denied program and runs the result.
//!
//! - Area: exec rules
//! - Known: the Go aigate's tests, "known limitation"
//! - Held by: the program's file is masked, so there is nothing to copy

use crate::support::World;

fn world() -> World {
    World::new()
        .config("deny_exec: [blocked-tool]\n")
        .script("blocked-tool", "#!/bin/sh\necho hunter2\n")
}

#[test]
fn is_refused() {
    world().hidden("cp blocked-tool other; ./other");
    world().hidden("cat blocked-tool > other; chmod +x other; ./other");
    world().hidden("ln blocked-tool other; ./other");
    world().hidden("mv blocked-tool other; ./other");
    world().hidden("sh ./blocked-tool");
    world().hidden(". ./blocked-tool");
}
