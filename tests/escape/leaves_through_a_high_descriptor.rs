//! Uses a descriptor with a high number, past the range that simple tools close.
//!
//! - Area: descriptors
//! - Known: found while building
//! - Held by: inherited descriptors are closed, all of them

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().secret(".env");
    let act = "python3 -c 'import os; print([os.read(n, 100) for n in (250, 999) if os.lseek(n, 0, 0) == 0])'";
    let open = "import os, sys; f = os.open('.env', 0); os.dup2(f, 250); os.dup2(f, 999); os.execvp(sys.argv[1], sys.argv[1:])";
    let world = world.caller(&format!(
        "set -- python3 -c {} \"$@\"",
        crate::support::quoted(open)
    ));
    world.hidden(act);
}
