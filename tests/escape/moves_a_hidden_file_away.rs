//! Renames a hidden file, or another file over it, and reads the result.
//!
//! - Area: hidden files
//! - Known: found while building
//! - Held by: a mount point cannot be renamed or removed

use crate::support::World;

#[test]
fn is_refused() {
    World::new().secret(".env").hidden("mv .env env; cat env");
    World::new()
        .secret(".env")
        .hidden("mv -f .env env; cat .env env");
    World::new()
        .secret("conf/.env")
        .keeps("home/work/app/conf/.env", "rm -f conf/.env");
    World::new().secret("conf/.env").keeps(
        "home/work/app/conf/.env",
        "echo fake > x; mv -f x conf/.env",
    );
    World::new()
        .secret("conf/.env")
        .keeps("home/work/app/conf/.env", "echo fake >> conf/.env");
}
