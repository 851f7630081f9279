//! Types a command into the caller's terminal with TIOCSTI, standard input being a pipe.
//!
//! - Area: terminal
//! - Known: the Go aigate; bubblewrap CVE-2017-5226
//! - Held by: seccomp refuses TIOCSTI

use crate::support::World;
use crate::terminal;

#[test]
fn is_refused() {
    let world = World::new();
    terminal::not_typed(
        &world,
        "import fcntl\nfor c in 'hunter2\\n': fcntl.ioctl(tty, 0x5412, c.encode())",
    );
}
