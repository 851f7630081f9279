//! Redaction of a running command's output: through pipes, through a terminal, and to the log.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test reports by panicking"
)]

mod support;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use serde_json::Value;
use support::{World, process};

const KEY: &str = "sk-ant-api03-aB3dE5gH7jK9mN1pQ3sT5vX7zA9c";
const CONFIG: &str = "mask_stdout:\n  presets: [anthropic, openai, values]\n";

fn world() -> World {
    World::new().config(CONFIG)
}

fn events(world: &World) -> Vec<Value> {
    let text = fs::read_to_string(world.home().join(".aigate/audit.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn both_outputs_are_redacted_and_stay_apart() {
    let world = world();
    let outcome = world.sandboxed(&format!("echo out {KEY}; echo err {KEY} >&2; exit 3"));
    assert_eq!(outcome.out, "out sk-ant-***\n", "{outcome}");
    assert_eq!(outcome.err, "err sk-ant-***\n", "{outcome}");
    assert_eq!(outcome.code(), Some(3));
    let redacted: Vec<_> = events(&world)
        .into_iter()
        .filter(|e| e["event"] == "redacted")
        .collect();
    let streams: Vec<_> = redacted
        .iter()
        .map(|e| (e["stream"].clone(), e["count"].clone()))
        .collect();
    assert!(
        streams.contains(&("stdout".into(), 1.into())),
        "{redacted:?}"
    );
    assert!(
        streams.contains(&("stderr".into(), 1.into())),
        "{redacted:?}"
    );
    assert_eq!(redacted[0]["rule"]["text"], "anthropic");
    assert_eq!(redacted[0]["rule"]["line"], 2);
}

#[test]
fn without_the_key_nothing_is_between() {
    let world = World::new();
    let outcome = world.sandboxed(&format!("echo {KEY}; readlink /proc/self/fd/1"));
    assert!(outcome.out.contains(KEY), "{outcome}");
}

#[test]
fn values_of_hidden_files_and_variables_are_replaced() {
    let world = world()
        .file(".env", "DB_PASSWORD='correct horse battery'\nPORT=8080\n")
        .env("DEPLOY_TOKEN", "abcdefghij1234567890");
    let outcome =
        world.sandboxed("echo 'correct horse battery' 8080; echo abcdefghij1234567890 >&2");
    assert_eq!(
        (&*outcome.out, &*outcome.err),
        ("*** 8080\n", "***\n"),
        "{outcome}"
    );
    let log = fs::read_to_string(world.home().join(".aigate/audit.jsonl")).unwrap();
    assert_eq!(log.matches("redacted").count(), 2, "{log}");
}

#[test]
fn a_pattern_that_cannot_be_used_stops_the_run() {
    let world = World::new().config("mask_stdout:\n  patterns:\n    - regex: \"(open\"\n");
    let outcome = world.sandboxed("echo ran");
    assert_eq!(outcome.code(), Some(125), "{outcome}");
    assert!(
        !outcome.reached && outcome.err.contains("config.yaml:3"),
        "{outcome}"
    );
    assert!(outcome.err.contains("unclosed"), "{outcome}");
}

#[test]
fn one_file_for_both_keeps_the_order() {
    let world = world().caller("exec 2>&1");
    let outcome =
        world.sandboxed("for i in 1 2 3 4 5 6 7 8; do echo out $i; echo err $i >&2; done");
    let expected: String = (1..=8).map(|i| format!("out {i}\nerr {i}\n")).collect();
    assert!(outcome.out.ends_with(&expected), "{outcome}");
}

#[test]
fn large_output_arrives_whole() {
    let world = world();
    let mut command = world.exec("seq");
    command.arg("1000000");
    let outcome = process::run(command);
    assert_eq!(outcome.out.len(), 6_888_896);
    assert!(outcome.out.ends_with("\n1000000\n"));
}

#[test]
fn a_prompt_appears_at_once_through_a_pipe() {
    let world = world();
    let mut command = world.exec("sh");
    command.args(["-c", "printf 'Your name: '; read name; echo hello $name"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = [0; 64];
    let length = child.stdout.as_mut().unwrap().read(&mut shown).unwrap();
    assert_eq!(&shown[..length], b"Your name: ");
    child.stdin.take().unwrap().write_all(b"me\n").unwrap();
    let mut rest = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut rest)
        .unwrap();
    assert_eq!(rest, "hello me\n");
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_sees_the_end_when_the_command_closes_its_output() {
    let world = world();
    let mut command = world.exec("sh");
    command.args(["-c", "echo done; exec >&- 2>&-; sleep 30"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let mut text = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "done\n");
    assert!(start.elapsed() < Duration::from_secs(20));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_command_learns_that_nobody_reads() {
    let world = world();
    let mut command = world.command("bash");
    let line = format!(
        "{} exec -- yes | head -1; echo ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_aigate")
    );
    command.args(["-c", &line]);
    assert_eq!(process::run(command).out, "y\n141\n");
}

/// A terminal of a test, and what was shown on it.
struct Terminal {
    keys: File,
    shown: Receiver<Vec<u8>>,
    text: String,
    child: Child,
}

impl Terminal {
    /// Runs a command as the leader of a session that the terminal controls.
    fn start(world: &World, words: &[&str]) -> Terminal {
        let size = Winsize {
            ws_row: 33,
            ws_col: 77,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pair = openpty(&size, None).unwrap();
        let end = |fd: &OwnedFd| Stdio::from(fd.try_clone().unwrap());
        let mut command = world.command("setsid");
        command.args(["--ctty", "--wait"]).args(words);
        command
            .stdin(end(&pair.slave))
            .stdout(end(&pair.slave))
            .stderr(end(&pair.slave));
        let child = command.spawn().unwrap();
        drop(pair.slave);
        let keys = File::from(pair.master);
        let mut output = keys.try_clone().unwrap();
        let (to, shown) = mpsc::channel();
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut part) {
                if to.send(part[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Terminal {
            keys,
            shown,
            text: String::new(),
            child,
        }
    }

    fn aigate(world: &World, words: &[&str]) -> Terminal {
        let mut all = vec![env!("CARGO_BIN_EXE_aigate"), "exec", "--"];
        all.extend(words);
        Terminal::start(world, &all)
    }

    fn send(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the terminal has shown this text after what was awaited before.
    #[track_caller]
    fn expect(&mut self, text: &str) -> String {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(at) = self.text.find(text) {
                let rest = self.text.split_off(at + text.len());
                return std::mem::replace(&mut self.text, rest);
            }
            match self
                .shown
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(part) => self.text.push_str(&String::from_utf8_lossy(&part)),
                Err(_) => panic!("{text:?} was not shown, but {:?}", self.text),
            }
        }
    }

    fn ends(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        while let Ok(part) = self.shown.recv_timeout(Duration::from_secs(5)) {
            self.text.push_str(&String::from_utf8_lossy(&part));
        }
        (status.code(), self.text)
    }
}

#[test]
fn a_terminal_stays_one_and_is_redacted() {
    let world = world();
    let script =
        format!("test -t 0 && test -t 1 && test -t 2 && stty size && echo {KEY}; tty; exit 5");
    let (code, shown) = Terminal::aigate(&world, &["sh", "-c", &script]).ends();
    assert_eq!(code, Some(5), "{shown}");
    assert!(
        shown.starts_with("33 77\r\nsk-ant-***\r\n/dev/"),
        "{shown:?}"
    );
    let redacted: Vec<_> = events(&world)
        .into_iter()
        .filter(|e| e["event"] == "redacted")
        .collect();
    assert_eq!(redacted[0]["stream"], "terminal", "{redacted:?}");
}

#[test]
fn a_prompt_and_an_echo_appear_at_once_on_a_terminal() {
    let world = world();
    let mut terminal = Terminal::aigate(
        &world,
        &[
            "sh",
            "-c",
            "printf 'Your name: '; read name; echo hello $name",
        ],
    );
    terminal.expect("Your name: ");
    for letter in ["s", "k", "-", " ", "n", "p"] {
        terminal.send(letter);
        // The echo of a letter that a key could start with too.
        terminal.expect(letter);
    }
    terminal.send("\r");
    terminal.expect("hello sk- np");
    assert_eq!(terminal.ends().0, Some(0));
}

#[test]
fn interrupting_and_resizing_reach_the_command() {
    let world = world();
    let script = "trap 'echo size $(stty size)' WINCH; trap 'echo interrupted; exit 9' INT; echo ready; \
                  while :; do sleep 0.1; done";
    let mut terminal = Terminal::aigate(&world, &["sh", "-c", script]);
    terminal.expect("ready");
    let mut stty = Command::new("stty");
    stty.args(["rows", "10", "cols", "20"])
        .stdin(Stdio::from(terminal.keys.try_clone().unwrap()));
    assert!(stty.status().unwrap().success());
    terminal.expect("size 10 20");
    terminal.send("\x03");
    terminal.expect("interrupted");
    assert_eq!(terminal.ends().0, Some(9));
}

#[test]
fn a_job_stops_goes_on_and_leaves_the_terminal_as_it_was() {
    let world = world();
    let mut terminal = Terminal::start(&world, &["bash", "--norc", "--noprofile", "-i"]);
    terminal.send("PS1='$ '; stty -a | grep -o -e '-\\?icanon' -e '-\\?echo '; echo star''ted\r");
    let before = terminal.expect("started");
    terminal.send(&format!(
        "{} exec -- sh -c 'echo up; cat; echo {KEY}; exit 4'\r",
        env!("CARGO_BIN_EXE_aigate")
    ));
    terminal.expect("up\r\n");
    terminal.send("typed\r");
    // Once by the echo, once by cat.
    terminal.expect("typed");
    terminal.expect("typed");
    terminal.send("\x1a");
    terminal.expect("Stopped");
    terminal.send("stty -a | grep -o -e '-\\?icanon' -e '-\\?echo '; echo stop''ped\r");
    let while_stopped = terminal.expect("stopped");
    let settings = |text: &str| {
        text.lines()
            .filter(|l| l.trim() == "icanon" || l.trim() == "echo")
            .count()
    };
    assert_eq!(
        settings(&before),
        settings(&while_stopped),
        "{before} {while_stopped}"
    );
    terminal.send("fg\r");
    terminal.expect("aigate");
    terminal.send("again\r");
    terminal.expect("again");
    terminal.expect("again");
    terminal.send("\x04");
    terminal.expect("sk-ant-***");
    // What is typed before the end is the command's.
    terminal.expect("$ ");
    terminal.send("echo code $?\r");
    terminal.expect("code 4");
    terminal.send("stty -a | grep -o -e '-\\?icanon' -e '-\\?echo '; echo fini''shed\r");
    let after = terminal.expect("finished");
    assert_eq!(settings(&before), settings(&after), "{after}");
    terminal.send("exit\r");
    terminal.ends();
}

#[test]
fn a_pipeline_gets_what_it_would_get_without_us() {
    let world = world();
    let aigate = env!("CARGO_BIN_EXE_aigate");
    let line = format!(
        "{aigate} exec -- sh -c 'test -t 1 || echo no terminal; test -t 2 && echo {KEY} >&2' | sed s/^/piped:/"
    );
    let (_, shown) = Terminal::start(&world, &["sh", "-c", &line]).ends();
    assert!(shown.contains("piped:no terminal\r\n"), "{shown:?}");
    assert!(
        shown.contains("sk-ant-***\r\n") && !shown.contains("aB3dE5"),
        "{shown:?}"
    );
    let line = format!(
        "echo from the pipe | {aigate} exec -- sh -c 'cat; test -t 1 && read key < /dev/tty && echo key $key'"
    );
    let mut terminal = Terminal::start(&world, &["sh", "-c", &line]);
    terminal.expect("from the pipe");
    terminal.send("k\r");
    terminal.expect("key k");
    terminal.ends();
}

#[test]
fn nothing_is_lost_at_the_end_of_a_terminal() {
    let world = world();
    for _ in 0..20 {
        let (code, shown) =
            Terminal::aigate(&world, &["sh", "-c", "seq 1 500; echo the end"]).ends();
        assert_eq!(code, Some(0));
        assert!(
            shown.ends_with("500\r\nthe end\r\n"),
            "{:?}",
            &shown[shown.len() - 60..]
        );
    }
}

#[test]
fn killing_us_leaves_no_process() {
    let world = world();
    let marker = "31.4159265";
    let mut terminal = Terminal::start(
        &world,
        &[
            env!("CARGO_BIN_EXE_aigate"),
            "exec",
            "--",
            "sh",
            "-c",
            &format!("echo up; sleep {marker}"),
        ],
    );
    terminal.expect("up");
    let relay = world
        .host_ok("pgrep -f '^[^ ]*aigate exec -- sh -c echo up; sleep 31.4159265' | head -1")
        .out;
    world.host_ok(&format!("kill -9 {}", relay.trim()));
    let end = Instant::now() + Duration::from_secs(10);
    while world
        .control(&format!("pgrep -x sleep -a | grep -q {marker}"))
        .ok()
    {
        assert!(Instant::now() < end, "the command outlives us");
        std::thread::sleep(Duration::from_millis(20));
    }
    terminal.ends();
}
