//! A world in which only listed programs run, and one that is not listed.

use crate::support::World;

/// What the acts of these tests are made of.
const LISTED: &str =
    "sh, cat, chmod, cp, env, ln, ls, mkdir, mount, mv, python3, readlink, rm, unshare";

/// The loader of this machine, for the shell.
pub(crate) const LOADER: &str =
    "$(ls /lib64/ld-linux-*.so.* /lib/ld-linux-*.so.* 2>/dev/null | head -n 1)";

/// `./unlisted` prints the secret, which stands in the environment.
pub(crate) fn world() -> World {
    let world = World::new().config(&format!("exec: allowlist\nallow_exec: [{LISTED}, head]\n"));
    world.host_ok("cp \"$(command -v printenv)\" unlisted");
    world.env("MARK", "hunter2")
}
