//! Renames a parent of a hidden file and reads under the new name.
//!
//! - Area: hidden files
//! - Known: found while building
//! - Held by: the mask moves with its directory

use crate::support::World;

#[test]
fn is_refused() {
    World::new()
        .secret("a/b/.env")
        .hidden("mv a z; cat z/b/.env");
    World::new()
        .secret("a/b/.env")
        .hidden("mv a/b q; cat q/.env");
    World::new()
        .secret("a/b/.env")
        .hidden("mkdir n; mv a n/; cat n/a/b/.env");
}
