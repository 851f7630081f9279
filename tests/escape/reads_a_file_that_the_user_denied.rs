//! Reads a file that a rule of the user names: by full path, by pattern, by home.
//!
//! - Area: hidden files
//! - Known: the Go aigate's tests
//! - Held by: rules of every form become masks

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    let path = world.project().join("full.txt");
    let rules = format!(
        "deny_read:\n  - {}\n  - \"*.secret\"\n  - ~/diary.txt\n",
        path.display()
    );
    let world = world
        .config(&rules)
        .secret("full.txt")
        .secret("deep/in/x.secret");
    let world = world.home_secret("diary.txt");
    world.hidden("cat full.txt");
    world.hidden("cat deep/in/x.secret");
    world.hidden("cat ~/diary.txt");
}
