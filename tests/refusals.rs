//! What cannot be enforced or understood is refused: one clear message, status 125, and nothing runs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports by panicking"
)]

mod support;

use std::os::unix::fs::PermissionsExt;

use support::{Outcome, World, only_as_user, place, process, quoted, skip, tool};

/// What would be left behind had the command run.
const ACT: &str = "touch ran";

#[track_caller]
fn refused(world: &World, outcome: &Outcome, parts: &[&str]) {
    let ran = world.project().join("ran").exists() || world.root().join("ran").exists();
    assert!(!ran, "it ran all the same\n{outcome}");
    assert_eq!(outcome.code(), Some(125), "{outcome}");
    assert_eq!(outcome.out, "", "{outcome}");
    assert!(outcome.err.starts_with("aigate: "), "{outcome}");
    for part in parts {
        assert!(
            outcome.err.contains(part),
            "`{part}` is missing in the message\n{outcome}"
        );
    }
}

fn start(world: &World) -> Outcome {
    let mut run = world.exec("/bin/sh");
    run.arg("-c").arg(ACT);
    process::run(run)
}

/// The same, started by a script that ends in `exec "$@"`.
fn start_by(world: &World, script: &str) -> Outcome {
    let aigate = quoted(place::binary());
    world.control(&format!(
        "set -- {aigate} exec -- /bin/sh -c '{ACT}'; {script}"
    ))
}

#[test]
fn a_good_start_is_the_control_arm() {
    let world = World::new();
    assert!(start_by(&world, "exec \"$@\"").ok());
    assert!(world.project().join("ran").exists());
}

#[test]
fn no_user_namespaces() {
    let world = World::new();
    let none = "exec unshare -Ur sh -c 'echo 0 > /proc/sys/user/max_user_namespaces; exec \"$@\"' sh \"$@\"";
    refused(&world, &start_by(&world, none), &["user namespace"]);
}

#[test]
fn a_kernel_that_refuses_the_namespaces() {
    if !tool("strace") {
        skip!("strace is not installed");
    }
    for (error, call) in [
        ("EPERM", "clone3"),
        ("ENOSYS", "clone3,clone"),
        ("ENOSPC", "clone3"),
    ] {
        let world = World::new();
        let inject =
            format!("exec strace -f -qqq -o /dev/null -e inject={call}:error={error} \"$@\"");
        refused(&world, &start_by(&world, &inject), &[]);
    }
}

#[test]
fn a_kernel_without_a_layer() {
    if !tool("strace") {
        skip!("strace is not installed");
    }
    for call in [
        "landlock_create_ruleset",
        "landlock_restrict_self",
        "mount_setattr",
        "open_tree",
        "move_mount",
    ] {
        let world = World::new();
        let inject =
            format!("exec strace -f -qqq -o /dev/null -e inject={call}:error=ENOSYS \"$@\"");
        refused(&world, &start_by(&world, &inject), &[]);
    }
}

#[test]
fn an_invalid_configuration() {
    for (text, parts) in [
        (
            "deny_reads: [.env]\n",
            &["config.yaml:1:1", "deny_reads", "deny_read"][..],
        ),
        ("deny_read: yes-please\n", &["config.yaml:1"]),
        ("deny_read: [a\n", &["config.yaml"]),
        ("deny_read: [\"a[\"]\n", &["config.yaml:1", "a["]),
        ("network: closed\n", &["config.yaml:1", "closed"]),
        ("\u{0}", &["config.yaml"]),
    ] {
        let world = World::new().config(text);
        refused(&world, &start(&world), parts);
    }
}

#[test]
fn an_invalid_file_of_the_project() {
    let world = World::new().project_config("deny_read: [x]\nallow_everything: true\n");
    refused(
        &world,
        &start(&world),
        &[".aigate.yaml:2:1", "allow_everything"],
    );
}

#[test]
fn a_configuration_that_cannot_be_read() {
    only_as_user!();
    let world = World::new().config("deny_read: [.env]\n");
    let file = world.home().join(".aigate/config.yaml");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).unwrap();
    refused(
        &world,
        &start(&world),
        &["config.yaml", "Permission denied"],
    );
}

#[test]
fn a_configuration_that_is_no_file() {
    let world = World::new();
    std::fs::create_dir_all(world.home().join(".aigate/config.yaml")).unwrap();
    refused(&world, &start(&world), &["config.yaml"]);
}

#[test]
fn a_working_directory_that_is_gone() {
    let world = World::new();
    let outcome = start_by(
        &world,
        "mkdir gone && cd gone && rmdir ../gone && exec \"$@\"",
    );
    refused(&world, &outcome, &["directory"]);
}

#[test]
fn the_root_or_the_home_as_the_project() {
    let world = World::new();
    refused(&world, &start_by(&world, "cd / && exec \"$@\""), &["/"]);
    refused(&world, &start_by(&world, "cd ~ && exec \"$@\""), &["home"]);
    refused(&world, &start_by(&world, "cd ~/.. && exec \"$@\""), &[]);
}

#[test]
fn a_home_that_is_not_there() {
    for home in ["", "relative/home"] {
        let world = World::new().env("HOME", home);
        let outcome = start(&world);
        assert!(
            outcome.code() == Some(125) || !world.project().join("ran").exists(),
            "{outcome}"
        );
    }
}

#[test]
fn a_hidden_working_directory() {
    let world = World::new()
        .config("deny_read: [vault/]\n")
        .repository()
        .at("home/work/app/vault");
    refused(&world, &start(&world), &["vault"]);
}

#[test]
fn a_profile_that_nobody_knows() {
    let world = World::new().profile("no-such-agent");
    refused(&world, &start(&world), &["no-such-agent"]);
}
