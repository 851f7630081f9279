//! Uses system calls that anybody may make and that open a large part of the kernel.
//!
//! - Area: kernel surface
//! - Known: most sandboxes measured; every kernel exploit of the last years
//! - Held by: seccomp

use crate::calls;
use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    for code in [
        "call('add_key', b'user', b'aigate', b'x', 1, -1)",
        "call('keyctl', 0, -3, 0)",
        "reaches('request_key', b'user', b'aigate-none', 0, -1)",
        "call('userfaultfd', 1)",
    ] {
        world.denies(&calls(code));
        world.denies_unlike(&format!("unshare -Ur {}", calls(code)), &calls(code));
    }
}
