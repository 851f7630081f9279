//! Reads aigate's own configuration, audit log and trust store, by every way.
//!
//! - Area: aigate's own files
//! - Known: the Go aigate's tests
//! - Held by: `~/.aigate` is hidden but for what the shims need

use crate::support::{World, python};

#[test]
fn is_refused() {
    let world = World::new().config("# hunter2\n");
    let world = world
        .home_secret(".aigate/audit.jsonl")
        .home_secret(".aigate/trust/pin");
    world.hidden("cat ~/.aigate/config.yaml");
    world.hidden("cat /proc/self/root$HOME/.aigate/config.yaml");
    world.hidden("find ~/.aigate -type f -exec cat {} +");
    world.hidden(&python(
        "import os; print(open(os.path.expanduser('~/.aigate/config.yaml')).read())",
    ));
    world.hidden("cat ~/.aigate/audit.jsonl ~/.aigate/trust/pin");
    world.hidden("unshare -Urm sh -c 'mount --bind / /mnt; cat /mnt$HOME/.aigate/config.yaml'; cat ~/.aigate/config.yaml");
}
