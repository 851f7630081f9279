//! Pastes the console's selection into the terminal with TIOCLINUX.
//!
//! - Area: terminal
//! - Known: bubblewrap CVE-2023-28100 (flatpak)
//! - Held by: seccomp refuses TIOCLINUX

use crate::calls;
use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    // Not a console: the kernel answers ENOTTY where the request arrives.
    let code = |number: &str| {
        calls(&format!(
            "reaches('ioctl', 2, {number}, ctypes.create_string_buffer(b'\\3'))"
        ))
    };
    world.denies(&code("0x541C"));
    world.denies(&code("0x5412"));
    world.permits(&code("0x541B"));
}
