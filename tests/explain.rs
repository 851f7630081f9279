//! What `explain` says is what the sandbox does: each question is asked, then tried.
#![expect(clippy::expect_used, reason = "a test reports by panicking")]

#[path = "support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;
use support::World;

const SEEN: &str = "content-of-the-host";

/// What `explain` says about each subject; true is "allowed".
fn explained(world: &World, kind: &str, subject: &[&str]) -> bool {
    let mut command = world.aigate();
    let output = command
        .args(["explain", "--json", kind])
        .args(subject)
        .output()
        .expect("aigate");
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    match answer["decision"].as_str() {
        Some("allow") => true,
        Some("deny") => false,
        _ => panic!("{subject:?}: {answer}"),
    }
}

/// Runs `act` for each subject inside, where `$1` is the subject; which succeeded.
fn tried(world: &World, act: &str, subjects: &[&str]) -> Vec<bool> {
    let mut script = format!("act() {{ {act}\n}}\n");
    for subject in subjects {
        // Writing to a string does not fail.
        _ = writeln!(
            script,
            "if (act '{subject}') >/dev/null 2>&1; then echo yes; else echo no; fi"
        );
    }
    let outcome = world.sandboxed(&script);
    assert!(outcome.reached, "{outcome}");
    let answers: Vec<bool> = outcome.out.lines().map(|line| line == "yes").collect();
    assert_eq!(answers.len(), subjects.len(), "{outcome}");
    answers
}

fn agree(world: &World, kind: &str, act: &str, subjects: &[&str]) {
    let mut disagreements = String::new();
    let (mut allowed, mut denied) = (0, 0);
    for (subject, done) in subjects.iter().zip(tried(world, act, subjects)) {
        let said = explained(world, kind, &[subject]);
        *if said { &mut allowed } else { &mut denied } += 1;
        if said != done {
            _ = writeln!(
                disagreements,
                "{kind} {subject}: explain says {said}, the sandbox {done}"
            );
        }
    }
    assert!(disagreements.is_empty(), "{disagreements}");
    assert!(
        allowed > 0 && denied > 0,
        "only one answer was tried: {allowed} allowed, {denied} denied"
    );
}

/// Files of the project, each with the same text in it.
const IN_PROJECT: &[&str] = &[
    ".env",
    "sub/deep/.env",
    ".env.local",
    ".env.example",
    "server.pem",
    "cacert.pem",
    "notes.txt",
    "mine.secret",
    "dir/open.secret",
    "fixtures/test.key",
    "node_modules/p/test.pem",
    "secrets/x",
    "src/secrets/x",
    "README.md",
    ".git/info/exclude",
    ".git/config",
    ".git/hooks/pre-commit",
    "sub/.git/hooks/post-merge",
    ".vscode/tasks.json",
    ".envrc",
    "node_modules/p/.vscode/x",
    "closed/keep.txt",
    "closed/open.txt",
    ".aigate.yaml",
];

/// Files of the home.
const IN_HOME: &[&str] = &[
    ".ssh/id_ed25519",
    ".ssh/known_hosts",
    ".aws/credentials",
    ".bashrc",
    ".config/tool/a",
    ".cache/own/x",
    ".gitconfig",
    ".netrc",
];

fn world() -> World {
    let mut world = World::new();
    for &name in IN_PROJECT {
        let text = if name == ".aigate.yaml" {
            format!("# {SEEN}\ndeny_read: [README.md]\n")
        } else {
            SEEN.to_owned()
        };
        world = world.file(name, &text);
    }
    for name in IN_HOME {
        world = world.home_file(name, SEEN);
    }
    world
        .link("leads-to-env", ".env")
        .link("leads-to-notes", "notes.txt")
        .config(
            "deny_read: [\"@defaults\", \"*.secret\", \"!dir/open.secret\", closed/, \"!closed/open.txt\"]\n\
             deny_write: [\"@defaults\", notes.txt]\nallow_write: [~/.cache/own, .envrc]\n",
        )
}

#[test]
fn reading() {
    let act = format!("grep -q '{SEEN}' \"$(eval echo \"$1\")\"");
    let in_home = IN_HOME.iter().chain(&[".aigate/config.yaml"]);
    let in_home: Vec<String> = in_home.map(|name| format!("~/{name}")).collect();
    let in_project = IN_PROJECT.iter().chain(&["leads-to-env", "leads-to-notes"]);
    let subjects: Vec<&str> = in_project
        .copied()
        .chain(in_home.iter().map(String::as_str))
        .collect();
    agree(&world(), "read", &act, &subjects);
}

/// The host tells whether something was written: inside, a private directory takes anything.
#[test]
fn writing() {
    let world = world();
    let subjects = [
        "notes.txt",
        "new.txt",
        "sub/new.txt",
        ".env",
        ".git/config",
        ".git/hooks/pre-commit",
        ".git/hooks/new",
        "sub/.git/hooks/post-merge",
        ".git/info/exclude",
        ".vscode/tasks.json",
        ".vscode/new",
        ".envrc",
        "node_modules/p/.vscode/x",
        ".aigate.yaml",
        "leads-to-notes",
        "~/.bashrc",
        "~/.config/tool/a",
        "~/.cache/own/x",
        "~/.cache/own/new",
        "~/.local/new",
        "~/.gitconfig",
        "~/.aigate/config.yaml",
        "~/.aigate/trust/x",
        "closed/keep.txt",
    ];
    let mut script = String::new();
    for subject in subjects {
        _ = writeln!(script, "(echo written >> {subject}) 2>/dev/null");
    }
    let said: Vec<bool> = subjects
        .iter()
        .map(|s| explained(&world, "write", &[s]))
        .collect();
    let outcome = world.sandboxed(&script);
    assert!(outcome.reached, "{outcome}");
    let mut disagreements = String::new();
    for (subject, said) in subjects.iter().zip(&said) {
        let path = match subject.strip_prefix("~/") {
            Some(rest) => world.home().join(rest),
            None => world.project().join(subject),
        };
        let done = fs::read_to_string(path).is_ok_and(|text| text.contains("written"));
        if *said != done {
            _ = writeln!(
                disagreements,
                "write {subject}: explain says {said}, the host saw {done}"
            );
        }
    }
    assert!(disagreements.is_empty(), "{disagreements}");
    assert!(said.contains(&true) && said.contains(&false));
}

#[test]
fn starting() {
    let world = World::new()
        .script("tool", "#!/bin/sh\nexit 0\n")
        .script("other", "#!/bin/sh\nexit 0\n")
        .config("deny_exec: [tool, sort]\n");
    agree(
        &world,
        "exec",
        "$1 </dev/null",
        &["./tool", "./other", "sort", "uniq", "/usr/bin/sort"],
    );
}

#[test]
fn starting_what_is_listed() {
    let world = World::new()
        .script("tool", "#!/bin/sh\nexit 0\n")
        .script("other", "#!/bin/sh\nexit 0\n")
        .script("third", "#!/bin/cat\n")
        .config(
            "exec: allowlist\nallow_exec: [sh, readlink, sort, ./tool, ./third, uniq]\n\
             deny_exec: [uniq]\n",
        );
    let asked = [
        "./tool",
        "./other",
        "./third",
        "sort",
        "uniq",
        "head",
        "/usr/bin/sort",
    ];
    agree(&world, "exec", "$1 </dev/null", &asked);
}

#[test]
fn starting_a_copy_of_what_is_denied() {
    let world = World::new().config("deny_exec: [blocked]\n");
    world.host_ok(
        "mkdir ~/bin; cp \"$(command -v sort)\" ~/bin/blocked; cp ~/bin/blocked ~/bin/same",
    );
    let path = format!(
        "{}/bin:/usr/local/bin:/usr/bin:/bin",
        world.home().display()
    );
    let world = world.env("PATH", path);
    agree(
        &world,
        "exec",
        "$1 </dev/null",
        &["blocked", "same", "sort", "uniq"],
    );
}

#[test]
fn variables() {
    let world = World::new()
        .env("A_TOKEN", "x")
        .env("B_TOKEN", "x")
        .env("PLAIN", "x")
        .env("MY_SECRET", "x")
        .config("env: {pass: [B_TOKEN], deny: [\"@defaults\", PLAIN], set: {GIVEN: y}}\n");
    let names = [
        "A_TOKEN",
        "B_TOKEN",
        "PLAIN",
        "MY_SECRET",
        "GIVEN",
        "HOME",
        "PATH",
    ];
    agree(&world, "env", "printenv \"$1\"", &names);
}

#[test]
fn reaching() {
    let script = "import socket,sys\n\
        s=[socket.create_server(('127.0.0.1',0)) for _ in range(2)]\n\
        print(*[x.getsockname()[1] for x in s],flush=True)\nsys.stdin.read()\n";
    let world = World::new().file("server.py", script);
    // It ends with the guard: its standard input is the guard's.
    let server = world.host("exec sleep 1000 | python3 server.py");
    let line = server.line();
    let ports: Vec<&str> = line.split_whitespace().collect();
    let [open, shut] = ports.as_slice() else {
        panic!("{line}")
    };
    let connect = "exec 3<>/dev/tcp/${1%:*}/${1##*:}";
    let act = format!("bash -c '{connect}' connect \"$1\"");
    for config in [
        format!("network: filtered\nallow_net: [\"localhost:{open}\"]\n"),
        format!("allow_net: [\"127.0.0.1:{open}\"]\n"),
    ] {
        write_config(&world, &config);
        let host = if config.contains("localhost") {
            "localhost"
        } else {
            "127.0.0.1"
        };
        let (open, shut) = (format!("{host}:{open}"), format!("{host}:{shut}"));
        agree(&world, "net", &act, &[&open, &shut, "name.invalid:80"]);
    }
    write_config(&world, "network: off\n");
    let (said, done) = (
        explained(&world, "net", &[&format!("127.0.0.1:{open}")]),
        tried(&world, &act, &[&format!("127.0.0.1:{open}")]),
    );
    assert!(!said && !done[0]);
}

fn write_config(world: &World, text: &str) {
    let directory = world.home().join(".aigate");
    fs::create_dir_all(&directory).expect("directory");
    fs::write(directory.join("config.yaml"), text).expect("configuration");
}
