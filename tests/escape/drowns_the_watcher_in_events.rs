//! Makes and removes files as fast as it can, while the host makes a file that must be hidden.
//!
//! - Area: live rules
//! - Known: inotify(7): events are dropped when the queue is full
//! - Held by: after a lost event everything is looked at again, or the sandbox ends

use crate::live;
use crate::support::World;

#[test]
fn is_refused() {
    let flood = "for n in 1 2 3; do python3 -c 'import os\nwhile not os.path.exists(\"go\"):\n\
                 \x20for i in range(2000): open(f\"f{os.getpid()}-{i}\", \"w\").close()\n\
                 \x20for i in range(2000): os.unlink(f\"f{os.getpid()}-{i}\")' & done; ";
    let world = World::new().dir("old");
    live::hidden_after_starting(&world, flood, "cat .env old/.env", || {
        std::thread::sleep(std::time::Duration::from_secs(1));
        world.host_ok("echo hunter2 > .env; echo hunter2 > old/.env");
    });
}
