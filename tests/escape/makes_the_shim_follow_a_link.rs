//! Replaces the tool's own file by a link, which aigate follows outside when it keeps the file.
//!
//! - Area: for the next run
//! - Known: found while building: a copy made outside reads and writes with the user's rights
//! - Held by: links are never followed when a tool's file is kept

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Outcome, SECRET, World, process};

/// A home in which `claude` is a script behind its shim.
fn guarded(script: &str) -> World {
    let world = World::new()
        .home_secret(".ssh/id_rsa")
        .home_file(".bashrc", "# mine\n");
    let program = world.root().join("bin/claude");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::write(&program, format!("#!/bin/sh\necho started\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut install = world.aigate();
    install
        .env("PATH", path(&world, "bin"))
        .args(["shim", "install", "claude"]);
    let outcome = process::run(install);
    assert!(outcome.ok(), "{outcome}");
    fs::write(world.home().join(".bashrc"), "# mine\n").unwrap();
    world
}

fn path(world: &World, first: &str) -> String {
    let root = world.root().display();
    format!("{root}/{first}:{root}/bin:/usr/local/bin:/usr/bin:/bin")
}

fn claude(world: &World) -> Outcome {
    let mut run = world.command(world.home().join(".aigate/shims/claude"));
    run.env("PATH", path(world, "home/.aigate/shims"));
    let outcome = process::run(run);
    assert!(
        outcome.said("started"),
        "the sandbox did not start\n{outcome}"
    );
    outcome
}

#[test]
fn a_secret_is_not_copied() {
    for link in ["~/.ssh/id_rsa", "/proc/self/root$HOME/.ssh/id_rsa"] {
        let world = guarded(&format!(
            "cat ~/.claude.json ~/.claude/.claude.json; rm -f ~/.claude/.claude.json; ln -s {link} ~/.claude/.claude.json"
        ));
        for _ in 0..3 {
            let seen = claude(&world);
            assert!(!seen.said(SECRET), "ESCAPE: {seen}");
        }
        let kept = fs::read_to_string(world.home().join(".claude.json")).unwrap_or_default();
        assert!(!kept.contains(SECRET), "ESCAPE: copied to ~/.claude.json");
    }
    assert!(
        World::new()
            .home_secret(".ssh/id_rsa")
            .control("cat ~/.ssh/id_rsa")
            .said(SECRET)
    );
}

#[test]
fn a_file_outside_is_not_written() {
    let world = guarded(
        "printf '{\"evil\": 1}' > ~/.claude/x; \
         if [ -e ~/.claude/second ]; then rm -f ~/.claude/.claude.json; ln -s ~/.bashrc ~/.claude/.claude.json; \
         else cp ~/.claude/x ~/.claude/.claude.json; touch ~/.claude/second; fi",
    );
    claude(&world);
    let kept = fs::read_to_string(world.home().join(".claude.json")).unwrap();
    assert!(
        kept.contains("evil"),
        "control arm: the tool's file is not kept at all"
    );
    for _ in 0..4 {
        claude(&world);
        fs::write(world.home().join(".claude.json"), "{\"evil\": 2}").ok();
    }
    let text = fs::read_to_string(world.home().join(".bashrc")).unwrap();
    assert_eq!(text, "# mine\n", "ESCAPE: ~/.bashrc was written");
}

#[test]
fn a_state_directory_that_became_a_link_is_not_opened() {
    let world = guarded("echo evil > ~/.claude/planted; echo evil > ~/planted");
    fs::remove_dir_all(world.home().join(".claude")).ok();
    // The agent cannot do this by itself; another program may have, and the home must not open.
    std::os::unix::fs::symlink(world.home(), world.home().join(".claude")).unwrap();
    let mut run = world.command(world.home().join(".aigate/shims/claude"));
    run.env("PATH", path(&world, "home/.aigate/shims"));
    process::run(run);
    assert!(
        !world.home().join("planted").exists(),
        "ESCAPE: the home was writable"
    );
}
