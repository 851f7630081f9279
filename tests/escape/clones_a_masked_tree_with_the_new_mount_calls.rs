//! Clones the project with `open_tree`, without its submounts, and reads in the clone.
//!
//! - Area: nested namespaces
//! - Known: found while building
//! - Held by: a tree with locked mounts can be cloned only as a whole

use crate::support::{World, quoted};

/// open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE [| AT_RECURSIVE]) and a read below the result.
fn clone(flags: &str) -> String {
    let code = format!(
        "import ctypes, os\n\
         libc = ctypes.CDLL(None, use_errno=True)\n\
         fd = libc.syscall(428, -100, b'.', {flags})\n\
         name = f'/proc/self/fd/{{fd}}/.env' if fd >= 0 else '.env'\n\
         print(open(name).read())"
    );
    format!("unshare -Urm python3 -c {}", quoted(code))
}

#[test]
fn is_refused() {
    let world = World::new().secret(".env");
    world.hidden(&clone("1"));
    world.hidden(&clone("1 | 0x8000"));
}
