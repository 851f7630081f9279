//! What a shim starts, with what, and how it ends.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::machine::{Machine, TELLS};
use crate::support::{Host, process, skip};

/// A tool that prints its arguments as bytes.
const ARGV: &str = "#!/usr/bin/python3
print(open('/proc/self/cmdline', 'rb').read().split(b'\\0')[2:-1])
";

#[test]
fn typing_the_name_starts_the_real_program_in_the_sandbox() {
    let machine = Machine::guarded(TELLS);
    let mut shell = machine.world.command("/bin/sh");
    shell
        .env("PATH", machine.guarded_path())
        .args(["-c", "claude"]);
    let outcome = process::run(shell);
    assert!(outcome.ok(), "{outcome}");
    assert_eq!(outcome.out, "sandboxed\n");
    let plain = process::run(machine.world.command(machine.home("bin/claude")));
    assert_eq!(plain.out, "plain\n", "control");
}

#[test]
fn naming_the_tool_to_exec_is_the_same() {
    let machine =
        Machine::guarded("#!/bin/sh\necho $DISABLE_AUTOUPDATER; touch ~/.claude/x && echo kept\n");
    let outcome = process::run(machine.world.exec("claude"));
    assert_eq!(outcome.out, "1\nkept\n", "{outcome}");
}

#[test]
fn every_argument_arrives_byte_for_byte() {
    let machine = Machine::guarded(ARGV);
    let with_args = |mut command: Command| {
        command
            .args(["a", "b c", "", "$'\n'", "é", "--", "-x"])
            .arg(OsStr::from_bytes(b"\xff\xfe"));
        process::run(command)
    };
    let guarded = with_args(machine.claude());
    assert!(guarded.ok(), "{guarded}");
    assert_eq!(
        guarded.out,
        with_args(machine.world.command(machine.home("bin/claude"))).out
    );
}

#[test]
fn another_name_in_argv0_still_starts_claude_and_is_passed_on() {
    let machine = Machine::bare();
    fs::copy("/bin/dash", machine.home("bin/claude")).unwrap();
    assert!(machine.shim(&["install", "--no-shell", "claude"]).ok());
    let tells = "-c 'echo $0'";
    let scripts = [
        (
            "bash",
            format!("exec -a rg ~/.aigate/shims/claude {tells}"),
            "rg",
        ),
        (
            "zsh",
            format!("ARGV0=ugrep ~/.aigate/shims/claude {tells}"),
            "ugrep",
        ),
        ("bash", format!("claude {tells}"), "claude"),
        (
            "bash",
            format!("~/.aigate/shims/claude {tells}"),
            "/.aigate/shims/claude",
        ),
    ];
    for (shell, script, expected) in scripts {
        if !Path::new("/usr/bin").join(shell).exists() {
            skip!("{shell} is not installed");
        }
        let mut command = machine.world.command(shell);
        command
            .env("PATH", machine.guarded_path())
            .args(["-c", &script]);
        let outcome = process::run(command);
        assert!(
            outcome.out.trim_end().ends_with(expected),
            "{script}: {outcome}"
        );
    }
}

#[test]
fn the_exit_code_and_the_signal_are_the_tools_own() {
    let machine =
        Machine::guarded("#!/bin/sh\ncase $1 in s*) kill -${1#s} $$;; *) exit $1;; esac\n");
    for code in [0, 1, 2, 42, 124, 125, 126, 127, 128, 255] {
        assert_eq!(machine.claude_with(&[&code.to_string()]).code(), Some(code));
    }
    for signal in [15, 9, 11, 1, 2] {
        let mut command = machine.claude_unignoring();
        command.arg(format!("s{signal}"));
        assert_eq!(process::run(command).status.signal(), Some(signal));
    }
}

#[test]
fn without_a_real_program_nothing_runs() {
    let machine = Machine::guarded(TELLS);
    fs::remove_file(machine.home("bin/claude")).unwrap();
    let outcome = machine.claude_with(&[]);
    assert_eq!(outcome.code(), Some(127));
    assert!(
        outcome.err.contains("claude: not found on PATH"),
        "{outcome}"
    );
    assert!(outcome.err.contains("home/bin:/usr/bin:/bin"), "{outcome}");
    machine.tool("claude", "");
    fs::set_permissions(
        machine.home("bin/claude"),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    let outcome = machine.claude_with(&[]);
    assert_eq!(outcome.code(), Some(126));
    assert!(
        outcome.err.contains("bin/claude: not executable"),
        "{outcome}"
    );
}

#[test]
fn signals_streams_and_limits_are_as_in_a_direct_start() {
    let machine = Machine::guarded(
        "#!/bin/sh\ngrep -E 'SigBlk|SigIgn' /proc/self/status\numask\nulimit -n -c\npwd\ncat\n\
         for i in 0 1 2; do [ -t $i ]; echo $?; done\n",
    );
    let run = |program: &Path| {
        let setup = "import os,signal,resource,sys
signal.signal(signal.SIGPIPE, signal.SIG_IGN if sys.argv[1] == 'ignored' else signal.SIG_DFL)
signal.signal(signal.SIGUSR2, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
os.umask(0o027)
resource.setrlimit(resource.RLIMIT_NOFILE, (512, 1024))
os.execv(sys.argv[2], ['claude'])";
        let mut told = Vec::new();
        for pipe in ["ignored", "default"] {
            let mut command = machine.world.command("/usr/bin/python3");
            command
                .env("PATH", machine.guarded_path())
                .args(["-c", setup, pipe])
                .arg(program);
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            child
                .stdin
                .take()
                .unwrap()
                .write_all(b"from a pipe\n")
                .unwrap();
            told.push(child.wait_with_output().unwrap());
        }
        told
    };
    let (shim, direct) = (
        run(&machine.home(".aigate/shims/claude")),
        run(&machine.home("bin/claude")),
    );
    for (shim, direct) in shim.iter().zip(&direct) {
        let text = String::from_utf8_lossy(&direct.stdout);
        assert!(
            text.contains("from a pipe") && text.contains("0027"),
            "{text}"
        );
        assert_eq!(String::from_utf8_lossy(&shim.stdout), text);
        assert_eq!(String::from_utf8_lossy(&shim.stderr), "");
    }
    assert_ne!(
        direct[0].stdout, direct[1].stdout,
        "control: the disposition of SIGPIPE shows"
    );
}

#[test]
fn ending_the_shim_ends_the_tool() {
    let machine = Machine::guarded("#!/bin/sh\necho up\nexec sleep 1000\n");
    for signal in ["TERM", "INT", "HUP", "QUIT"] {
        for round in 0..6 {
            let mut tool = Host::start(machine.claude_unignoring());
            assert_eq!(tool.line(), "up");
            // Every other time to the shim alone, as an editor does, else to all, as a terminal.
            let whole = if round % 2 == 0 { "-" } else { "" };
            let kill = format!("kill -{signal} {whole}{}", tool.id());
            assert!(process::run(machine.world.command("sh").shell(&kill)).ok());
            let start = Instant::now();
            while tool.lives() {
                assert!(
                    start.elapsed() < Duration::from_secs(60),
                    "{signal} {whole}"
                );
                std::thread::sleep(Duration::from_millis(1));
            }
            let left = format!("ps -o stat=,args= -g {} | grep -v ^Z", tool.id());
            let left = process::run(machine.world.command("sh").shell(&left)).out;
            assert_eq!(left, "", "{signal}: an orphan");
        }
    }
}

fn living_in_session(leader: &str) -> String {
    let mut ps = Command::new("sh");
    ps.args(["-c", &format!("ps -o stat=,args= -s {leader} | grep -v ^Z")]);
    process::run(ps).out
}

trait Shell {
    fn shell(self, script: &str) -> Command;
}

impl Shell for Command {
    fn shell(mut self, script: &str) -> Command {
        self.args(["-c", script]);
        self
    }
}

#[test]
fn nothing_is_said_besides_what_the_tool_says() {
    let machine = Machine::guarded("#!/bin/sh\necho out\necho err >&2\n");
    let outcome = machine.claude_with(&[]);
    assert_eq!(
        (outcome.out.as_str(), outcome.err.as_str()),
        ("out\n", "err\n")
    );
}

#[test]
fn a_hundred_starts_at_once_all_work() {
    let machine = Machine::guarded(TELLS);
    let start = || machine.claude().stdout(Stdio::piped()).spawn().unwrap();
    let children: Vec<_> = (0..100).map(|_| start()).collect();
    for child in children {
        assert_eq!(child.wait_with_output().unwrap().stdout, b"sandboxed\n");
    }
}

#[test]
fn tmux_shows_the_tool_and_not_us() {
    if !Path::new("/usr/bin/tmux").exists() {
        skip!("tmux is not installed");
    }
    let machine = Machine::guarded("#!/bin/sh\nsleep 1000\n");
    let socket = machine.world.root().join("tmux.sock");
    let tmux = |args: &[&str]| {
        let mut command = machine.world.command("tmux");
        command.env("PATH", machine.guarded_path());
        command
            .arg("-S")
            .arg(&socket)
            .args(["-f", "/dev/null"])
            .args(args);
        process::run(command)
    };
    assert!(tmux(&["new-session", "-d", "exec claude"]).ok());
    let mut shown = String::new();
    for _ in 0..100 {
        shown = tmux(&["display-message", "-p", "#{pane_current_command}"]).out;
        if shown == "claude\n" {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let pane = tmux(&["display-message", "-p", "#{pane_pid}"]).out;
    tmux(&["kill-server"]);
    assert_eq!(shown, "claude\n");
    // The terminal is gone, which only the leader of its session is told.
    for _ in 0..250 {
        if living_in_session(pane.trim_end()).is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("still there: {}", living_in_session(pane.trim_end()));
}

/// Types into an interactive shell on a terminal of its own, and returns what the terminal showed.
const TYPIST: &str = r#"
import os, pty, sys, time
child, terminal = pty.fork()
if child == 0:
    os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
shown = b""
def until(text):
    global shown
    end = time.time() + 20
    while text not in shown:
        if time.time() > end:
            sys.exit(f"no {text!r} in {shown!r}")
        shown += os.read(terminal, 1000)
    shown = shown.split(text, 1)[1]
def typed(text):
    os.write(terminal, text)
typed(b"PS1='ready> '; stty -echo\n"); until(b"ready> ")
typed(b"claude\n"); until(b"up")
typed(b"\x1a"); until(b"Stopped"); until(b"ready> ")
typed(b"jobs\n"); until(b"claude"); until(b"ready> ")
typed(b"fg\n"); time.sleep(0.3); typed(b"line\n"); until(b"got line")
typed(b"\x03"); until(b"ready> ")
typed(b"echo code $?\n"); until(b"code 130")
typed(b"exit\n")
"#;

#[test]
fn the_keys_of_the_terminal_stop_continue_and_end_the_tool() {
    let machine = Machine::guarded("#!/bin/sh\necho up\nread x\necho got $x\nread y\n");
    let mut python = machine.world.command("env");
    python.env("PATH", machine.guarded_path());
    python.args([
        "--default-signal=INT,TSTP,QUIT,HUP",
        "python3",
        "-c",
        TYPIST,
    ]);
    let outcome = process::run(python);
    assert!(outcome.ok(), "{outcome}");
}
