//! Sets up io_uring, whose operations no seccomp filter sees.
//!
//! - Area: kernel surface
//! - Known: most sandboxes measured
//! - Held by: seccomp

use crate::calls;
use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    let code = "import ctypes; call('io_uring_setup', 4, ctypes.create_string_buffer(120))";
    if world
        .control("test \"$(cat /proc/sys/kernel/io_uring_disabled 2>/dev/null || echo 0)\" = 0")
        .ok()
    {
        world.denies(&calls(code));
    } else {
        // Where the host forbids it, there is nothing to compare with.
        assert!(!world.sandboxed(&calls(code)).ok());
    }
}
