//! Renames the project or a directory above it.
//!
//! - Area: writing outside
//! - Known: found while building
//! - Held by: the project is a mount point and its parents are read-only

use crate::support::World;

#[test]
fn is_refused() {
    World::new().keeps("home/work", "mv ../app ../app2");
    World::new().keeps("home/work", "mv ../../work ../../work2");
    World::new().keeps("home/work/app", "rm -rf ../app; rmdir ../app");
}
