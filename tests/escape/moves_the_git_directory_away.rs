//! Renames `.git` and puts another one, or a file that points elsewhere, into its place.
//!
//! - Area: what the host runs later
//! - Known: most sandboxes measured ("rename .git away")
//! - Held by: a directory that holds a protected path cannot be renamed

use crate::support::World;

#[test]
fn is_refused() {
    let world = || World::new().repository();
    world().keeps(
        "home/work/app/.git/config",
        "mv .git .git2; git init -q; git config core.fsmonitor ./evil",
    );
    world().keeps(
        "home/work/app/.git/config",
        "rm -rf .git; echo 'gitdir: evil' > .git",
    );
    world().keeps(
        "home/work/app/.git/config",
        "cp -r .git other; python3 -c 'import ctypes; \
        ctypes.CDLL(None).renameat2(-100, b\".git\", -100, b\"other\", 2)'; echo >> .git/config",
    );
}
