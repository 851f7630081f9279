//! Reads password managers and keyrings.
//!
//! - Area: credentials of the home
//! - Known: the protection lists of nono and ai-jail
//! - Held by: the built-in list hides them

use crate::support::World;

#[test]
fn is_refused() {
    World::new().hides_in_home(&[
        ".password-store/mail.gpg",
        ".local/share/keyrings/login.keyring",
        ".config/Bitwarden/data.json",
        ".pki/nssdb/key4.db",
    ]);
}
