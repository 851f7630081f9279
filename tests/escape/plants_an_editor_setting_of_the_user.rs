//! Writes the user's own settings of editors and interpreters.
//!
//! - Area: what the host runs later
//! - Known: the Go aigate
//! - Held by: the home is read-only

use crate::support::World;

#[test]
fn is_refused() {
    World::new().keeps_in_home(&[
        ".vimrc",
        ".config/nvim/init.lua",
        ".emacs",
        ".config/Code/User/settings.json",
        ".vscode/extensions/x/package.json",
        ".tmux.conf",
        ".pythonrc",
        ".npmrc",
        ".cargo/config.toml",
    ]);
}
