//! Runs a program that `deny_exec` names: by name, by path, by link, from Python.
//!
//! - Area: exec rules
//! - Known: the Go aigate's tests
//! - Held by: the program's file is masked

use crate::support::{World, python};

fn world() -> World {
    World::new()
        .config("deny_exec: [blocked-tool]\n")
        .script("blocked-tool", "#!/bin/sh\necho hunter2\n")
        .env("PATH", "/usr/local/bin:/usr/bin:/bin:.")
}

#[test]
fn is_refused() {
    world().hidden("blocked-tool");
    world().hidden("./blocked-tool");
    world().hidden("\"$PWD/blocked-tool\"");
    world().hidden("ln -s blocked-tool other; ./other");
    world().hidden("/proc/self/cwd/blocked-tool");
    world().hidden(&python(
        "import subprocess; subprocess.run(['./blocked-tool'])",
    ));
    world().hidden("env -C . ./blocked-tool");
}
