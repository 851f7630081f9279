//! What is broken is found, named with its line, and repaired; what is whole is not complained of.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::machine::{Machine, TELLS};
use crate::support::process::Outcome;
use crate::support::skip;

fn with_shell(shell: &str, files: &[(&str, &str)]) -> Machine {
    let mut machine = Machine::bare();
    machine.world = machine.world.env("SHELL", format!("/usr/bin/{shell}"));
    machine.tool("claude", TELLS);
    for (file, text) in files {
        let path = machine.home(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let done = machine.shim(&["install", "claude"]);
    assert!(done.ok(), "{done}");
    machine
}

fn append(machine: &Machine, file: &str, text: &str) {
    let path = machine.home(file);
    let old = fs::read_to_string(&path).unwrap_or_default();
    fs::write(path, format!("{old}{text}\n")).unwrap();
}

fn is_there(shell: &str) -> bool {
    Path::new("/usr/bin").join(shell).exists()
}

/// The lines about one shell.
fn about<'o>(outcome: &'o Outcome, shell: &str) -> Vec<&'o str> {
    outcome
        .out
        .lines()
        .filter(|line| line.starts_with(&format!("{shell} ")))
        .collect()
}

#[test]
fn a_fresh_installation_is_found_whole_in_every_shell() {
    for shell in ["bash", "zsh", "fish", "sh"] {
        if !is_there(shell) {
            skip!("{shell} is not installed");
        }
        let machine = with_shell(shell, &[]);
        let verified = machine.shim(&["verify"]);
        assert!(verified.ok(), "{shell}: {verified}");
        let lines = about(&verified, shell);
        assert!(
            !lines.is_empty() && lines.iter().all(|line| line.ends_with("guarded")),
            "{verified}"
        );
        assert!(machine.shim(&["status"]).ok());
    }
}

#[test]
fn every_kind_of_damage_is_found_and_repaired() {
    let damage = [
        "rm ~/.aigate/bin/aigate",
        "chmod -x ~/.aigate/bin/aigate",
        ": > ~/.aigate/bin/aigate",
        "cp /bin/true ~/.aigate/bin/aigate",
        "rm -r ~/.aigate/bin",
        "ln -sfn /bin/true ~/.aigate/shims/claude",
        "ln -sfn nowhere ~/.aigate/shims/claude",
        "rm ~/.aigate/env.sh",
        "echo exit >> ~/.aigate/env.sh",
        "sed -i /aigate/d ~/.profile",
        "rm ~/.aigate/manifest; rm ~/.aigate/bin/aigate",
        "echo '{' > ~/.aigate/manifest; chmod -x ~/.aigate/bin/aigate",
    ];
    for damage in damage {
        let machine = with_shell("sh", &[]);
        machine.world.host_ok(damage);
        for command in ["status", "verify"] {
            let found = machine.shim(&[command]);
            assert_eq!(found.code(), Some(1), "{command} after {damage}: {found}");
        }
        let repaired = machine.shim(&["repair"]);
        assert!(repaired.ok(), "{damage}: {repaired}");
        for command in ["status", "verify"] {
            let found = machine.shim(&[command]);
            assert!(found.ok(), "{command} after repair of {damage}: {found}");
        }
        assert!(machine.shim(&["repair"]).said("Nothing to repair"));
    }
}

#[test]
fn repair_does_not_touch_what_somebody_else_made() {
    let machine = with_shell("sh", &[]);
    fs::remove_file(machine.home(".aigate/shims/claude")).unwrap();
    fs::write(
        machine.home(".aigate/shims/claude"),
        "#!/bin/sh\necho mine\n",
    )
    .unwrap();
    let repaired = machine.shim(&["repair"]);
    assert!(repaired.said("somebody else's file"), "{repaired}");
    assert_eq!(
        fs::read_to_string(machine.home(".aigate/shims/claude")).unwrap(),
        "#!/bin/sh\necho mine\n"
    );
    assert_eq!(machine.shim(&["verify"]).code(), Some(1));
}

#[test]
fn a_program_that_is_not_ours_is_never_started_to_find_out() {
    let machine = with_shell("bash", &[(".bashrc", "")]);
    machine.tool("claude", "#!/bin/sh\ntouch ~/started\n");
    append(
        &machine,
        ".bashrc",
        "unset PROMPT_COMMAND; PATH=$HOME/bin:$PATH",
    );
    assert_eq!(machine.shim(&["verify"]).code(), Some(1));
    assert!(!machine.home("started").exists());
}

#[test]
fn who_comes_first_is_named_with_file_and_line() {
    for (shell, file, mode) in [("bash", ".bashrc", "-ic"), ("zsh", ".zshrc", "-ic")] {
        if !is_there(shell) {
            skip!("{shell} is not installed");
        }
        let machine = with_shell(shell, &[(file, "# one\n# two\n")]);
        // One plainly, one by a script that the file reads, as version managers do.
        for (line, place) in [
            ("export PATH=\"$HOME/bin:$PATH\"", file),
            ("D=$HOME; . ~/manager.sh", "manager.sh"),
        ] {
            fs::write(machine.home("manager.sh"), "\n\nPATH=$D/bin:$PATH\n").unwrap();
            let before = fs::read_to_string(machine.home(file)).unwrap();
            append(&machine, file, line);
            let verified = machine.shim(&["verify"]);
            assert!(verified.ok(), "the prompt puts it right: {verified}");
            append(&machine, file, "unset PROMPT_COMMAND precmd_functions");
            let verified = machine.shim(&["verify"]);
            assert_eq!(verified.code(), Some(1), "{verified}");
            let number = if place == file {
                before.lines().count() + 1
            } else {
                3
            };
            let place = format!("{}:{number}", machine.home(place).display());
            let wanted = format!("comes first, by {place}");
            let found = about(&verified, shell);
            assert!(
                found
                    .iter()
                    .any(|l| l.contains(mode) && l.contains(&wanted)),
                "{wanted}\n{verified}"
            );
            fs::write(machine.home(file), before).unwrap();
        }
    }
}

#[test]
fn aliases_and_functions_are_told_apart() {
    let cases = [
        ("alias claude=~/bin/claude", Some("an alias")),
        ("alias claude='claude --model x'", None),
        ("alias claude='X=1 claude'", None),
        ("alias claude='npx claude'", Some("an alias")),
        ("claude() { ~/bin/claude \"$@\"; }", Some("a function")),
    ];
    for (shell, file) in [("bash", ".bashrc"), ("zsh", ".zshrc")] {
        if !is_there(shell) {
            skip!("{shell} is not installed");
        }
        for (line, bad) in cases {
            let machine = with_shell(shell, &[(file, "# mine\n")]);
            append(&machine, file, line);
            let verified = machine.shim(&["verify"]);
            let place = format!("{}:5", machine.home(file).display());
            match bad {
                None => assert!(verified.ok(), "{shell} {line}: {verified}"),
                Some(what) => {
                    assert_eq!(verified.code(), Some(1), "{shell} {line}: {verified}");
                    let wanted = format!("NOT guarded: {what}, by {place}");
                    assert!(verified.said(&wanted), "{wanted}\n{verified}");
                }
            }
        }
    }
}

#[test]
fn fish_functions_are_found() {
    if !is_there("fish") {
        skip!("fish is not installed");
    }
    let machine = with_shell("fish", &[(".config/fish/config.fish", "\n")]);
    append(
        &machine,
        ".config/fish/config.fish",
        "function claude; ~/bin/claude $argv; end",
    );
    let verified = machine.shim(&["verify"]);
    assert_eq!(verified.code(), Some(1), "{verified}");
    let place = format!("{}:2", machine.home(".config/fish/config.fish").display());
    assert!(
        verified.said(&format!("NOT guarded: a function, by {place}")),
        "{verified}"
    );
}

#[test]
fn a_shell_that_hangs_is_reported_and_left() {
    let machine = with_shell("bash", &[(".bashrc", "")]);
    append(&machine, ".bashrc", "sleep 1000");
    let verified = machine.shim(&["verify"]);
    assert_eq!(verified.code(), Some(1), "{verified}");
    assert!(verified.said("did not answer"), "{verified}");
}

#[test]
fn noise_of_startup_files_confuses_nobody() {
    let machine = with_shell(
        "bash",
        &[(
            ".bashrc",
            "echo /usr/bin/claude; printf 'x\\0y'; echo hello >&2\n",
        )],
    );
    let verified = machine.shim(&["verify"]);
    assert!(verified.ok(), "{verified}");
}

#[test]
fn which_shows_the_program_behind_the_shim() {
    let machine = with_shell("sh", &[]);
    fs::create_dir(machine.home("versions")).unwrap();
    fs::rename(machine.home("bin/claude"), machine.home("versions/2.1")).unwrap();
    symlink("../versions/2.1", machine.home("bin/claude")).unwrap();
    let shown = machine.shim(&["which", "claude"]);
    let expected = format!(
        "{} -> {}\n",
        machine.home("bin/claude").display(),
        machine.home("versions/2.1").display()
    );
    assert_eq!(shown.out, expected);
    fs::remove_file(machine.home("bin/claude")).unwrap();
    assert_eq!(machine.shim(&["which", "claude"]).code(), Some(125));
}

#[test]
fn list_and_status_speak_json() {
    let machine = with_shell("sh", &[]);
    for command in ["list", "status"] {
        let told = machine.shim(&[command, "--json"]);
        let value: serde_json::Value = serde_json::from_str(&told.out).unwrap();
        let tools = value["tools"].as_array().unwrap();
        let claude = tools
            .iter()
            .find(|tool| tool["command"] == "claude")
            .unwrap();
        assert_eq!(claude["shim"], "guarded");
        assert_eq!(
            claude["program"],
            machine.home("bin/claude").to_str().unwrap()
        );
        assert_eq!(value["problems"], serde_json::json!([]));
    }
    fs::set_permissions(
        machine.home(".aigate/bin/aigate"),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    let told = machine.shim(&["status", "--json"]);
    assert_eq!(told.code(), Some(1));
    assert!(told.out.contains("not executable"), "{told}");
}

#[test]
fn a_question_in_the_environment_is_no_question() {
    let machine = with_shell("sh", &[]);
    let mut command = machine.claude();
    command.env("AIGATE_PROBE", "1").env("aigate-probe:1", "1");
    assert_eq!(crate::support::process::run(command).out, "sandboxed\n");
}
