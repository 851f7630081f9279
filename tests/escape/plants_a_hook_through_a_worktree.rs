//! Works in a linked worktree and writes the hooks of the main repository.
//!
//! - Area: what the host runs later
//! - Known: found while building
//! - Held by: the target of a gitfile is protected like `.git`

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().repository();
    world.host_ok("git worktree add -q ../tree -b side");
    let world = world.at("home/work/tree");
    let git = "home/work/app/.git";
    world.keeps(
        format!("{git}/hooks"),
        "mkdir -p ../app/.git/hooks; echo evil > ../app/.git/hooks/pre-commit",
    );
    world.keeps(format!("{git}/config"), "git config core.fsmonitor ./evil");
    world.keeps("home/work/tree/.git", "echo 'gitdir: /evil' > .git");
}
