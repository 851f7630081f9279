//! Processes of one's own: listing, debugging, sharing memory, ending.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Host, World, at_last, process, python, skip, tool};

#[test]
fn processes_can_be_listed() {
    let world = World::new();
    world.permits("sleep 5 & ps aux | grep -q '[s]leep 5' && ps -ef > /dev/null && kill %1 2>/dev/null || kill $!");
    world.permits("test -n \"$(cat /proc/cpuinfo)\" && cat /proc/meminfo /proc/loadavg /proc/uptime /proc/self/status > /dev/null");
}

#[test]
fn python_multiprocessing_works() {
    World::new().permits(&python(
        "import multiprocessing as m\nif __name__ == '__main__':\n\
         \x20with m.Pool(2) as p: print(sum(p.map(abs, range(-100, 0))))\n\
         \x20q = m.Queue(); l = m.Lock(); v = m.Value('i', 3); v.value += 1; q.put(v.value); print(q.get())\n\
         \x20from multiprocessing import shared_memory as s\n\
         \x20a = s.SharedMemory(create=True, size=100); a.buf[0] = 1; a.close(); a.unlink()",
    ));
}

#[test]
fn a_debugger_works_on_a_child() {
    let world = World::new();
    if !tool("strace") || !tool("gdb") {
        skip!("strace or gdb is not installed");
    }
    world.permits("strace -f -o trace -e trace=execve sh -c true && grep -q execve trace");
    world.permits("gdb -q -batch -ex run --args /bin/true");
    world.permits("sleep 5 & gdb -q -batch -p $! -ex detach; kill $!");
}

#[test]
fn a_background_process_can_be_waited_for() {
    World::new().permits("(sleep 0.1; echo done > out) & wait $! && cat out");
}

#[test]
fn orphans_inside_are_reaped() {
    let world = World::new();
    let act = "for i in $(seq 30); do sh -c 'sh -c : &'; done; sleep 0.3; ! grep -l '^State:.*Z' /proc/[0-9]*/status";
    world.permits(act);
}

#[test]
fn a_signal_to_aigate_reaches_the_command() {
    let world = World::new();
    for (signal, name) in [
        (Signal::SIGTERM, "TERM"),
        (Signal::SIGHUP, "HUP"),
        (Signal::SIGUSR1, "USR1"),
        (Signal::SIGINT, "INT"),
    ] {
        let mut run = world.exec("/bin/sh");
        run.arg("-c").arg(format!(
            "trap 'echo caught; exit 7' {name}; echo ready; while :; do sleep 0.05; done"
        ));
        let mut supervisor = Host::start(run);
        assert_eq!(supervisor.line(), "ready");
        kill(
            Pid::from_raw(i32::try_from(supervisor.id()).unwrap()),
            signal,
        )
        .unwrap();
        assert_eq!(supervisor.line(), "caught", "{name}");
        assert_eq!(supervisor.end().code(), Some(7), "{name}");
    }
}

#[test]
fn a_run_ends_with_its_command_though_others_hold_the_terminal() {
    let start = Instant::now();
    World::new().permits("sleep 300 > /dev/null 2>&1 < /dev/null &");
    assert!(start.elapsed() < Duration::from_secs(60));
}

/// KiB of files that a process has mapped in memory.
fn mapped(process: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssFile:"));
    line.unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn who_waits_lets_go_of_the_program() {
    let world = World::new();
    let mut run = world.exec("/bin/sh");
    // The guard is started for the file.
    run.arg("-c").arg(": >/tmp/made; echo ready; sleep 60");
    let supervisor = Host::start(run);
    assert_eq!(supervisor.line(), "ready");
    let own = i32::try_from(supervisor.id()).unwrap();
    let others = process::children(own).into_iter();
    let before = mapped(own);
    for process in others.chain([own]) {
        assert!(at_last(|| mapped(process) < before / 2), "of {before} KiB");
    }
}

#[test]
fn thousands_of_commands_inside_work() {
    World::new().permits("for i in $(seq 1000); do /bin/true || exit 1; done");
}

#[test]
fn shells_and_interpreters_start() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "python3", "node", "perl"] {
        if tool(shell) {
            let flag = if shell == "node" || shell == "perl" {
                "-e"
            } else {
                "-c"
            };
            let mut run = world.exec(shell);
            run.args([
                flag,
                if shell == "node" {
                    "console.log('hi')"
                } else {
                    "print('hi')"
                },
            ]);
            if matches!(shell, "bash" | "zsh" | "fish") {
                run = world.exec(shell);
                run.args(["-c", "echo hi"]);
            }
            let outcome = process::run(run);
            assert!(outcome.said("hi"), "{shell}: {outcome}");
        }
    }
    world.permits("bash -c 'diff <(echo a) <(echo a) && cat <(echo x) && [[ -e /dev/fd/0 ]]'");
}
