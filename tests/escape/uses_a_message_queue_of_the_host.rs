//! Opens a POSIX message queue of the host.
//!
//! - Area: processes
//! - Known: found while building
//! - Held by: an IPC namespace

use crate::support::{World, python};

#[test]
fn is_refused() {
    let world = World::new();
    let name = format!("aigate{}", std::process::id());
    let open = |flags: u32| {
        python(&format!(
            "import ctypes, ctypes.util, os, sys; rt = ctypes.CDLL('librt.so.1', use_errno=True); \
             rt.mq_open(b'/{name}', {flags}, 0o600, None) >= 0 or sys.exit(os.strerror(ctypes.get_errno()))"
        ))
    };
    world.host_ok(&open(0o102));
    world.denies(&open(0o2));
    world.host_ok(&python(&format!(
        "import ctypes; ctypes.CDLL('librt.so.1').mq_unlink(b'/{name}')"
    )));
}
