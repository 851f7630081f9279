//! Reads the histories of shells and interpreters, which hold pasted secrets.
//!
//! - Area: credentials of the home
//! - Known: the protection lists of nono and jai
//! - Held by: the built-in list hides them

use crate::support::World;

#[test]
fn is_refused() {
    World::new().hides_in_home(&[".bash_history", ".zsh_history", ".python_history"]);
}
