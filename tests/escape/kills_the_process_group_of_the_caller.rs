//! Signals its own process group, which it shares with the caller outside.
//!
//! - Area: processes
//! - Known: found while building: it killed the calling script
//! - Held by: Landlock keeps signals in the sandbox

use crate::support::{World, process};

#[test]
fn is_refused() {
    let world = World::new();
    let caller = |exec: &str| format!("trap 'echo hit' TERM; {exec}; echo end; sleep 0.1");
    let mut inside = world.command("/bin/sh");
    inside.arg("-c").arg(caller(
        "\"$0\" exec -- python3 -c 'import os; os.kill(0, 15)'",
    ));
    inside.arg(crate::support::place::binary());
    let inside = process::run(inside);
    assert!(
        inside.said("end") && !inside.said("hit"),
        "ESCAPE: the caller was hit\n{inside}"
    );
    let outside = world.control(&caller("python3 -c 'import os; os.kill(0, 15)'"));
    assert!(
        outside.said("hit"),
        "control arm: the caller was not hit\n{outside}"
    );
}
