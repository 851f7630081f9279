//! Changes the mounts on which nothing is executed: remounts, binds, clones, new file systems.
//!
//! - Area: only listed programs
//! - Known: the mount attacks on read-only trees
//! - Held by: no capability, and no user namespace in which there would be one

use super::allowlist::world;
use super::calls;

#[test]
fn is_refused() {
    for act in [
        "mount -o remount,exec .",
        "mount -o remount,bind,exec /tmp",
        "mount --bind -o exec . .",
        "mount -t tmpfs t .",
    ] {
        world().hidden_unlike(&format!("{act}; ./unlisted MARK"), "./unlisted MARK");
    }
}

#[test]
fn is_refused_by_the_new_mount_calls() {
    let act = |code: &str| {
        let then = "os.execve('unlisted', ['x', 'MARK'], os.environ)";
        let tried = format!("try:\n  {code}\nexcept SystemExit as why: print(why)\n{then}");
        calls(&tried)
    };
    let clear = "call('mount_setattr', -100, ctypes.c_char_p(b'/'), 0x8000, \
                 (ctypes.c_uint64 * 4)(0, 8, 0, 0), 32)";
    world().hidden_unlike(&act(clear), "./unlisted MARK");
    let clone = "f = call('open_tree', -100, ctypes.c_char_p(b'.'), 1); os.fchdir(f)";
    world().hidden_unlike(&act(clone), "./unlisted MARK");
    let fresh = "call('fsopen', ctypes.c_char_p(b'tmpfs'), 0)";
    world().hidden_unlike(&act(fresh), "./unlisted MARK");
}
