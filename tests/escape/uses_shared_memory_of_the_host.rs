//! Reads or removes SysV shared memory, semaphores and message queues of the host.
//!
//! - Area: processes
//! - Known: the Go aigate
//! - Held by: an IPC namespace

use crate::support::{World, python};

const ATTACH: &str = "import ctypes, sys; c = ctypes.CDLL(None, use_errno=True); \
    c.shmat.restype = ctypes.c_void_p; at = c.shmat(int(sys.argv[1]), None, 0); \
    at != 2**64 - 1 or sys.exit('refused'); print(ctypes.string_at(at))";

#[test]
fn is_refused() {
    let world = World::new();
    let made = world.host_ok(&python(
        "import ctypes; c = ctypes.CDLL(None); i = c.shmget(0, 4096, 0o1600); \
         c.shmat.restype = ctypes.c_void_p; ctypes.memmove(c.shmat(i, None, 0), b'hunter2', 7); print(i)",
    ));
    let id = made.out.trim();
    world.hidden(&format!("{} {id}", python(ATTACH)));
    world.denies(&format!("grep -qE '^ *-?[0-9]+ +{id} ' /proc/sysvipc/shm"));
    world.denies(&format!("ipcrm -m {id}"));
}
