//! Connects to a daemon in XDG_RUNTIME_DIR: session D-Bus, systemd, editors, GnuPG, Wayland.
//!
//! - Area: sockets
//! - Known: firejail issue 3258; `code .` hands its folder to the first instance
//! - Held by: the runtime directory is private

use crate::sockets::{connect, listener};
use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    let folder = world.root().join("runtime");
    let world = world.env("XDG_RUNTIME_DIR", folder.as_os_str());
    let world = world.env(
        "DBUS_SESSION_BUS_ADDRESS",
        format!("unix:path={}/bus", folder.display()),
    );
    let _bus = listener(&world, "runtime/bus");
    let _editor = listener(&world, "runtime/vscode-1234abcd-1.99-main.sock");
    for name in ["bus", "vscode-1234abcd-1.99-main.sock"] {
        world.hidden(&connect(&format!("$XDG_RUNTIME_DIR/{name}")));
        world.hidden(&connect(&format!("{}/{name}", folder.display())));
    }
    world.hidden(&connect("${DBUS_SESSION_BUS_ADDRESS#unix:path=}"));
}
