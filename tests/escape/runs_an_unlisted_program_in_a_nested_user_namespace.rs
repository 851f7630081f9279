//! Becomes root of a user namespace of its own, where it may mount a file system that executes, and puts
//! its program there.
//!
//! - Area: only listed programs
//! - Known: found while building: flags are locked on inherited mounts alone, not on new ones
//! - Held by: no user namespaces inside this one, and Landlock, which knows no mounts

use super::allowlist::world;
use super::calls;

const MOUNTS: &str = "cp unlisted x/unlisted; x/unlisted MARK";

#[test]
fn is_refused() {
    let act = format!("unshare -Urm sh -c 'mount -t tmpfs t x; {MOUNTS}'");
    world().dir("x").hidden(&act);
    let act =
        "unshare -Urm sh -c 'mount -o remount,exec .; mount --bind -o exec . .; ./unlisted MARK'";
    world().hidden(act);
    let act = "unshare -Ur ./unlisted MARK";
    world().hidden(act);
}

/// The number that forbids them cannot be raised again, in whatever way the files look writable.
#[test]
fn is_not_permitted_again() {
    let raise = "echo 100 > /proc/sys/user/max_user_namespaces; unshare -Ur sh -c 'echo $MARK'";
    let world = world();
    let inside = world.hidden_unlike(raise, "echo $MARK");
    assert!(inside.reached && !inside.ok(), "{inside}");
}

#[test]
fn is_refused_by_the_newer_call() {
    let act =
        calls("libc.unshare(0x10000000) == 0 or sys.exit('unshare'); print(os.environ['MARK'])");
    world().hidden(&act);
}
