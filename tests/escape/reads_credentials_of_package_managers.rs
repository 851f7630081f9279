//! Reads the publishing tokens of package managers.
//!
//! - Area: credentials of the home
//! - Known: the protection lists of nono, vetto and cplt
//! - Held by: the built-in list hides them

use crate::support::World;

#[test]
fn is_refused() {
    World::new().hides_in_home(&[
        ".npmrc",
        ".pypirc",
        ".cargo/credentials.toml",
        ".cargo/credentials",
        ".gem/credentials",
    ]);
}
