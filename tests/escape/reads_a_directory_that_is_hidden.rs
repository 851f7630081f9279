//! Reads files in a hidden directory, old and new ones.
//!
//! - Area: hidden files
//! - Known: the Go aigate
//! - Held by: the mask covers the directory, so nothing below it has a name

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new()
        .config("deny_read: [vault/]\n")
        .secret("vault/key")
        .secret("x/vault/k/key");
    world.hidden("cat vault/key");
    world.hidden("cat x/vault/k/key");
    world.denies("ls vault/key");
    world.keeps("home/work/app/vault", "echo mine > vault/new");
}
