//! Ceilings: what is enforced, what is said where it is not, and that nothing inside lifts them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test reports by panicking"
)]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{World, only_as_root, only_as_user, process};

/// Starts children until it may not, and prints how many there were.
const CHILDREN: &str = "python3 -c '
import os, time
count = 0
try:
    while count < 200:
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
        count += 1
except OSError:
    pass
print(count, flush=True)
os.kill(0, 15) if False else None
'";

fn number(text: &str) -> u64 {
    text.trim().parse().unwrap_or_else(|_| panic!("{text:?}"))
}

/// Whether the caller may make a group of cgroup version 2 with this controller; a hierarchy of
/// version 1 may have taken it.
fn may_have_a_group_with(controller: &str) -> bool {
    let root = nix::unistd::geteuid().is_root();
    root && ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        .iter()
        .filter_map(|root| fs::read_to_string(Path::new(root).join("cgroup.controllers")).ok())
        .any(|list| list.split_whitespace().any(|name| name == controller))
}

fn losses(world: &World) -> Value {
    let mut command = world.aigate();
    command.args(["status", "--json"]);
    let outcome = process::run(command);
    let status: Value = serde_json::from_str(&outcome.out).unwrap_or_else(|_| panic!("{outcome}"));
    status["unenforced"].clone()
}

#[test]
fn processes_are_counted_in_the_sandbox_alone() {
    only_as_user!();
    let world = World::new().config("resource_limits:\n  max_pids: 25\n");
    // The same user's processes outside are nobody's business.
    let _outside: Vec<_> = (0..40).map(|_| world.host("echo up; sleep 60")).collect();
    let inside = number(&world.sandboxed(CHILDREN).out);
    assert!((10..25).contains(&inside), "{inside}");
    assert_eq!(number(&world.control(CHILDREN).out), 200, "control");
    assert_eq!(losses(&world), serde_json::json!([]));
}

#[test]
fn threads_and_nested_namespaces_are_counted_too() {
    only_as_user!();
    let world = World::new().config("resource_limits:\n  max_pids: 25\n");
    let threads = "python3 -c '
import threading, time
count = 0
try:
    while count < 200:
        threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
        count += 1
except RuntimeError:
    pass
print(count)'";
    let inside = number(&world.sandboxed(threads).out);
    assert!((10..25).contains(&inside), "{inside}");
    assert_eq!(number(&world.control(threads).out), 200, "control");
    let nested = format!(
        "ulimit -u unlimited 2>/dev/null; unshare -Ur sh -c '{}'",
        CHILDREN.replace('\'', "'\\''")
    );
    let inside = number(&world.sandboxed(&nested).out);
    assert!(inside < 25, "{inside}");
}

/// A group of our own would hold all processes together: then there is no loss to tell.
#[test]
fn memory_without_a_group_is_limited_for_each_process_and_told() {
    let world = World::new().config("resource_limits:\n  max_memory: 200M\n");
    let big = "python3 -c 'print(len(bytearray(400 << 20)))'";
    world.denies(big);
    world.permits("python3 -c 'print(len(bytearray(50 << 20)))'");
    world.denies_unlike(&format!("ulimit -d unlimited; {big}"), big);
    let losses = losses(&world);
    if may_have_a_group_with("memory") {
        assert_eq!(losses, serde_json::json!([]));
        return;
    }
    assert_eq!(losses[0]["limit"], "max_memory", "{losses}");
    assert!(
        losses[0]["instead"]
            .as_str()
            .unwrap()
            .contains("each process alone"),
        "{losses}"
    );
    assert_eq!(losses[0]["rule"]["line"], 2, "{losses}");
    let log = fs::read_to_string(world.home().join(".aigate/audit.jsonl")).unwrap();
    assert!(log.contains("\"unenforced\""), "{log}");
}

#[test]
fn required_refuses_what_cannot_be_enforced() {
    let world = World::new().config("resource_limits:\n  max_cpu_percent: 50\n  required: true\n");
    let outcome = world.sandboxed("echo ran");
    if may_have_a_group_with("cpu") {
        assert_eq!(
            (outcome.code(), outcome.out.trim()),
            (Some(0), "ran"),
            "{outcome}"
        );
        return;
    }
    assert_eq!(outcome.code(), Some(125), "{outcome}");
    assert!(
        outcome.out.is_empty() && outcome.err.contains("max_cpu_percent"),
        "{outcome}"
    );
    assert!(
        outcome.err.contains("config.yaml:2") && outcome.err.contains("nothing was run"),
        "{outcome}"
    );
    let world = World::new().config("resource_limits:\n  max_cpu_percent: 50\n");
    assert!(world.sandboxed("true").ok());
}

#[test]
fn what_can_be_enforced_satisfies_required() {
    only_as_user!();
    let world = World::new().config("resource_limits:\n  max_pids: 100\n  required: true\n");
    assert!(world.sandboxed("true").ok());
}

/// Where version 1 has taken the controllers, the same ceilings are refused by name.
#[test]
fn a_group_of_its_own_holds_processes_and_processors() {
    only_as_root!();
    let world = World::new()
        .config("resource_limits:\n  max_pids: 25\n  max_cpu_percent: 20\n  required: true\n");
    let children = world.sandboxed(CHILDREN);
    if !(may_have_a_group_with("pids") && may_have_a_group_with("cpu")) {
        assert_eq!(children.code(), Some(125), "{children}");
        for named in [
            "max_pids",
            "max_cpu_percent",
            "no controller",
            "nothing was run",
        ] {
            assert!(children.err.contains(named), "{named}: {children}");
        }
        return;
    }
    let inside = number(&children.out);
    assert!((10..25).contains(&inside), "{inside}");
    let busy = "python3 -c '
import time
start, used = time.monotonic(), time.process_time()
while time.monotonic() - start < 2:
    pass
print(int((time.process_time() - used) * 50))'";
    let percent = number(&world.sandboxed(busy).out);
    assert!(percent <= 30, "{percent}");
    // From inside neither the group's files nor a way out of it can be seen.
    world.denies_unlike(
        "unshare -rmC sh -c 'mount -t cgroup2 none /mnt && cat /mnt/pids.max /mnt/../pids.max | grep 25'",
        "true",
    );
    let left = world.host_ok("find /sys/fs/cgroup -name 'aigate-*'").out;
    assert_eq!(left, "", "a group is left");
}
