//! Reads private keys of SSH and GnuPG.
//!
//! - Area: credentials of the home
//! - Known: most sandboxes measured
//! - Held by: the built-in list hides them

use crate::support::World;

#[test]
fn is_refused() {
    World::new().hides_in_home(&[
        ".ssh/id_rsa",
        ".ssh/id_ed25519",
        ".ssh/deploy/key",
        ".gnupg/private-keys-v1.d/key",
        ".gnupg/secring.gpg",
    ]);
}
