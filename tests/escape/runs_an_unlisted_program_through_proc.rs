//! Names a program by an alias in `/proc`: the working directory, the root or a descriptor of a process.
//!
//! - Area: only listed programs
//! - Known: Ona's account: `/proc/self/root` defeats rules on paths
//! - Held by: an alias leads to the same mount and the same file

use super::allowlist::world;
use crate::support::python;

#[test]
fn is_refused() {
    world().hidden("/proc/self/cwd/unlisted MARK");
    world().hidden("/proc/self/root\"$PWD\"/unlisted MARK");
    world().hidden("/proc/$$/root\"$PWD\"/unlisted MARK");
    world().hidden_unlike("/proc/1/root\"$PWD\"/unlisted MARK", "./unlisted MARK");
    world().hidden("exec 7<unlisted; /proc/self/fd/7 MARK");
    world().hidden(&python(
        "import os; d = os.open('.', os.O_PATH); os.fchdir(d); os.execve(f'/proc/self/fd/{d}/unlisted', \
         ['x', 'MARK'], os.environ)",
    ));
}

/// What a process is made of may run again, as itself: it is listed.
#[test]
fn a_program_may_be_itself() {
    world().permits("/proc/self/exe --version >/dev/null 2>&1 || sh -c '/proc/self/exe -c true'");
    world().hidden_unlike(
        "cp /proc/self/exe other; ./other unlisted",
        "./unlisted MARK",
    );
}
