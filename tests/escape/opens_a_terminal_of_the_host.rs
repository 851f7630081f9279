//! Opens another terminal of the same user, to read what is typed or to write into it.
//!
//! - Area: terminal
//! - Known: found while building
//! - Held by: a devpts of its own

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    let other = world.host(
        "exec python3 -c 'import os, pty, time; a, b = pty.openpty(); print(os.ttyname(b), flush=True); time.sleep(300)'",
    );
    let name = other.line();
    world.denies(&format!("echo hello > {name}"));
    world.denies(&format!(
        "python3 -c 'import os; os.open(\"{name}\", os.O_RDWR)'"
    ));
}
