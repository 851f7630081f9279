//! `aigate doctor` on this host, and on hosts that refuse.

use std::process::Command;

use serde_json::Value;

use super::NO_NAMESPACES;
use super::support::{Outcome, World, place, process, quoted};

fn doctor(world: &World, refusals: Option<&str>) -> (Option<i32>, Value) {
    let mut command = match refusals {
        None => world.aigate(),
        Some(calls) => refused(world, calls),
    };
    command.args(["doctor", "--json"]);
    let outcome = process::run(command);
    let findings = serde_json::from_str(&outcome.out);
    let findings = findings.unwrap_or_else(|why| panic!("{why}\n{outcome}"));
    (outcome.code(), findings)
}

fn refused(world: &World, calls: &str) -> Command {
    let script = place::package().join("tests/hosts/refuse.py");
    let mut command = world.command("python3");
    command.arg(script).arg(calls).arg(place::binary());
    command
}

fn finding<'v>(report: &'v Value, what: &str) -> &'v Value {
    let findings = report["findings"].as_array().expect("a list");
    let mut same = findings.iter().filter(|one| one["what"] == what);
    same.next().unwrap_or_else(|| panic!("{what}: {report:#}"))
}

#[track_caller]
fn is(report: &Value, what: &str, state: &str) -> String {
    let found = finding(report, what);
    assert_eq!(found["state"], state, "{found:#}");
    found.to_string()
}

#[test]
fn this_host_has_what_these_tests_need() {
    let (code, report) = doctor(&World::new(), None);
    for what in [
        "user namespace",
        "mounts",
        "processes",
        "ipc, uts, cgroup",
        "landlock",
        "seccomp",
        "seccomp notify",
        "inotify",
        "rules",
        "sandbox",
        "home",
    ] {
        is(&report, what, "ok");
    }
    is(&report, "shims", "note");
    assert_eq!(
        (code, &report["lost"]),
        (Some(0), &Value::from(0)),
        "{report:#}"
    );
}

#[test]
fn without_user_namespaces_it_says_what_mends_that() {
    let (code, report) = doctor(&World::new(), Some(NO_NAMESPACES));
    assert_eq!(code, Some(1));
    let lost = is(&report, "user namespace", "lost");
    assert!(lost.contains("Operation not permitted"), "{lost}");
    assert!(
        !finding(&report, "user namespace")["cure"]
            .as_str()
            .unwrap()
            .is_empty()
    );
    is(&report, "mounts", "note");
    is(&report, "sandbox", "lost");
    // What needs no namespace is tried all the same.
    is(&report, "landlock", "ok");
    is(&report, "seccomp", "ok");
}

#[test]
fn each_engine_says_whether_it_can_run_and_what_it_would_lose() {
    let says = |report: &Value, engine: &str, state: &str, words: &[&str]| {
        let text = is(report, &format!("engine: {engine}"), state);
        for word in words {
            assert!(text.contains(word), "{engine}: {word}: {text}");
        }
    };
    let line = "accept_losses: [names, later, protected, metadata, processes]";
    let world = World::new();
    let (_, here) = doctor(&world, None);
    says(&here, "native", "ok", &["loses nothing"]);
    says(&here, "bwrap", "ok", &["can run", "loses", "replaces"]);
    says(
        &here,
        "landlock",
        "note",
        &["can run after", line, "metadata: "],
    );
    says(&here, "seatbelt", "note", &["macOS"]);

    let (_, closed) = doctor(&world, Some(NO_NAMESPACES));
    says(&closed, "native", "note", &["cannot run", "user namespace"]);
    says(&closed, "bwrap", "note", &["cannot run: bwrap: "]);
    says(&closed, "landlock", "note", &["can run after", line]);

    let (_, bare) = doctor(&world, Some("landlock_create_ruleset=ENOSYS"));
    for engine in ["native", "bwrap", "landlock"] {
        says(&bare, engine, "note", &["cannot run", "landlock"]);
    }
    let (_, missing) = doctor(&World::new().env("PATH", "/nowhere"), None);
    says(&missing, "bwrap", "note", &["not installed"]);
}

#[test]
fn what_is_accepted_and_works_is_no_loss() {
    let world = World::new().without_namespaces().config(
        "engine: landlock\naccept_losses: [names, later, protected, metadata, processes]\n",
    );
    let (_, report) = doctor(&world, Some(NO_NAMESPACES));
    assert!(is(&report, "engine: landlock", "ok").contains("what is accepted"));
    is(&report, "sandbox", "ok");
}

#[test]
fn a_spent_ceiling_of_namespaces_names_its_setting() {
    let calls = "clone3=ENOSYS,clone:newuser=ENOSPC";
    let (_, report) = doctor(&World::new(), Some(calls));
    let lost = is(&report, "user namespace", "lost");
    assert!(lost.contains("sysctl user.max_user_namespaces"), "{lost}");
}

#[test]
fn each_refusal_is_one_loss_and_no_more() {
    for (calls, what) in [
        ("landlock_create_ruleset=ENOSYS", "landlock"),
        ("inotify_init1=EMFILE", "inotify"),
        ("fsopen=EPERM", "mounts"),
    ] {
        let (code, report) = doctor(&World::new(), Some(calls));
        assert_eq!(code, Some(1), "{calls}: {report:#}");
        is(&report, what, "lost");
        is(&report, "user namespace", "ok");
        is(&report, "seccomp", "ok");
    }
}

#[test]
fn broken_rules_and_a_home_that_is_none_are_losses() {
    let world = World::new().project_config("deny_raed: [x]\n");
    let (code, report) = doctor(&world, None);
    assert_eq!(code, Some(1));
    assert!(is(&report, "rules", "lost").contains("deny_raed"));
    is(&report, "sandbox", "note");
    let nowhere = World::new().env("HOME", "nowhere");
    is(&doctor(&nowhere, None).1, "home", "lost");
}

#[test]
fn in_the_home_it_says_that_this_is_no_project() {
    let world = World::new().at("home");
    let (_, report) = doctor(&world, None);
    is(&report, "rules", "note");
    is(&report, "sandbox", "note");
}

#[test]
fn a_damaged_shim_is_a_loss() {
    let world = World::new();
    let program = world.root().join("bin");
    world.host_ok(&format!(
        "mkdir {0} && printf '#!/bin/sh\\n' > {0}/claude && chmod +x {0}/claude",
        quoted(&program)
    ));
    let path = format!("{}:/usr/bin:/bin", program.display());
    let world = world.env("PATH", path);
    let run = |words: &[&str]| -> Outcome {
        let mut command = world.aigate();
        command.args(words);
        process::run(command)
    };
    let installed = run(&["shim", "install", "--no-shell", "--pre", "claude"]);
    assert!(installed.ok(), "{installed}");
    let (_, report) = doctor(&world, None);
    is(&report, "shims", "ok");
    assert!(is(&report, "PATH", "lost").contains("export PATH="));
    world.host_ok("ln -sfn /bin/true ~/.aigate/shims/claude");
    let (code, report) = doctor(&world, None);
    assert_eq!(code, Some(1));
    assert!(is(&report, "shims", "lost").contains("aigate shim repair"));
}

#[test]
fn inside_a_sandbox_it_says_nothing_about_the_machine() {
    let world = World::new();
    let binary = quoted(place::binary());
    let outcome = world.sandboxed(&format!("{binary} doctor"));
    assert_eq!(outcome.code(), Some(125), "{outcome}");
    assert!(outcome.err.contains("inside"), "{outcome}");
}
