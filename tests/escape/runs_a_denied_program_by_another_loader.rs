//! Runs a denied program through the dynamic loader, a shebang or a memory file.
//!
//! - Area: exec rules
//! - Known: Ona's account: `ld-linux.so prog` defeats exec deny
//! - Held by: the program's file is masked for reading too

use crate::support::{World, python};

fn world() -> World {
    let world = World::new().config("deny_exec: [blocked-tool]\n");
    world.host_ok("cp \"$(command -v printenv)\" blocked-tool");
    world.env("MARK", "hunter2")
}

#[test]
fn is_refused() {
    world().hidden("./blocked-tool MARK");
    world().hidden(
        "$(ls /lib64/ld-linux-*.so.* /lib/ld-linux-*.so.* 2>/dev/null | head -n 1) ./blocked-tool MARK",
    );
    world().hidden("printf '#!%s/blocked-tool MARK\\n' \"$PWD\" > s; chmod +x s; ./s");
    world().hidden(&python(
        "import os; f = os.memfd_create('x'); os.write(f, open('blocked-tool', 'rb').read()); \
         os.execve(f'/proc/self/fd/{f}', ['env', 'MARK'], os.environ)",
    ));
}
