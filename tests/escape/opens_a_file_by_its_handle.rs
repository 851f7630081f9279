//! Opens a hidden file by its inode handle, past every path: the "shocker" attack.
//!
//! - Area: hidden files
//! - Known: the Docker "shocker" exploit, 2014
//! - Held by: seccomp refuses `open_by_handle_at`, in nested user namespaces too

use crate::calls;
use crate::support::{World, only_as_root};

const SHOCKER: &str = r"
import ctypes, os, struct
handle = ctypes.create_string_buffer(struct.pack('Ii', 128, 0) + bytes(128))
mount = ctypes.create_string_buffer(8)
name = b'key' if os.path.exists('key') else b'.env'
call('name_to_handle_at', -100, name, handle, mount, 0)
at = os.open('.', os.O_RDONLY)
print(os.read(call('open_by_handle_at', at, handle, 0), 100))
";

#[test]
fn is_refused() {
    let world = World::new().secret("plain");
    let code = SHOCKER.replace("b'key' if os.path.exists('key') else b'.env'", "b'plain'");
    // The call itself, on a file that is not hidden.
    world.denies_unlike(&format!("unshare -Urm {}", calls(&code)), "cat plain");
    only_as_root!();
    world.denies(&calls(&code));
    World::new().secret(".env").hidden(&calls(SHOCKER));
}
