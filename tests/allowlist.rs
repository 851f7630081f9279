//! `exec: allowlist`: what runs, what does not, and what is said about it. The attacks are in
//! `tests/escape`.

#[path = "support/mod.rs"]
mod support;

use std::fs;

use support::{Outcome, World, process, python, tool};

/// What the scripts of these tests consist of.
const BASE: &str = "sh, cat, chmod, cp, env, ls, mkdir, mv, readlink, rm";

fn listing(programs: &str) -> World {
    World::new().config(&format!(
        "exec: allowlist\nallow_exec: [{BASE}, {programs}]\n"
    ))
}

/// `aigate exec -- WORDS`, as typed.
fn exec(world: &World, words: &[&str]) -> Outcome {
    let mut command = world.exec(words[0]);
    command.args(&words[1..]);
    process::run(command)
}

fn explained(world: &World, program: &str) -> String {
    let mut command = world.aigate();
    command.args(["explain", "exec", program]);
    process::run(command).out
}

#[test]
fn an_unlisted_command_is_refused_before_it_starts() {
    let world = listing("uniq");
    let outcome = exec(&world, &["touch", "made"]);
    assert_eq!(outcome.code(), Some(126), "{outcome}");
    assert!(!world.project().join("made").exists());
    for part in [
        "touch: not on the allowlist",
        "config.yaml:1",
        "`aigate allow exec touch`",
        "nothing was run",
    ] {
        assert!(outcome.err.contains(part), "{part}\n{outcome}");
    }
    let dry = process::run({
        let mut command = world.aigate();
        command.args(["exec", "--dry-run", "--", "touch"]);
        command
    });
    assert_eq!(dry.code(), Some(126), "{dry}");
}

#[test]
fn the_command_that_is_named_allows_it() {
    let world = listing("uniq");
    assert!(explained(&world, "touch").contains("to allow it: aigate allow exec touch"));
    let mut allow = world.aigate();
    allow.args(["allow", "exec", "touch"]);
    let allowed = process::run(allow);
    assert!(
        allowed.ok() && allowed.out.starts_with("allowed exec: touch"),
        "{allowed}"
    );
    let outcome = exec(&world, &["touch", "made"]);
    assert!(outcome.ok(), "{outcome}");
    assert!(world.project().join("made").exists());
    assert!(explained(&world, "touch").starts_with("allowed"));
}

#[test]
fn status_names_the_list() {
    let world = listing("uniq");
    let mut command = world.aigate();
    command.arg("status");
    let outcome = process::run(command);
    assert!(outcome.out.contains("\nexec: allowlist\n"), "{outcome}");
    assert!(outcome.out.contains("  - uniq\n"), "{outcome}");
}

#[test]
fn listed_programs_do_their_work() {
    let world = listing("git, python3, sort, head").repository();
    world.permits("echo b > f; git add f && git commit -q -m more && git status --porcelain");
    world.permits("printf 'b\\na\\n' | sort | head -n 1");
    world.permits("mkdir -p a b; cp f a/x; mv a/x b/y; cat b/y");
    // Modules that are libraries of their own, and threads and processes.
    let code = "import ctypes, ssl, json, socket, multiprocessing, subprocess; \
                subprocess.run(['ls'], check=True); ctypes.CDLL(None).getpid()";
    if python_has_ssl(&world) {
        world.permits(&python(code));
    }
}

fn python_has_ssl(world: &World) -> bool {
    world
        .control(&python("import ssl, ctypes, multiprocessing"))
        .ok()
}

#[test]
fn a_script_runs_where_its_interpreter_is_listed_too() {
    let script = "#!/usr/bin/env python3\nprint('ran')\n";
    let world = World::new()
        .script("script", script)
        .config("exec: allowlist\nallow_exec: [./script, env]\n");
    let refused = exec(&world, &["./script"]);
    assert_eq!(refused.code(), Some(126), "{refused}");
    assert!(refused.err.contains("is started by it"), "{refused}");
    let world = world.config("exec: allowlist\nallow_exec: [./script, env, python3]\n");
    let outcome = exec(&world, &["./script"]);
    assert_eq!(outcome.out, "ran\n", "{outcome}");
}

#[test]
fn a_directory_lists_what_is_in_it() {
    let world = World::new()
        .dir("built")
        .config("exec: allowlist\nallow_exec: [/usr/bin/, /bin/, ./built/]\n");
    let outcome = world.permits(
        "cp \"$(command -v printenv)\" built/own; cp built/own own; built/own HOME; ./own HOME || echo refused",
    );
    assert!(outcome.out.ends_with("refused\n"), "{outcome}");
    assert_eq!(outcome.out.lines().count(), 2, "{outcome}");
    // What is forgotten is no place that the user filled.
    let world = World::new()
        .home_file(".cache/bin/there", "")
        .config("exec: allowlist\nallow_exec: [/usr/bin/, /bin/, ~/.cache/bin/]\n");
    world.denies("cp \"$(command -v printenv)\" ~/.cache/bin/own && ~/.cache/bin/own HOME");
}

#[test]
fn what_can_be_written_in_a_listed_directory_runs_nothing() {
    let world = World::new().home_file("tools/state/there", "").config(
        "exec: allowlist\nallow_exec: [/usr/bin/, /bin/, ~/tools/]\nallow_write: [~/tools/state]\n",
    );
    world.host_ok("cp \"$(command -v printenv)\" ~/tools/own");
    world.permits("~/tools/own HOME; cp ~/tools/own ~/tools/state/own");
    world.denies("~/tools/state/own HOME");
}

#[test]
fn denials_hold_among_what_is_listed() {
    let world = World::new()
        .config("exec: allowlist\nallow_exec: [/usr/bin/, /bin/]\ndeny_exec: [printenv]\n");
    world.denies("printenv HOME");
    world.permits("env >/dev/null");
}

#[test]
fn a_use_of_a_program_lists_nothing() {
    let world = listing("\"printenv HOME\"");
    world.denies("printenv HOME");
    assert!(explained(&world, "printenv").starts_with("denied"));
}

/// It may shut, and neither list nor open before it is trusted.
#[test]
fn a_file_of_the_project_may_only_shut() {
    let world = World::new().project_config("exec: allowlist\nallow_exec: [sh, touch]\n");
    let refused = exec(&world, &["touch", "made"]);
    assert_eq!(refused.code(), Some(126), "{refused}");
    assert!(refused.err.contains(".aigate.yaml:1"), "{refused}");
    let world = listing("uniq").project_config("exec: denylist\nallow_exec: [touch]\n");
    assert_eq!(exec(&world, &["touch", "made"]).code(), Some(126));
    let mut status = world.aigate();
    status.arg("status");
    let outcome = process::run(status);
    assert!(outcome.out.contains("2 lines do not count"), "{outcome}");
    let mut trust = world.aigate();
    trust.arg("trust");
    assert!(process::run(trust).ok());
    assert!(exec(&world, &["touch", "made"]).ok());
}

#[test]
fn other_engines_refuse() {
    let losses = "accept_losses: [names, later, protected, metadata, processes]";
    for engine in ["bwrap", "landlock"] {
        let world = World::new().config(&format!(
            "exec: allowlist\nallow_exec: [sh, touch]\nengine: {engine}\n{losses}\n"
        ));
        let outcome = exec(&world, &["touch", "made"]);
        assert_eq!(outcome.code(), Some(125), "{outcome}");
        assert!(
            outcome.err.contains(&format!("engine: {engine}: ")),
            "{outcome}"
        );
        assert!(outcome.err.contains("`engine: native`"), "{outcome}");
        assert!(!world.project().join("made").exists());
    }
}

/// A tool starts although no line lists it, with the interpreter that it needs, and nothing more.
#[test]
fn a_tool_of_the_catalogue_is_listed_by_being_started() {
    if !tool("python3") {
        return;
    }
    let script = "#!/usr/bin/env python3\nimport subprocess\nprint('started')\n\
                  subprocess.run(['sh', '-c', 'echo shell'])\n\
                  subprocess.run(['touch', 'made'])\n";
    let world = listing("uniq").home_file(".local/bin/claude", script);
    let file = world.home().join(".local/bin/claude");
    world.host_ok("chmod 755 ~/.local/bin/claude");
    let path = format!(
        "{}:/usr/local/bin:/usr/bin:/bin",
        file.parent().unwrap().display()
    );
    let world = world.env("PATH", path);
    let outcome = exec(&world, &["claude"]);
    assert!(outcome.out.contains("started"), "{outcome}");
    assert!(outcome.out.contains("shell"), "{outcome}");
    assert!(outcome.err.contains("PermissionError"), "{outcome}");
    assert!(!world.project().join("made").exists());
}

#[test]
fn a_directory_that_names_none_is_an_error() {
    for item in ["build/", "/", "\"/usr/*/\""] {
        let world = World::new().config(&format!("exec: allowlist\nallow_exec: [{item}]\n"));
        let outcome = exec(&world, &["true"]);
        assert_eq!(outcome.code(), Some(125), "{item}\n{outcome}");
        assert!(outcome.err.contains("config.yaml:2"), "{item}\n{outcome}");
    }
    let world = World::new().config("deny_exec: [/usr/games/]\n");
    let outcome = exec(&world, &["true"]);
    assert!(outcome.err.contains("can only be allowed"), "{outcome}");
}

/// A program that the host replaces is another file: it is not what was listed.
#[test]
fn a_listed_program_that_the_host_replaces_runs_at_the_next_start() {
    let world = World::new();
    world.host_ok("mkdir -p ~/opt && cp \"$(command -v printenv)\" ~/opt/own");
    let world = world.config(&format!(
        "exec: allowlist\nallow_exec: [{BASE}, ~/opt/own]\n"
    ));
    world.permits("~/opt/own HOME");
    world.host_ok("cp ~/opt/own ~/opt/new && mv ~/opt/new ~/opt/own");
    world.permits("~/opt/own HOME");
    assert!(fs::metadata(world.home().join("opt/own")).is_ok());
}

/// In a copy-on-write place a listed file runs, and what the sandbox makes of it does not.
#[test]
fn a_listed_file_in_a_copy_on_write_place_stays_what_it_was() {
    let world = World::new();
    world.host_ok("mkdir -p ~/.cargo/bin && cp \"$(command -v printenv)\" ~/.cargo/bin/own");
    let path = format!(
        "{}/.cargo/bin:/usr/local/bin:/usr/bin:/bin",
        world.home().display()
    );
    let world = world
        .config(&format!("exec: allowlist\nallow_exec: [{BASE}, own]\n"))
        .env("PATH", path);
    world.permits("own HOME");
    world.denies("cp ~/.cargo/bin/own ~/.cargo/bin/other && ~/.cargo/bin/other HOME");
    world.denies("cat ~/.cargo/bin/own > own; cat own > ~/.cargo/bin/own");
    world.denies("mv ~/.cargo/bin ~/.cargo/old && mkdir ~/.cargo/bin && cp ~/.cargo/old/own ~/.cargo/bin/own && ~/.cargo/bin/own HOME");
}

/// A tool of npm is a script that starts a program in a package beside its own.
#[test]
fn a_tool_of_a_package_manager_brings_its_packages() {
    let world = listing("uniq")
        .home_file(
            "lib/node_modules/@vendor/claude/cli",
            "#!/bin/sh\n~/lib/node_modules/@vendor/claude-linux/native HOME\n\
             ~/lib/node_modules/other/native HOME\n",
        )
        .home_file("lib/node_modules/@vendor/claude-linux/there", "")
        .home_file("lib/node_modules/other/there", "");
    world.host_ok(
        "cd ~/lib/node_modules && chmod 755 @vendor/claude/cli && mkdir ~/bin \
         && ln -s ../lib/node_modules/@vendor/claude/cli ~/bin/claude \
         && cp \"$(command -v printenv)\" other/native && cp other/native @vendor/claude-linux/native",
    );
    let path = format!(
        "{}/bin:/usr/local/bin:/usr/bin:/bin",
        world.home().display()
    );
    let world = world.env("PATH", path);
    let outcome = exec(&world, &["claude"]);
    assert_eq!(
        outcome.out.trim(),
        world.home().to_str().unwrap(),
        "{outcome}"
    );
    assert!(outcome.err.contains("denied"), "{outcome}");
}
