//! What `shim install` makes and `shim uninstall` takes away.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Stdio;

use crate::machine::{Machine, assert_same};
use crate::support::place::{binary, picture};
use crate::support::process;

#[test]
fn a_shim_is_a_relative_link_to_our_own_copy() {
    let machine = Machine::with_claude();
    let done = machine.shim(&["install", "claude"]);
    assert!(done.ok(), "{done}");
    assert_eq!(
        fs::read_link(machine.home(".aigate/shims/claude")).unwrap(),
        Path::new("../bin/aigate")
    );
    let copy = fs::metadata(machine.home(".aigate/bin/aigate")).unwrap();
    assert_eq!(copy.permissions().mode() & 0o777, 0o755);
    assert_ne!(
        copy.ino(),
        fs::metadata(binary()).unwrap().ino(),
        "a copy, not a hard link"
    );
    assert!(fs::read(machine.home(".aigate/bin/aigate")).unwrap() == fs::read(binary()).unwrap());
    assert_eq!(
        fs::metadata(machine.home(".aigate"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o700
    );
}

#[test]
fn without_names_every_installed_tool_is_guarded() {
    let machine = Machine::with_claude();
    assert!(machine.shim(&["install"]).ok());
    let made: Vec<_> = fs::read_dir(machine.home(".aigate/shims"))
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(made, ["claude"]);
}

#[test]
fn installing_twice_changes_nothing() {
    let machine = Machine::with_claude();
    assert!(machine.shim(&["install", "claude"]).ok());
    let inode = || {
        fs::metadata(machine.home(".aigate/bin/aigate"))
            .unwrap()
            .ino()
    };
    let (before, first) = (picture(&machine.world.home()), inode());
    let again = machine.shim(&["install", "claude"]);
    assert!(again.ok() && again.said("Nothing to do"), "{again}");
    assert_same(&before, &picture(&machine.world.home()));
    assert_eq!(first, inode());
}

#[test]
fn uninstalling_leaves_home_as_it_was() {
    let machine = Machine::with_claude();
    let before = picture(&machine.world.home());
    assert!(machine.shim(&["install", "claude"]).ok());
    assert!(before != picture(&machine.world.home()));
    assert!(machine.shim(&["uninstall"]).ok());
    assert_same(&before, &picture(&machine.world.home()));
}

#[test]
fn uninstalling_keeps_the_users_own_configuration() {
    let machine = Machine::with_claude();
    fs::create_dir(machine.home(".aigate")).unwrap();
    fs::write(machine.home(".aigate/config.yaml"), "deny_read: [x]\n").unwrap();
    assert!(machine.shim(&["install", "claude"]).ok());
    let done = machine.shim(&["uninstall"]);
    assert!(done.ok(), "{done}");
    let left: Vec<_> = fs::read_dir(machine.home(".aigate"))
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left, ["config.yaml"]);
}

#[test]
fn one_shim_can_go_and_the_others_stay() {
    let machine = Machine::with_claude();
    assert!(machine.shim(&["install", "claude"]).ok());
    assert!(
        machine
            .shim(&["uninstall", "nothing"])
            .said("Nothing is installed")
    );
    assert!(machine.home(".aigate/shims/claude").exists());
    assert!(machine.shim(&["uninstall", "claude"]).ok());
    assert!(
        !machine.home(".aigate").exists(),
        "the last shim takes everything with it"
    );
}

#[test]
fn uninstalling_works_with_a_lost_or_spoiled_manifest() {
    for spoil in [
        None,
        Some(""),
        Some("{"),
        Some(r#"{"version":99,"complete":true,"items":[]}"#),
    ] {
        let machine = Machine::with_claude();
        let before = picture(&machine.world.home());
        assert!(machine.shim(&["install", "claude"]).ok());
        let manifest = machine.home(".aigate/manifest");
        match spoil {
            None => fs::remove_file(&manifest).unwrap(),
            Some(text) => fs::write(&manifest, text).unwrap(),
        }
        assert!(machine.shim(&["uninstall"]).ok());
        assert_same(&before, &picture(&machine.world.home()));
    }
}

#[test]
fn what_somebody_else_put_into_our_directory_stays() {
    let machine = Machine::with_claude();
    assert!(machine.shim(&["install", "claude"]).ok());
    fs::write(machine.home(".aigate/shims/mine"), "x").unwrap();
    let done = machine.shim(&["uninstall"]);
    assert!(done.ok(), "{done}");
    assert!(machine.home(".aigate/shims/mine").exists());
    assert!(!machine.home(".aigate/shims/claude").exists());
}

/// A machine on which an installation has something of every kind to do.
fn with_everything() -> Machine {
    let mut machine = Machine::with_claude();
    let share = machine.world.root().join("share");
    let applications = share.join("applications");
    fs::create_dir_all(&applications).unwrap();
    fs::write(
        applications.join("claude.desktop"),
        "[Desktop Entry]\nExec=claude\n",
    )
    .unwrap();
    machine.world = machine
        .world
        .env("SHELL", "/bin/bash")
        .env("XDG_DATA_DIRS", share);
    machine.world.host_ok(
        "mkdir -p ~/.config/fish ~/.local/share/fish; echo a=1 > ~/.bashrc; printf b=2 > ~/.zshrc",
    );
    machine
}

const INSTALL: &[&str] = &["install", "--desktop", "claude"];

/// Whatever step was the last, a new shell starts without a complaint and finds a `claude` that
/// runs.
#[track_caller]
fn assert_usable(machine: &Machine, step: usize) {
    let shim = machine.home(".aigate/shims/claude");
    let dangling = shim.symlink_metadata().is_ok() && !shim.exists();
    assert!(!dangling, "step {step}: dangling");
    let mut shell = machine.world.command("bash");
    shell.args(["-ic", "claude x"]);
    let outcome = process::run(shell);
    assert_eq!(outcome.out, "real x\n", "step {step}: {outcome}");
    assert!(!outcome.err.contains("aigate"), "step {step}: {outcome}");
}

#[test]
fn a_crash_at_any_step_is_repaired_by_the_next_command() {
    for step in 0.. {
        let machine = with_everything();
        let before = picture(&machine.world.home());
        let crashed = crash(&machine, INSTALL, step);
        assert_usable(&machine, step);
        if step % 2 == 0 {
            assert!(machine.shim(INSTALL).ok(), "step {step}");
            assert!(machine.shim(&["verify"]).ok(), "step {step}");
        }
        remove_state(&machine);
        assert!(machine.shim(&["uninstall"]).ok(), "step {step}");
        assert_same(&before, &picture(&machine.world.home()));
        if !crashed {
            assert!(step > 12, "only {step} steps could fail");
            break;
        }
    }
}

#[test]
fn a_crash_of_uninstall_at_any_step_is_finished_by_the_next_one() {
    for step in 0.. {
        let machine = with_everything();
        let before = picture(&machine.world.home());
        assert!(machine.shim(INSTALL).ok());
        let crashed = crash(&machine, &["uninstall"], step);
        assert_usable(&machine, step);
        remove_state(&machine);
        assert!(machine.shim(&["uninstall"]).ok(), "step {step}");
        assert_same(&before, &picture(&machine.world.home()));
        if !crashed {
            assert!(step > 12, "only {step} steps could fail");
            break;
        }
    }
}

/// What the tool itself made when it was started.
fn remove_state(machine: &Machine) {
    machine
        .world
        .host_ok("rm -rf ~/.claude ~/.aigate/cache ~/.aigate/audit.jsonl");
}

/// Runs the command until the step, and tells whether it got that far.
fn crash(machine: &Machine, args: &[&str], step: usize) -> bool {
    let mut command = machine.shim_command(args);
    command.env("AIGATE_TEST_FAULT", step.to_string());
    !process::run(command).ok()
}

#[test]
fn two_installs_at_once_wait_for_each_other() {
    let machine = Machine::with_claude();
    let children: Vec<_> = (0..8)
        .map(|_| {
            machine
                .shim_command(&["install", "claude"])
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert!(machine.shim(&["install", "claude"]).said("Nothing to do"));
}

#[test]
fn an_unknown_or_absent_tool_is_refused_with_the_next_command() {
    let machine = Machine::bare();
    let unknown = machine.shim(&["install", "clod"]);
    assert_eq!(unknown.code(), Some(125));
    assert!(unknown.said("clod: no such tool; known are"), "{unknown}");
    let absent = machine.shim(&["install", "claude"]);
    assert_eq!(absent.code(), Some(125));
    assert!(absent.said("shim install --pre claude"), "{absent}");
    assert!(!machine.home(".aigate").exists(), "a refusal makes nothing");
    assert!(machine.shim(&["install", "--pre", "claude"]).ok());
}

#[test]
fn the_list_shows_the_shim_and_the_program_behind_it() {
    let machine = Machine::with_claude();
    assert!(!machine.shim(&["list"]).said("guarded"));
    assert!(machine.shim(&["install", "claude"]).ok());
    let list = machine.shim(&["list"]);
    assert!(
        list.said("guarded") && list.said(machine.home("bin/claude").to_str().unwrap()),
        "{list}"
    );
    fs::remove_file(machine.home(".aigate/bin/aigate")).unwrap();
    assert!(machine.shim(&["list"]).said("broken"));
}
