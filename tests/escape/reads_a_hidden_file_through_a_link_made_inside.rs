//! Makes a symbolic link inside and reads through it.
//!
//! - Area: hidden files
//! - Known: CVE-2026-25724
//! - Held by: a link leads to the masked path

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().secret(".env").home_secret(".aws/credentials");
    world.hidden("ln -sf .env a && cat a");
    world.hidden("ln -sfn ~/.aws b && cat b/credentials");
    world.hidden("ln -sfn /proc/self/root c && cat c$PWD/.env");
}
