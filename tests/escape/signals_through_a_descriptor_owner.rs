//! Makes itself send signals to the caller's group as the owner of a descriptor.
//!
//! - Area: processes
//! - Known: Landlock's documentation of scoped signals
//! - Held by: Landlock keeps signals in the sandbox

use crate::support::{World, process, python};

const OWNER: &str = "import fcntl, os, socket, time; a, b = socket.socketpair(); \
    fcntl.fcntl(a, fcntl.F_SETOWN, -os.getpgrp() or -int(os.environ['GROUP'])); \
    fcntl.fcntl(a, 10, 15); fcntl.fcntl(a, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK); \
    b.send(b'x'); time.sleep(0.2)";

#[test]
fn is_refused() {
    let world = World::new();
    let caller = |exec: &str| {
        format!(
            "trap 'echo hit' TERM; export GROUP=$$; {exec} {}; echo end; sleep 0.1",
            python(OWNER)
        )
    };
    let mut inside = world.command("/bin/sh");
    inside
        .arg("-c")
        .arg(caller("\"$0\" exec --"))
        .arg(crate::support::place::binary());
    let inside = process::run(inside);
    assert!(
        inside.said("end") && !inside.said("hit"),
        "ESCAPE: the caller was hit\n{inside}"
    );
    let outside = world.control(&caller(""));
    assert!(
        outside.said("hit"),
        "control arm: the caller was not hit\n{outside}"
    );
}
