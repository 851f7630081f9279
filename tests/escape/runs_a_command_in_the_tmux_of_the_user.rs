//! Runs a command in the tmux server of the user.
//!
//! - Area: sockets
//! - Known: found while building
//! - Held by: `/tmp` is private and TMUX is taken away

use crate::support::{World, skip, tool};

#[test]
fn is_refused() {
    if !tool("tmux") {
        skip!("tmux is not installed");
    }
    let name = format!("aigate-escape-{}", std::process::id());
    let world = World::new();
    world.host_ok(&format!(
        "tmux -L {name} -f /dev/null new-session -d 'sleep 100'"
    ));
    let socket = world
        .control(&format!(
            "tmux -L {name} display-message -p '#{{socket_path}}'"
        ))
        .out;
    let socket = socket.trim().to_owned();
    let world = world.env("TMUX", format!("{socket},1,0"));
    let run = |path: &str| format!("tmux {path} run-shell 'touch ~/ran'; sleep 0.2");
    world.keeps("home/ran", &run(&format!("-S {socket}")));
    std::fs::remove_file(world.home().join("ran")).unwrap();
    world.keeps("home/ran", &run(&format!("-L {name}")));
    std::fs::remove_file(world.home().join("ran")).unwrap();
    world.keeps("home/ran", &run(""));
    world.host_ok(&format!("tmux -L {name} kill-server"));
}
