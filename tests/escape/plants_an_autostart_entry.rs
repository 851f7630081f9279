//! Plants something that the desktop or systemd starts at the next login.
//!
//! - Area: what the host runs later
//! - Known: the Go aigate
//! - Held by: the home is read-only

use crate::support::World;

#[test]
fn is_refused() {
    World::new().keeps_in_home(&[
        ".config/autostart/x.desktop",
        ".config/systemd/user/x.service",
        ".config/environment.d/x.conf",
        ".local/share/applications/x.desktop",
        ".local/share/systemd/user/x.timer",
        "Library/LaunchAgents/x.plist",
    ]);
}
