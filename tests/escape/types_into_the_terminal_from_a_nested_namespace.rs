//! Types into the caller's terminal as root of a nested user namespace.
//!
//! - Area: terminal
//! - Known: bubblewrap CVE-2017-5226
//! - Held by: the filter is inherited

use crate::support::World;
use crate::terminal;

#[test]
fn is_refused() {
    let world = World::new();
    terminal::not_typed(
        &world,
        "import fcntl, os, subprocess, sys\n\
         code = 'import fcntl, os; t = os.open(\"/dev/tty\", os.O_RDWR); [fcntl.ioctl(t, 0x5412, c.encode()) for c in \"hunter2\\\\n\"]'\n\
         subprocess.run(['unshare', '-Ur', 'python3', '-c', code])",
    );
}
