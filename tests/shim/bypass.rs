//! The one way around the sandbox: typed at a terminal, and written down.

use std::fs;
use std::process::Command;

use crate::machine::{Machine, TELLS};
use crate::support::process::{self, Outcome};

/// Runs a command with a terminal of its own.
fn at_terminal(machine: &Machine, command: &[&str]) -> Outcome {
    let script = "import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
out = b''
while True:
    try:
        part = os.read(terminal, 1000)
    except OSError:
        break
    if not part:
        break
    out += part
sys.stdout.write(out.decode().replace('\\r', ''))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))";
    let mut python: Command = machine.world.command("python3");
    python
        .env("PATH", machine.guarded_path())
        .args(["-c", script])
        .args(command);
    process::run(python)
}

fn aigate() -> String {
    crate::support::place::binary().display().to_string()
}

#[test]
fn at_a_terminal_the_user_can_leave_the_sandbox_out_and_it_is_written_down() {
    let machine = Machine::guarded(TELLS);
    let outcome = at_terminal(&machine, &[&aigate(), "bypass", "--", "claude", "a b"]);
    assert!(outcome.ok(), "{outcome}");
    assert_eq!(outcome.out, "plain\n");
    let log = fs::read_to_string(machine.home(".aigate/audit.jsonl")).unwrap();
    let line: serde_json::Value = serde_json::from_str(log.trim_end()).unwrap();
    assert_eq!(line["event"], "bypassed");
    let program = machine.home("bin/claude");
    let program = program.to_str().unwrap();
    assert_eq!(line["command"], serde_json::json!([program, "a b"]));
    // Control: the same way of starting, without the word.
    assert_eq!(at_terminal(&machine, &["claude"]).out, "sandboxed\n");
}

#[test]
fn without_a_terminal_nothing_is_left_out() {
    let machine = Machine::guarded(TELLS);
    let mut command = machine.world.aigate();
    command
        .env("PATH", machine.guarded_path())
        .args(["bypass", "--", "claude"]);
    let outcome = process::run(command);
    assert_eq!(outcome.code(), Some(125));
    assert!(outcome.err.contains("needs a terminal"), "{outcome}");
    assert_eq!(outcome.out, "");
}

#[test]
fn nothing_leads_out_from_inside() {
    let machine =
        Machine::guarded("#!/bin/sh\nexec ~/.aigate/bin/aigate bypass -- sh -c 'echo out'\n");
    let outcome = at_terminal(&machine, &["claude"]);
    assert_eq!(outcome.code(), Some(125), "{outcome}");
    assert!(outcome.out.contains("inside the sandbox"), "{outcome}");
}

#[test]
fn what_cannot_be_written_down_is_not_run() {
    let machine = Machine::guarded(TELLS);
    fs::create_dir(machine.home(".aigate/audit.jsonl")).unwrap();
    let outcome = at_terminal(&machine, &[&aigate(), "bypass", "--", "claude"]);
    assert_eq!(outcome.code(), Some(125), "{outcome}");
    assert!(!outcome.said("plain"), "{outcome}");
}
