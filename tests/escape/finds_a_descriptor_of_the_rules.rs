//! Looks for a descriptor that leads to aigate's files, its supervisor or the masks.
//!
//! - Area: descriptors
//! - Known: the Go aigate's tests
//! - Held by: the command starts with its three streams and nothing else

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().config("deny_read: [.env]\n").secret(".env");
    let count = "python3 -c 'import os; print([n for n in range(3, 1000) if os.path.exists(f\"/proc/self/fd/{n}\")])'";
    assert_eq!(world.permits(count).out.trim(), "[]");
    world.denies_unlike(
        "ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q /.aigate",
        "exec 7<~/.aigate; ls -l /proc/self/fd | grep -q /.aigate",
    );
    // The control arm of the count.
    assert!(
        world
            .control(&format!("exec 7<~; {count}"))
            .out
            .contains('7')
    );
}
