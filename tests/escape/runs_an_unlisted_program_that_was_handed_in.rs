//! Executes the open file that is its standard input: it stands on a mount of the host, which executes.
//!
//! - Area: only listed programs
//! - Known: found while building: a descriptor keeps the mount that it was opened on
//! - Held by: Landlock knows files by their inodes, on every mount

use super::allowlist::world;
use crate::support::python;

#[test]
fn is_refused() {
    let world = || world().caller("exec <unlisted");
    world().hidden(&python(
        "import os; os.execve('/proc/self/fd/0', ['x', 'MARK'], os.environ)",
    ));
    world().hidden(&python(
        "import os; os.execve(0, ['x', 'MARK'], os.environ)",
    ));
    world().hidden("/dev/stdin MARK");
}
