//! Managers that call each other end soon, with a name; honest nesting goes on.

use std::fs;
use std::time::{Duration, Instant};

use crate::machine::Machine;
use crate::support::process::Outcome;

/// Counts its starts in the project, then goes back to the shim.
fn looping(back: &str) -> Machine {
    Machine::guarded(&format!("#!/bin/sh\necho start >> log\n{back}\n"))
}

fn starts(machine: &Machine) -> usize {
    fs::read_to_string(machine.world.project().join("log"))
        .unwrap_or_default()
        .lines()
        .count()
}

#[track_caller]
fn ends_soon(machine: &Machine) -> Outcome {
    let start = Instant::now();
    let outcome = machine.claude_with(&[]);
    assert!(
        start.elapsed() < Duration::from_secs(60),
        "{:?}",
        start.elapsed()
    );
    let starts = starts(machine);
    assert!((2..=20).contains(&starts), "{starts} starts\n{outcome}");
    assert!(outcome.err.contains("claude: started itself"), "{outcome}");
    assert!(
        outcome.err.contains("bin/claude"),
        "the chain is named: {outcome}"
    );
    outcome
}

#[test]
fn a_script_that_executes_the_shim_again_is_stopped() {
    let machine = looping("exec ~/.aigate/shims/claude \"$@\"");
    assert_eq!(ends_soon(&machine).code(), Some(125));
}

#[test]
fn a_script_that_starts_the_shim_again_is_stopped() {
    ends_soon(&looping("~/.aigate/shims/claude \"$@\""));
}

#[test]
fn a_script_that_starts_the_shim_twice_is_no_fork_bomb() {
    // Two children a level: the limit on the chain must also bound the tree.
    let machine = looping("PATH=~/.aigate/shims:$PATH; claude; claude");
    let outcome = machine.claude_with(&[]);
    assert!(outcome.err.contains("claude: started itself"), "{outcome}");
    let starts = starts(&machine);
    assert!((8..=256).contains(&starts), "{starts}");
}

#[test]
fn two_managers_that_each_skip_only_themselves_are_stopped() {
    // The other one takes its own directory from PATH, and ours comes back first.
    let machine = Machine::guarded("#!/bin/sh\necho the real one\n");
    let other = "#!/bin/sh\necho start >> log\nPATH=~/.aigate/shims:$(echo $PATH | sed \"s#$HOME/other:##\")\nexport PATH\nexec claude\n";
    machine.world.host_ok("mkdir ~/other");
    fs::rename(machine.tool("x", other), machine.home("other/claude")).unwrap();
    let mut command = machine.claude();
    command.env(
        "PATH",
        machine.guarded_path().replace(
            ":/usr/bin",
            &format!(":{}:/usr/bin", machine.home("other").display()),
        ),
    );
    assert_eq!(crate::support::process::run(command).out, "the real one\n");
    // Its directory first, and added again by whoever calls it: as a hook of the shell does.
    let again = other.replace("PATH=~/.aigate/shims:", "PATH=~/.aigate/shims:~/other:");
    fs::rename(machine.tool("x", &again), machine.home("other/claude")).unwrap();
    let path = format!(
        "{}:{}",
        machine.home("other").display(),
        machine.guarded_path()
    );
    let mut command = machine.claude();
    command.env("PATH", path);
    let start = Instant::now();
    let outcome = crate::support::process::run(command);
    assert!(start.elapsed() < Duration::from_secs(60));
    assert!(starts(&machine) <= 20, "{outcome}");
    assert_eq!(
        outcome.out, "the real one\n",
        "the next candidate is taken: {outcome}"
    );
}

#[test]
fn honest_nesting_is_not_taken_for_a_loop() {
    let machine = Machine::guarded(
        "#!/bin/sh\n[ $1 -eq 0 ] && { echo bottom; exit; }\n\
         PATH=~/.aigate/shims:$PATH python3 -c \"import subprocess as s; s.run(['sh', '-c', 'claude $(($1 - 1)); true'])\"\n",
    );
    let outcome = machine.claude_with(&["6"]);
    assert_eq!(outcome.out, "bottom\n", "{outcome}");
}

#[test]
fn a_forged_variable_never_leaves_the_sandbox() {
    let machine = Machine::guarded(crate::machine::TELLS);
    let real = machine.home("bin/claude");
    let pid = std::process::id();
    let forged = [
        ("AIGATE_SANDBOX", "1".to_owned()),
        ("AIGATE_INSIDE", "1".to_owned()),
        ("AIGATE_BYPASS", "1".to_owned()),
        ("AIGATE_PROBE", "1".to_owned()),
        ("AIGATE", "off".to_owned()),
        ("AIGATE_HOP", format!("1:{pid}:claude:{}", real.display())),
        ("AIGATE_HOP", format!("99999:1:claude:{}", real.display())),
        ("AIGATE_HOP", "99999999999999999999999:1:claude".to_owned()),
        ("AIGATE_TEST_FAULT", "0".to_owned()),
    ];
    for (name, value) in forged {
        let mut command = machine.claude();
        command.env(name, &value);
        let outcome = crate::support::process::run(command);
        assert!(!outcome.said("plain"), "{name}={value}: {outcome}");
        assert!(
            outcome.out == "sandboxed\n" || outcome.code() == Some(125),
            "{name}={value}: {outcome}"
        );
    }
}
