//! Runs what is not listed: a program of the project, one that it wrote itself, one of the system, from
//! every place that can be written and by every way to start one.
//!
//! - Area: only listed programs
//! - Known: the Go aigate's tests, of programs that are denied
//! - Held by: mounts on which nothing is executed, but for the listed files; Landlock

use super::allowlist::world;
use crate::support::python;

#[test]
fn is_refused() {
    world().hidden("./unlisted MARK");
    world().hidden("printenv MARK");
    world().hidden("$(command -v printenv) MARK");
    world().hidden("env ./unlisted MARK");
    world().hidden("cp unlisted other; chmod 755 other; ./other MARK");
    for place in ["/tmp", "/var/tmp", "/dev/shm"] {
        world().hidden(&format!(
            "cp unlisted {place}/x; {place}/x MARK; rm -f {place}/x"
        ));
    }
    world().hidden("printf '#!/bin/sh\\necho $MARK\\n' > script; chmod 755 script; ./script");
    world().hidden(&python(
        "import subprocess; subprocess.run(['./unlisted', 'MARK'])",
    ));
    world().hidden(&python(
        "import os; os.posix_spawn('unlisted', ['x', 'MARK'], os.environ)",
    ));
}

#[test]
fn a_copy_of_a_listed_one_is_refused_too() {
    world().hidden("cp \"$(command -v sh)\" other; ./other -c 'echo $MARK'");
    world().hidden("cp \"$(command -v sh)\" sh; PATH=. sh -c 'echo $MARK'");
}

/// What can be written and forgotten is no place for programs either.
#[test]
fn a_copy_on_write_is_no_way() {
    let act = "mkdir -p ~/.cache/d; cp unlisted ~/.cache/d/x; ~/.cache/d/x MARK";
    world().home_file(".cache/there", "").hidden(act);
}
