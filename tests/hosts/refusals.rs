//! Runs on hosts that refuse.

use super::support::{SECRET, World, place, quoted, tool};
use super::{NO_NAMESPACES, kept, refused, refusing};

/// Seen: native | no user namespaces (a container's filter) | refused with the reason; nothing runs
#[test]
fn without_user_namespaces_the_run_is_refused_with_the_reason() {
    refused(
        &refusing(NO_NAMESPACES),
        &["namespaces", "nothing was run", "aigate doctor"],
    );
}

/// Seen: native | no clone3 | every promise tried is kept
#[test]
fn where_clone3_is_missing_the_older_call_makes_the_sandbox() {
    kept(&refusing("clone3=ENOSYS"));
}

/// Seen: native | no new mount calls | refused with the step; nothing runs
#[test]
fn without_mounts_the_run_is_refused_with_the_step() {
    refused(&refusing("fsopen=EPERM"), &["tmpfs", "aigate doctor"]);
}

/// Seen: native | another supervisor listens to system calls | refused with the reason; nothing runs
#[test]
fn below_another_listener_the_run_is_refused_with_the_reason() {
    let script = quoted(place::package().join("tests/hosts/listen.py"));
    let world = World::new().secret(".env");
    let world = world.caller(&format!("set -- python3 {script} \"$@\""));
    refused(&world, &["busy", "nothing was run"]);
    assert!(world.control("cat .env").said(SECRET));
}

/// Seen: native | no inotify left | ended with the reason
#[test]
fn without_a_watch_on_files_the_run_is_ended_with_the_reason() {
    let world = refusing("inotify_init1=EMFILE");
    let outcome = world.sandboxed("sleep 60");
    assert_eq!(outcome.code(), Some(125), "{outcome}");
    assert!(outcome.err.contains("max_user_instances"), "{outcome}");
}

/// A `/proc` that can be read and not written, where a user namespace gets its IDs.
const READ_ONLY_PROC: &str =
    "set -- bwrap --bind / / --dev-bind /dev /dev --ro-bind /proc /proc \"$@\"";

/// Seen: native | no `/proc` writes | refused with the step; nothing runs
#[test]
fn where_proc_cannot_be_written_the_run_is_refused_with_the_step() {
    let world = World::new().secret(".env").caller(READ_ONLY_PROC);
    refused(&world, &["identity", "Read-only", "nothing was run"]);
    // The host runs programs, and the secret is there.
    let outside = world.control("cat .env; echo >/proc/self/comm");
    assert!(outside.said(SECRET) && !outside.ok(), "{outside}");
    assert!(world.caller("").control("echo >/proc/self/comm").ok());
}

/// Seen: native | read-only home | every promise tried is kept
#[test]
fn a_home_that_cannot_be_written_changes_nothing_inside() {
    let world = World::new().secret(".env").dir("open");
    let home = quoted(world.home());
    let project = quoted(world.project());
    kept(&world.caller(&format!(
        "set -- bwrap --bind / / --dev-bind /dev /dev --ro-bind {home} {home} \
         --bind {project} {project} \"$@\""
    )));
}

/// Seen: native | tiny `/tmp` | every promise tried is kept
#[test]
fn a_tiny_temporary_directory_of_the_host_is_not_used() {
    kept(
        &World::new()
            .secret(".env")
            .caller("set -- bwrap --bind / / --dev-bind /dev /dev --size 4096 --tmpfs /tmp \"$@\""),
    );
}

/// Seen: native | no terminal | every promise tried is kept
#[test]
fn without_a_terminal_and_a_session() {
    assert!(tool("setsid"), "util-linux");
    kept(
        &World::new()
            .secret(".env")
            .caller("exec </dev/null; set -- setsid -w \"$@\""),
    );
}

/// Seen: native | inside bubblewrap | every promise tried is kept
#[test]
fn inside_another_sandbox() {
    kept(
        &World::new()
            .secret(".env")
            .caller("set -- bwrap --bind / / --dev /dev --unshare-ipc --unshare-uts \"$@\""),
    );
}

/// Seen: native | inside a chroot | refused with the reason; nothing runs
#[test]
fn inside_a_root_directory_of_its_own_the_run_is_refused_with_the_reason() {
    let world = World::new().secret(".env");
    let root = quoted(world.elsewhere().join("root"));
    let project = quoted(world.project());
    let world = world.caller(&format!(
        "mkdir -p {root}; set -- unshare -rm sh -c 'mount --rbind / {root} && \
         exec chroot {root} sh -c \"cd {project} && exec \\\"\\$@\\\"\" sh \"$@\"' sh \"$@\""
    ));
    refused(&world, &["chroot", "nothing was run"]);
}
