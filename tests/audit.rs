//! The log of runs: what is written, who can read it, what happens when it cannot be written, and that
//! nothing stops its reader.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test reports by panicking"
)]

mod support;

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Host, Outcome, World, process};

fn log(world: &World) -> PathBuf {
    world.home().join(".aigate/audit.jsonl")
}

fn events(world: &World) -> Vec<Value> {
    let text = fs::read_to_string(log(world)).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

fn run(world: &World, words: &[&str]) -> Outcome {
    let mut command = world.exec(words[0]);
    command.args(&words[1..]);
    process::run(command)
}

fn audit(world: &World, words: &[&str]) -> Outcome {
    let mut command = world.aigate();
    command.arg("audit").args(words);
    process::run(command)
}

#[test]
fn a_run_is_recorded_from_start_to_end() {
    let world = World::new();
    assert_eq!(run(&world, &["sh", "-c", "exit 7"]).code(), Some(7));
    let events = events(&world);
    let [started, ended] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(started["event"], "run_started");
    assert_eq!(
        started["command"],
        serde_json::json!(["sh", "-c", "exit 7"])
    );
    assert_eq!(started["cwd"], world.project().to_str().unwrap());
    assert_eq!(started["project"], world.project().to_str().unwrap());
    assert_eq!(ended["event"], "run_ended");
    assert_eq!(ended["code"], 7);
    assert!(ended["duration_ms"].as_u64().is_some() && ended["max_rss_kib"].as_u64() > Some(100));
    assert_eq!(started["session"], ended["session"]);
    assert_eq!(started["session"].as_str().unwrap().len(), 16);
    assert!(started["time"].as_str() <= ended["time"].as_str());
    run(&world, &["sh", "-c", "kill -9 $$"]);
    let again = self::events(&world);
    assert_eq!(again.len(), 4);
    assert_eq!(again[3]["signal"], 9, "{:?}", again[3]);
    assert_ne!(again[2]["session"], again[0]["session"]);
    let mode = fs::metadata(log(&world)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn each_start_inside_is_recorded_when_asked_for() {
    let rules = "audit_exec: true\ndeny_exec: [\"expr 1\"]\n";
    let world = World::new().config(rules);
    let script = "echo builtin; expr 2; env MARK=x expr 1; expr --token hunter2; exit 3";
    let outcome = run(&world, &["sh", "-c", script]);
    assert_eq!(outcome.code(), Some(3), "{outcome}");
    assert!(outcome.err.contains("denied by `expr 1`"), "{outcome}");
    let events = events(&world);
    let told = |event: &Value| {
        let command = event["command"].as_array();
        let words = command.map(|all| all.iter().filter_map(Value::as_str).collect::<Vec<_>>());
        let what = event["what"].as_str().map(str::to_owned);
        let words = words
            .map(|words| words.join(" "))
            .or(what)
            .unwrap_or_default();
        let words = words.rsplit('/').next().unwrap_or_default().to_owned();
        format!("{} {words}", event["event"].as_str().unwrap())
    };
    let all: Vec<String> = events.iter().map(told).collect();
    let [_, inside @ .., _] = &all[..] else {
        panic!("{all:?}");
    };
    let wanted = [
        "executed expr 2",
        "executed env MARK=x expr 1",
        "blocked expr 1",
        "executed expr --token ***",
    ];
    assert_eq!(inside, wanted);
    assert!(events[1]["process"].as_u64() > Some(1));
    // Not so by default.
    let world = World::new();
    run(&world, &["sh", "-c", "expr 2"]);
    assert_eq!(self::events(&world).len(), 2);
}

/// Nobody pushes older lines out of the log by being refused again and again.
#[test]
fn a_refusal_is_recorded_once_and_not_without_end() {
    let world = World::new().config("deny_exec: [\"expr 1\"]\n");
    let script =
        "i=0; while [ $i -lt 1200 ]; do i=$((i+1)); true > $i.d/.envrc; true > $i.d/.envrc; done";
    world.host_ok("i=0; while [ $i -lt 1200 ]; do i=$((i+1)); mkdir $i.d; done");
    let outcome = run(
        &world,
        &[
            "sh",
            "-c",
            &format!("expr 1; expr 1; ({script}) 2>&1 | wc -l"),
        ],
    );
    assert!(outcome.ok() && outcome.said("2400"), "{outcome}");
    let told = outcome.err.matches("denied by `expr 1`").count();
    assert_eq!(told, 2, "who asks is told each time: {outcome}");
    let events = events(&world);
    let of = |action: &str| {
        events
            .iter()
            .filter(|event| event["action"] == action)
            .count()
    };
    assert_eq!((of("exec"), of("write")), (1, 999));
}

/// A guard that is gone leaves calls without an answer: the run ends, and says why.
#[test]
fn no_program_starts_without_its_guard() {
    let world = World::new().config("audit_exec: true\n");
    let run = world.exec("sh");
    let mut run = run;
    run.args(["-c", "echo up; while :; do /bin/true; done"]);
    let mut host = Host::start(run);
    assert_eq!(host.line(), "up");
    let supervisor = i32::try_from(host.id()).unwrap();
    let mut asked = Vec::new();
    // A keeper has the descriptor for its first moment, and lets go of it.
    let alone = process::at_last(|| {
        asked = process::children(supervisor);
        asked.retain(|id| process::is_asked(*id));
        asked.len() == 1
    });
    assert!(alone, "a guard: {asked:?}");
    let guard = nix::unistd::Pid::from_raw(asked[0]);
    nix::sys::signal::kill(guard, nix::sys::signal::SIGKILL).unwrap();
    assert_eq!(host.end().code(), Some(125));
}

#[test]
fn what_was_used_is_recorded() {
    let world = World::new();
    run(
        &world,
        &[
            "sh",
            "-c",
            "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done",
        ],
    );
    let used = events(&world)[1]["user_ms"].as_u64().unwrap();
    assert!((10..60_000).contains(&used), "{used} ms");
}

#[test]
fn a_program_that_is_not_there_is_recorded_as_not_started() {
    let world = World::new();
    assert_eq!(run(&world, &["no-such-program"]).code(), Some(127));
    let events = events(&world);
    assert!(
        events[1]["error"].as_str().unwrap().contains("not found"),
        "{events:?}"
    );
}

#[test]
fn the_log_is_out_of_reach_inside() {
    let world = World::new();
    run(&world, &["true"]);
    world.hides("run_started", "cat ../../.aigate/audit.jsonl");
    world.denies_unlike(
        "echo forged >> ../../.aigate/audit.jsonl",
        "echo forged >> ../../.aigate/other",
    );
    assert!(
        !fs::read_to_string(log(&world))
            .unwrap()
            .contains("forged\n")
    );
}

#[test]
fn secrets_in_arguments_are_not_recorded() {
    let world = World::new();
    let key = "sk-ant-api03-aB3dE5gH7jK9mN1pQ3sT5vX7zA9c";
    run(
        &world,
        &[
            "true",
            "--token",
            "hunter2",
            &format!("--key={key}"),
            "PASSWORD=hunter2",
            "https://me:hunter2@host/",
        ],
    );
    let text = fs::read_to_string(log(&world)).unwrap();
    assert!(
        !text.contains("hunter2") && !text.contains("aB3dE5"),
        "{text}"
    );
    assert!(text.contains("--key=sk-ant-***"), "{text}");
}

#[test]
fn off_means_off_and_a_project_cannot_say_it() {
    let world = World::new().config("audit: off\n");
    assert!(run(&world, &["true"]).ok());
    assert!(!log(&world).exists());
    let world = World::new().project_config("audit: off\n");
    assert!(run(&world, &["true"]).ok());
    assert_eq!(events(&world).len(), 2);
}

/// Each way in which a log cannot be written, and what `on` and `required` make of it.
#[test]
fn an_unwritable_log_does_what_the_policy_says() {
    type Break = fn(&World);
    let ways: [(&str, Break); 4] = [
        ("a directory", |world| fs::create_dir(log(world)).unwrap()),
        ("a link", |world| {
            symlink(world.home().join("elsewhere"), log(world)).unwrap()
        }),
        ("a full disk", |world| {
            symlink("/dev/full", log(world)).unwrap()
        }),
        ("another name of a file", |world| {
            fs::write(world.home().join("file"), "").unwrap();
            fs::hard_link(world.home().join("file"), log(world)).unwrap();
        }),
    ];
    for (name, break_it) in ways {
        let world = World::new().config("audit: on\n");
        break_it(&world);
        let outcome = run(&world, &["echo", "ran"]);
        assert!(outcome.ok() && outcome.out == "ran\n", "{name}: {outcome}");
        assert!(outcome.err.contains("audit.jsonl"), "{name}: {outcome}");
        assert!(!world.home().join("elsewhere").exists());
        let world = World::new().config("audit: required\n");
        break_it(&world);
        let outcome = run(&world, &["echo", "ran"]);
        assert_eq!(outcome.code(), Some(125), "{name}: {outcome}");
        assert!(
            outcome.out.is_empty() && outcome.err.contains("nothing was run"),
            "{name}: {outcome}"
        );
    }
}

#[test]
fn a_disk_that_fills_up_is_told_at_the_end() {
    // A limit on the size of files is the same to a writer: the write is cut short, the next fails.
    let script = |world: &World| {
        let size = fs::metadata(log(world)).unwrap().len();
        format!("ulimit -f {}; trap '' XFSZ", size.div_ceil(512) + 1)
    };
    let fill = |world: &World| {
        let file = OpenOptions::new().append(true).open(log(world)).unwrap();
        let size = file.metadata().unwrap().len();
        file.set_len(size.next_multiple_of(512) + 100).unwrap();
    };
    for (word, code) in [("on", 0), ("required", 125)] {
        let world = World::new().config(&format!("audit: {word}\n"));
        run(&world, &["true"]);
        fill(&world);
        let world = world;
        let limited = script(&world);
        let world = world.caller(&limited);
        let long = "x".repeat(600);
        let outcome = world.sandboxed(&format!(": {long}"));
        assert_eq!(outcome.code(), Some(code), "{word}: {outcome}");
        assert!(outcome.err.contains("recorded"), "{word}: {outcome}");
    }
}

#[test]
fn a_changed_policy_is_recorded() {
    let world = World::new().config("deny_read: [one]\n");
    let mut command = world.exec("sh");
    command.args(["-c", "echo up; read line"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    let start = Instant::now();
    while !events(&world)
        .iter()
        .any(|event| event["event"] == "policy_changed")
    {
        // The one who watches starts a little later than the command.
        fs::write(
            world.home().join(".aigate/config.yaml"),
            "deny_read: [one, two]\n",
        )
        .unwrap();
        std::thread::sleep(Duration::from_millis(100));
        assert!(start.elapsed() < Duration::from_secs(30));
    }
    drop(child.stdin.take());
    child.wait().unwrap();
    let sessions: Vec<_> = events(&world)
        .iter()
        .map(|event| event["session"].clone())
        .collect();
    assert!(sessions.iter().all(|session| *session == sessions[0]));
}

#[test]
fn a_refused_connection_is_recorded_with_its_rule() {
    let world = World::new()
        .config("network: filtered\nallow_net: [\"127.0.0.9:1\"]\ndeny_net: [blocked.example]\n");
    let outcome = run(&world, &["getent", "ahosts", "blocked.example"]);
    if outcome.code() == Some(125) {
        support::skip!("no filtered network here: {outcome}");
    }
    let blocked: Vec<_> = events(&world)
        .into_iter()
        .filter(|e| e["event"] == "blocked")
        .collect();
    assert!(!blocked.is_empty(), "{:?}", events(&world));
    assert_eq!(blocked[0]["action"], "net");
    assert_eq!(blocked[0]["what"], "blocked.example");
    assert_eq!(
        blocked[0]["rule"]["text"], "blocked.example",
        "{:?}",
        blocked[0]
    );
    assert_eq!(blocked[0]["rule"]["line"], 3);
}

#[test]
fn the_log_is_shown_to_people_and_programs() {
    let world = World::new();
    run(&world, &["echo", "two words"]);
    let shown = audit(&world, &[]);
    let lines: Vec<_> = shown.out.lines().collect();
    assert_eq!(lines.len(), 2, "{shown}");
    assert!(
        lines[0].contains("run_started") && lines[0].contains("echo 'two words'"),
        "{shown}"
    );
    assert!(lines[1].contains("exit code 0 after "), "{shown}");
    let json = audit(&world, &["--json", "--event", "run_ended"]);
    assert_eq!(json.out.lines().count(), 1);
    let event: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(event["code"], 0);
    let session = event["session"].as_str().unwrap();
    assert_eq!(
        audit(&world, &["--session", &session[..6]])
            .out
            .lines()
            .count(),
        2
    );
    assert_eq!(audit(&world, &["--since", "1h"]).out.lines().count(), 2);
    assert_eq!(audit(&world, &["--since", "2999-01-01"]).out, "");
    assert_eq!(audit(&world, &["-n", "1"]).out.lines().count(), 1);
    assert_eq!(audit(&world, &["--since", "soon"]).code(), Some(125));
    let none = audit(&World::new(), &[]);
    assert_eq!(none.code(), Some(125));
    assert!(none.err.contains("no log yet"), "{none}");
}

#[test]
fn no_line_stops_the_reader() {
    let world = World::new();
    run(&world, &["true"]);
    let mut file = OpenOptions::new().append(true).open(log(&world)).unwrap();
    let long = "x".repeat(3 << 20);
    writeln!(file, "not json\n\n{{\"time\":5}}\n{{\"long\":\"{long}\"}}").unwrap();
    file.write_all(b"\xff\xfe\n").unwrap();
    let hundred_thousand = "y".repeat(100_000);
    writeln!(file, "{{\"time\":\"2026-01-01T00:00:00.000Z\",\"session\":\"s\",\"event\":\"executed\",\"command\":[\"{hundred_thousand}\"]}}").unwrap();
    writeln!(file, "{{\"time\":\"2026-01-01T00:00:00.000Z\",\"session\":\"s\",\"event\":\"executed\",\"command\":[\"\\u001b[2Jclear\"]}}").unwrap();
    run(&world, &["true", &"z".repeat(100_000)]);
    let shown = audit(&world, &[]);
    assert!(shown.ok(), "{}", shown.err);
    assert!(shown.out.contains(&hundred_thousand));
    assert!(
        !shown.out.contains('\u{1b}'),
        "no escape sequence reaches the terminal"
    );
    let kinds = |kind: &str| shown.out.lines().filter(|line| line.contains(kind)).count();
    assert_eq!(
        (kinds("run_started"), kinds("unreadable")),
        (2, 4),
        "{:.3000}",
        shown.out
    );
}

#[test]
fn a_followed_log_goes_on_in_the_next_file() {
    let world = World::new();
    run(&world, &["true", "first"]);
    let mut command = world.aigate();
    command.args(["audit", "--follow", "--event", "run_started"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = move || lines.next().unwrap().unwrap();
    assert!(next().contains("first"));
    run(&world, &["true", "second"]);
    assert!(next().contains("second"));
    fs::rename(log(&world), log(&world).with_extension("jsonl.1")).unwrap();
    run(&world, &["true", "third"]);
    assert!(next().contains("third"));
    child.kill().unwrap();
    child.wait().unwrap();
    let all = audit(&world, &["--event", "run_started"]);
    assert_eq!(all.out.lines().count(), 3, "older files are read as well");
}

#[test]
fn a_time_is_found_fast_in_a_long_log() {
    let world = World::new();
    run(&world, &["true"]);
    let mut text = String::new();
    for number in 0..20_000 {
        text += &format!(
            "{{\"time\":\"2025-01-{:02}T{:02}:00:00.000Z\",\"session\":\"s\",\"event\":\"executed\",\"command\":[\"{number}\"]}}\n",
            1 + number / 1000,
            number / 50 % 20,
        );
    }
    fs::write(log(&world), &text).unwrap();
    let since = audit(&world, &["--since", "2025-01-20T19:00"]);
    assert_eq!(since.out.lines().count(), 50);
    let all = audit(&world, &["--since", "2025-01-01"]);
    assert_eq!(all.out.lines().count(), 20_000);
    let some = audit(&world, &["--since", "2025-01-10T05:30"]);
    assert_eq!(some.out.lines().count(), 10_700);
}
