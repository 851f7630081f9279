//! Reads or writes the memory of PID 1 of the sandbox, which comes from outside.
//!
//! - Area: processes
//! - Known: found while building
//! - Held by: init is not dumpable and belongs to the outer user namespace

use crate::support::{World, python};

#[test]
fn is_refused() {
    let world = World::new();
    // Outside, the same acts work on a process of one's own.
    let control = |act: &str| act.replace("/1/", "/self/");
    for act in [
        "head -c 1 /proc/1/mem",
        "readlink /proc/1/fd/0",
        "readlink /proc/1/exe",
        "readlink /proc/1/cwd",
    ] {
        let control = control(act).replace("head -c 1 /proc/self/mem", "test -w /proc/self/mem");
        world.denies_unlike(act, &control.replace("/proc/1/", "/proc/self/"));
    }
    let act = "import os; os.open('/proc/1/mem', os.O_RDWR)";
    world.denies_unlike(&python(act), &python(&act.replace("/1/", "/self/")));
    world.denies_unlike(
        "unshare -Ur head -c 1 /proc/1/environ",
        "unshare -Ur head -c 1 /proc/self/environ",
    );
}
