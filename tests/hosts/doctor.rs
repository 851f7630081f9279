//! `aigate doctor` on this host, and on hosts that refuse.

use std::process::Command;

use serde_json::Value;

use super::NO_NAMESPACES;
use super::sockets_go;
use super::support::{Outcome, World, place, process, python, quoted};

fn doctor(world: &World, refusals: Option<&str>) -> (Option<i32>, Value) {
    let mut command = match refusals {
        None => world.aigate(),
        Some(calls) => refused(world, calls),
    };
    command.args(["doctor", "--json"]);
    told(command)
}

fn told(command: Command) -> (Option<i32>, Value) {
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

/// The doctor below these words of a caller's shell.
fn doctor_below(world: &World, words: &str) -> (Option<i32>, Value) {
    let mut command = world.command("/bin/sh");
    let script = format!("exec {words} \"$@\" doctor --json");
    command.args(["-c", &script, "sh"]).arg(place::binary());
    told(command)
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
    // The kernel lets root's programs make no user namespace in one that has a single user.
    match nix::unistd::geteuid().is_root() {
        true => is(&report, "nested", "note"),
        false => is(&report, "nested", "ok"),
    };
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
    says(&closed, "native", "lost", &["cannot run", "user namespace"]);
    says(&closed, "bwrap", "note", &["cannot run: bwrap: "]);
    says(&closed, "landlock", "note", &["can run after", line]);

    let (_, bare) = doctor(&world, Some("landlock_create_ruleset=ENOSYS"));
    says(&bare, "native", "lost", &["cannot run", "landlock"]);
    for engine in ["bwrap", "landlock"] {
        says(&bare, engine, "note", &["cannot run", "landlock"]);
    }
    let (_, missing) = doctor(&World::new().env("PATH", "/nowhere"), None);
    says(&missing, "bwrap", "note", &["not installed"]);
}

/// Another engine that cannot run is nobody's loss.
#[test]
fn the_engine_that_the_rules_name_is_a_loss_where_it_cannot_run() {
    let names = |engine: &str| World::new().config(&format!("engine: {engine}\n"));
    let lost = |world: &World, refusals, engine: &str, cure: &str| {
        let (code, report) = doctor(world, refusals);
        assert_eq!(code, Some(1), "{report:#}");
        let what = format!("engine: {engine}");
        is(&report, &what, "lost");
        for what in [&*what, "sandbox"] {
            let said = finding(&report, what)["cure"].as_str().expect("a cure");
            assert!(said.contains(cure), "{what}: {cure}: {report:#}");
        }
        report
    };
    let spent = Some("clone3=ENOSYS,clone:newuser=ENOSPC");
    let cure = "sysctl user.max_user_namespaces";
    lost(&names("native"), spent, "native", cure);
    let report = lost(&names("bwrap"), spent, "bwrap", cure);
    is(&report, "engine: native", "note");
    let report = lost(
        &names("landlock"),
        None,
        "landlock",
        "accept_losses: [names",
    );
    is(&report, "engine: native", "ok");
    lost(&names("seatbelt"), None, "seatbelt", "engine: auto");
    let bare = names("bwrap").env("PATH", "/nowhere");
    lost(&bare, None, "bwrap", "apt-get install bubblewrap");
}

#[test]
fn a_supervisor_that_listens_already_is_a_loss_of_native() {
    let script = quoted(place::package().join("tests/hosts/listen.py"));
    let (code, report) = doctor_below(&World::new(), &format!("python3 {script}"));
    assert_eq!(code, Some(1), "{report:#}");
    for what in ["seccomp notify", "engine: native", "sandbox"] {
        let said = is(&report, what, "lost");
        assert!(
            said.contains("busy") && said.contains("another supervisor"),
            "{said}"
        );
    }
    // The kernel itself has what is needed, and engines that ask nobody can run.
    is(&report, "seccomp", "ok");
    is(&report, "engine: bwrap", "ok");
}

#[test]
fn a_proc_that_cannot_be_written_and_a_chroot_are_told_by_name() {
    let words = "bwrap --bind / / --dev-bind /dev /dev --ro-bind /proc /proc";
    let (code, report) = doctor_below(&World::new(), words);
    assert_eq!(code, Some(1), "{report:#}");
    let lost = is(&report, "user namespace", "lost");
    assert!(lost.contains("mount -o remount,rw /proc"), "{lost}");

    // A directory with a system in it, as people make them: it is no mount.
    let world = World::new();
    let enter = world.elsewhere().join("enter");
    let (root, project) = (world.elsewhere().join("root"), world.project());
    let script = format!(
        "mkdir {root}\nfor name in /*; do\n  if test -L $name; then cp -P $name {root}\n  \
         elif test -d $name; then mkdir {root}$name && mount --rbind $name {root}$name; fi\ndone\n\
         exec chroot {root} /bin/sh -c 'cd {project} && exec \"$@\"' sh \"$@\"\n",
        root = quoted(root),
        project = quoted(project),
    );
    std::fs::write(&enter, script).expect("a file");
    let words = format!("unshare -rm sh {}", quoted(enter));
    let (code, report) = doctor_below(&world, &words);
    assert_eq!(code, Some(1), "{report:#}");
    let lost = is(&report, "user namespace", "lost");
    assert!(lost.contains("leave the chroot"), "{lost}");
}

/// A system without control groups and without a manager of services.
#[test]
fn ceilings_that_are_asked_for_and_cannot_be_had_are_a_loss() {
    let words = "bwrap --bind / / --dev-bind /dev /dev --tmpfs /sys/fs/cgroup --tmpfs /run";
    let limits = "resource_limits:\n  max_memory: 1G\n  max_cpu_percent: 50\n";
    let (code, report) = doctor_below(&World::new().config(limits), words);
    assert_eq!(code, Some(1), "{report:#}");
    let lost = is(&report, "cgroups", "lost");
    assert!(
        lost.contains("max_memory") && lost.contains("max_cpu_percent"),
        "{lost}"
    );
    assert!(lost.contains("loginctl enable-linger"), "{lost}");
    let (code, report) = doctor_below(&World::new(), words);
    assert_eq!(code, Some(0), "nobody asked: {report:#}");
    is(&report, "cgroups", "note");
}

#[test]
fn a_home_that_cannot_be_written_is_a_loss() {
    let world = World::new();
    let home = quoted(world.home());
    let words = format!("bwrap --bind / / --dev-bind /dev /dev --ro-bind {home} {home}");
    let (code, report) = doctor_below(&world, &words);
    assert_eq!(code, Some(1), "{report:#}");
    let lost = is(&report, "home", "lost");
    assert!(
        lost.contains("Read-only") && lost.contains("export HOME="),
        "{lost}"
    );
}

/// A directory that Windows leaves, and a socket in place of its own.
#[test]
fn programs_of_windows_are_told_by_whether_their_socket_answers() {
    let words = "bwrap --bind / / --dev-bind /dev /dev --tmpfs /run --dir /run/WSL";
    let tell = |config: &str, listens: bool| {
        let mut world = World::new();
        let socket = world.elsewhere().join("interop");
        world = world
            .env("WSL_INTEROP", &socket)
            .config(&config.replace("SOCKET", socket.to_str().unwrap()));
        let _listener = listens.then(|| {
            let listener = world.host(&python(&format!(
                "import socket,time; a=socket.socket(socket.AF_UNIX); a.bind('{}'); a.listen(9); \
                 print('up', flush=True); time.sleep(600)",
                socket.display()
            )));
            assert_eq!(listener.line().trim(), "up");
            listener
        });
        doctor_below(&world, words)
    };
    let _gate = sockets_go();
    let (code, report) = tell("", false);
    assert_eq!(code, Some(0), "{report:#}");
    assert!(is(&report, "windows", "note").contains("does not answer"));
    let (code, report) = tell("", true);
    assert_eq!(code, Some(0), "inside nobody answers: {report:#}");
    assert!(!is(&report, "windows", "note").contains("does not answer"));
    let (code, report) = tell("unix_sockets: [SOCKET]\n", true);
    assert_eq!(code, Some(1), "{report:#}");
    assert!(
        report.to_string().contains("can be started from inside"),
        "{report:#}"
    );
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

/// The rules gave it up, so there is nothing to mend.
#[test]
fn sandboxes_inside_are_no_loss_where_the_rules_leave_none() {
    let listed = "exec: allowlist\nallow_exec: [/bin/ls]\n";
    let (code, report) = doctor(&World::new().config(listed), None);
    assert_eq!(code, Some(0), "{report:#}");
    assert!(is(&report, "nested", "note").contains("exec: allowlist"));
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
        ("seccomp=EINVAL", "seccomp"),
    ] {
        let (code, report) = doctor(&World::new(), Some(calls));
        assert_eq!(code, Some(1), "{calls}: {report:#}");
        is(&report, what, "lost");
        is(&report, "user namespace", "ok");
        if what != "seccomp" {
            is(&report, "seccomp", "ok");
        }
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

/// What the user wrote himself is not ours to repair: the edit is told, with its place.
#[test]
fn a_shell_that_starts_something_else_is_a_loss_with_the_line() {
    for (line, why, cure) in [
        (
            "alias claude=/bin/true",
            "has an alias claude",
            "take the alias claude out of",
        ),
        (
            "unset PROMPT_COMMAND; PATH=$HOME/own:$PATH",
            "/own/claude for claude",
            "write: export PATH=",
        ),
    ] {
        let world = World::new().home_file(".bashrc", "# mine\n");
        world.host_ok("mkdir ~/own && cp /bin/true ~/own/claude");
        let path = format!("{}:/usr/bin:/bin", world.home().join("own").display());
        let world = world.env("PATH", path).env("SHELL", "/bin/bash");
        let mut install = world.aigate();
        install.args(["shim", "install", "--pre", "claude"]);
        let installed = process::run(install);
        assert!(installed.ok(), "{installed}");
        is(&doctor(&world, None).1, "shells", "ok");
        world.host_ok(&format!("echo {} >> ~/.bashrc", shell_words::quote(line)));
        let (code, report) = doctor(&world, None);
        assert_eq!(code, Some(1), "{report:#}");
        let lost = is(&report, "shells", "lost");
        let bashrc = world.home().join(".bashrc");
        let lines = std::fs::read_to_string(&bashrc)
            .expect("a file")
            .lines()
            .count();
        let at = format!("{}:{lines}", bashrc.display());
        for word in [why, cure, &at] {
            assert!(lost.contains(word), "{word}: {lost}");
        }
        // The edit that it names mends it.
        if cure.starts_with("write") {
            let said = finding(&report, "shells")["cure"].as_str().expect("a cure");
            let (_, edit) = said.split_once("write: ").expect("a line");
            let edit = edit.lines().next().expect("a line");
            world.host_ok(&format!("echo {} >> ~/.bashrc", shell_words::quote(edit)));
        } else {
            world.host_ok("sed -i '$d' ~/.bashrc");
        }
        is(&doctor(&world, None).1, "shells", "ok");
    }
}

#[test]
fn inside_a_sandbox_it_says_nothing_about_the_machine() {
    let world = World::new();
    let binary = quoted(place::binary());
    let outcome = world.sandboxed(&format!("{binary} doctor"));
    assert_eq!(outcome.code(), Some(125), "{outcome}");
    assert!(outcome.err.contains("inside"), "{outcome}");
}
