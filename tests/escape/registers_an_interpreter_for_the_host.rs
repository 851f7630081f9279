//! Registers a binary format, so that the host runs a program of the sandbox.
//!
//! - Area: kernel files
//! - Known: containers' readonlyPaths
//! - Held by: the kernel's files are read-only or not the caller's inside

use crate::support::{World, only_as_root};

#[test]
fn is_refused() {
    only_as_root!();
    let world = World::new();
    let line = ":aigate-escape:E::aigate-escape::/bin/true:";
    let act = format!("echo '{line}' > /proc/sys/fs/binfmt_misc/register");
    let inside = world.sandboxed(&act);
    assert!(inside.reached && !inside.ok(), "ESCAPE: {inside}");
    let nested = format!(
        "unshare -Urm sh -c 'mount -t binfmt_misc b /mnt && echo \"{line}\" > /mnt/register'"
    );
    let inside = world.sandboxed(&nested);
    assert!(inside.reached);
    assert!(
        !std::path::Path::new("/proc/sys/fs/binfmt_misc/aigate-escape").exists(),
        "ESCAPE: {inside}"
    );
}
