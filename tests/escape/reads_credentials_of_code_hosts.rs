//! Reads the tokens of Git and of the code hosts' tools.
//!
//! - Area: credentials of the home
//! - Known: the protection lists of jai and vetto; the Go aigate
//! - Held by: the built-in list hides them

use crate::support::World;

#[test]
fn is_refused() {
    World::new().hides_in_home(&[
        ".git-credentials",
        ".config/git/credentials",
        ".netrc",
        ".config/gh/hosts.yml",
        ".config/github-copilot/apps.json",
    ]);
}
