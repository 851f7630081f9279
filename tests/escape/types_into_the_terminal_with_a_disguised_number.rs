//! Types into the caller's terminal with high bits set in the number of the request.
//!
//! - Area: terminal
//! - Known: flatpak CVE-2019-10063
//! - Held by: the filter compares the lower 32 bits, as the kernel does

use crate::support::World;
use crate::terminal;

#[test]
fn is_refused() {
    let world = World::new();
    terminal::not_typed(
        &world,
        "import ctypes, platform\n\
         libc = ctypes.CDLL(None, use_errno=True)\n\
         number = 16 if platform.machine() == 'x86_64' else 29\n\
         for c in b'hunter2\\n':\n\
         \x20   if libc.syscall(ctypes.c_long(number), ctypes.c_long(tty), ctypes.c_ulong(0x100005412), bytes([c])) < 0:\n\
         \x20       raise OSError(ctypes.get_errno())",
    );
}
