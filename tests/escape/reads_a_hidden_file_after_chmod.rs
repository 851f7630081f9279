//! Gives itself permission on a hidden file, then reads it.
//!
//! - Area: hidden files
//! - Known: most sandboxes measured
//! - Held by: the mask is read-only and is not the file

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().secret(".env").home_secret(".ssh/id_rsa");
    world.hidden("chmod 777 .env; cat .env");
    world.hidden("chmod -R 777 ~/.ssh; cat ~/.ssh/id_rsa");
    world.hidden("setfacl -m u:$(id -u):rw .env 2>/dev/null; cat .env");
}
