//! Finds the way to services of the session by the variables that name them.
//!
//! - Area: environment
//! - Known: the Go aigate; the list of jai
//! - Held by: variables that name sockets do not pass

use crate::support::World;

#[test]
fn is_refused() {
    for name in [
        "SSH_AUTH_SOCK",
        "GPG_AGENT_INFO",
        "DBUS_SESSION_BUS_ADDRESS",
        "VSCODE_IPC_HOOK_CLI",
    ] {
        World::new().env(name, "/hunter2/s.sock").hidden("env");
    }
}
