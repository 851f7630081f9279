//! Clears the read-only flag with `mount_setattr`, on the tree and on a clone of it.
//!
//! - Area: nested namespaces
//! - Known: mount_setattr(2), locked flags
//! - Held by: flags of inherited mounts are locked together

use crate::support::{World, quoted};

const CODE: &str = r"
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
home = os.environ['HOME'].encode()
for at, path, flags in ((-100, b'/', 0x8000), (-100, b'/', 0), (None, b'', 0x1000)):
    if at is None:
        at = libc.syscall(428, -100, home, 1 | 0x8000)
    attr = struct.pack('QQQQ', 0, 1, 0, 0)
    libc.syscall(442, at, path, flags, attr, len(attr))
    for name in (os.environ['HOME'], f'/proc/self/fd/{at}'):
        try:
            open(name + '/notes.txt', 'a').write('x')
        except OSError as why:
            print(why)
";

#[test]
fn is_refused() {
    let world = World::new().home_file("notes.txt", "original\n");
    world.keeps(
        "home/notes.txt",
        &format!("unshare -Urm python3 -c {}", quoted(CODE)),
    );
}
