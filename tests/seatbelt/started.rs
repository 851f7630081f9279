//! The command under `sandbox-exec`, of which a stand-in notes what it is told: nothing is confined
//! here, everything else is as on a Mac.
//!
//! The seam is an argument of the library. The program itself takes no other `sandbox-exec` than that of
//! macOS, and none elsewhere: `tests/hosts/seatbelt.rs`.

use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use aigate::engine::plan::Step;
use aigate::engine::seatbelt::start::{Serve, Start, refuse_denied, run};
use aigate::engine::{Error, Exit, Image};
use aigate::sys::process::{die_by_signal, exit_now, fork};
use aigate::sys::terminal;
use assert_fs::TempDir;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout, setpgid, setsid};

use super::only;

/// A text that no shell would leave whole.
const PROFILE: &str = "(version 1)\n(deny default)\n; \"$(id)\" 'x'\n";

/// A directory with a stand-in, and what a command says.
pub(crate) struct Place {
    root: TempDir,
}

/// What a command has besides its words: a profile, variables, and who serves its network.
pub(crate) struct Outfit<'a> {
    pub(crate) profile: &'a str,
    pub(crate) variables: Vec<CString>,
    pub(crate) serve: Option<&'a Serve<'a>>,
}

impl Place {
    pub(crate) fn new() -> Place {
        let root = TempDir::new().expect("a directory");
        let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seatbelt/sandbox-exec");
        // Written by another process: a program that this one has open for writing cannot be started.
        let copied = Command::new("cp").args([&*stand_in, root.path()]).status();
        assert!(copied.is_ok_and(|status| status.success()));
        Place { root }
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap_or_default()
    }

    /// What the stand-in was told: the words of each start.
    pub(crate) fn told(&self) -> Vec<String> {
        let told = self.read("sandbox-exec.told");
        let words = told
            .strip_suffix("\n--- \n")
            .unwrap_or_default()
            .split("\n--- \n");
        words
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// Starts a shell with this script in another process, which ends as the script ends; `before` is
    /// done there first.
    pub(crate) fn start(&self, script: &str, before: impl FnOnce()) -> Pid {
        self.start_in(script, |start| {
            before();
            start(Outfit {
                profile: PROFILE,
                variables: Vec::new(),
                serve: None,
            });
        })
    }

    /// The same with an outfit that `dress` makes there.
    pub(crate) fn start_in(&self, script: &str, dress: impl FnOnce(&dyn Fn(Outfit<'_>))) -> Pid {
        self.apart(|| dress(&|outfit| self.become_run(script, outfit)))
    }

    /// Does this in another process, with its streams in files.
    pub(crate) fn apart(&self, act: impl FnOnce()) -> Pid {
        let out = File::create(self.at("out")).expect("a file");
        let err = File::create(self.at("err")).expect("a file");
        let Some(pid) = fork().expect("a process") else {
            dup2_stdin(File::open("/dev/null").expect("null")).expect("dup2");
            dup2_stdout(out).expect("dup2");
            dup2_stderr(err).expect("dup2");
            act();
            exit_now(124)
        };
        Pid::from_raw(pid)
    }

    fn become_run(&self, script: &str, outfit: Outfit<'_>) {
        let words = [
            c"sh".into(),
            c"-c".into(),
            CString::new(script).expect("a script"),
        ];
        let mut variables = vec![c"PATH=/usr/bin:/bin".into(), c"MARK=\"; x".into()];
        variables.extend(outfit.variables);
        let image = Image::new(c"/bin/sh".into(), words.into(), variables);
        let steps = [Step::Enter(self.root.path().to_owned())];
        let program = self.at("sandbox-exec");
        let start = Start {
            program: &program,
            profile: outfit.profile,
            steps: &steps,
            image: &image,
            foreground: false,
            serve: outfit.serve,
        };
        let ran = self.at("ran");
        match run(&start, &|| drop(File::create(&ran))) {
            Ok(Exit::Code(code)) => exit_now(code),
            Ok(Exit::Signal(signal)) => die_by_signal(signal),
            Err(error) => {
                let _ = fs::write(self.at("error"), error.to_string());
                exit_now(125)
            }
        }
    }

    fn run(&self, script: &str) -> WaitStatus {
        ended(self.start(script, || {}))
    }

    /// Waits until the command has said this.
    #[track_caller]
    pub(crate) fn until(&self, said: &str) {
        for _ in 0..6000 {
            if self.read("out").contains(said) {
                return;
            }
            sleep(Duration::from_millis(10));
        }
        panic!(
            "`{said}` was not said: {} {}",
            self.read("out"),
            self.read("err")
        );
    }
}

/// How a process ends, which must be soon: a hang is a failure.
pub(crate) fn ended(pid: Pid) -> WaitStatus {
    for _ in 0..6000 {
        match waitpid(pid, Some(WaitPidFlag::WNOHANG)).expect("our own child") {
            WaitStatus::StillAlive => sleep(Duration::from_millis(10)),
            status => return status,
        }
    }
    kill(pid, Signal::SIGKILL).expect("our own child");
    panic!("no end");
}

#[track_caller]
pub(crate) fn code(status: WaitStatus) -> i32 {
    match status {
        WaitStatus::Exited(_, code) => code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_profile_is_handed_over_whole_and_the_command_is_as_it_was() {
    let place = Place::new();
    let script = "pwd -P; echo \"$MARK\"; echo $# $1; exit 7";
    assert_eq!(code(place.run(script)), 7, "{}", place.read("error"));
    let root = place.root.path().canonicalize().expect("a path");
    assert_eq!(place.read("out"), format!("{}\n\"; x\n0\n", root.display()));
    let tried = ["-p", PROFILE, "--", "/usr/bin/true"];
    let run = ["-p", PROFILE, "--", "/bin/sh", "-c", script];
    assert_eq!(place.told(), [&tried[..], &run[..]].concat());
    assert!(place.at("ran").exists());
}

#[test]
fn the_end_of_the_command_is_the_end_of_the_run() {
    let place = Place::new();
    for expected in [0, 1, 65, 71, 125] {
        assert_eq!(code(place.run(&format!("exit {expected}"))), expected);
    }
    for signal in [Signal::SIGTERM, Signal::SIGKILL, Signal::SIGINT] {
        let status = place.run(&format!("kill -{} $$", signal as i32));
        assert!(
            matches!(status, WaitStatus::Signaled(_, by, _) if by == signal),
            "{status:?}"
        );
    }
}

#[test]
fn a_profile_that_is_not_applied_is_no_end_of_the_command() {
    let place = Place::new();
    let script = "echo ran; exit 65";
    // The control: the same code by the command itself.
    assert_eq!(
        (code(place.run(script)), place.read("out")),
        (65, "ran\n".into())
    );
    File::create(place.at("sandbox-exec.refuses")).expect("a file");
    fs::remove_file(place.at("ran")).expect("the mark of the control");
    assert_eq!(
        (code(place.run(script)), place.read("out")),
        (125, String::new())
    );
    for words in [
        "engine: seatbelt",
        "the stand-in refuses",
        "nothing was run",
    ] {
        assert!(
            place.read("error").contains(words),
            "{}",
            place.read("error")
        );
    }
    assert!(!place.at("ran").exists());
}

#[test]
fn without_the_program_nothing_runs() {
    let place = Place::new();
    fs::remove_file(place.at("sandbox-exec")).expect("the stand-in");
    assert_eq!(
        (code(place.run("echo ran")), place.read("out")),
        (125, String::new())
    );
    assert!(
        place.read("error").contains("nothing was run"),
        "{}",
        place.read("error")
    );
}

#[test]
fn signals_for_us_reach_the_command() {
    let place = Place::new();
    let signals = [
        Signal::SIGTERM,
        Signal::SIGUSR1,
        Signal::SIGHUP,
        Signal::SIGINT,
    ];
    for signal in signals {
        let name = &signal.as_str()[3..];
        let wait = "while :; do sleep 0.01; done";
        let script = format!("trap 'echo got; exit 9' {name}; echo up; {wait}");
        let pid = place.start(&script, || {});
        place.until("up");
        kill(pid, signal).expect("our own child");
        assert_eq!(
            (code(ended(pid)), place.read("out")),
            (9, "up\ngot\n".into()),
            "{signal}"
        );
    }
}

#[test]
fn it_stops_and_goes_on_with_the_command() {
    let place = Place::new();
    let wait = "until test -e go; do sleep 0.01; done";
    // Nobody stops in a group whose parent is in no other group of the session, as under a service.
    let own_group = || setpgid(Pid::this(), Pid::from_raw(0)).expect("a group");
    let pid = place.start(&format!("echo up; {wait}; exit 5"), own_group);
    place.until("up");
    kill(pid, Signal::SIGTSTP).expect("our own child");
    let status = waitpid(pid, Some(WaitPidFlag::WUNTRACED)).expect("our own child");
    assert!(matches!(status, WaitStatus::Stopped(..)), "{status:?}");
    File::create(place.at("go")).expect("a file");
    kill(pid, Signal::SIGCONT).expect("our own child");
    assert_eq!(code(ended(pid)), 5);
}

#[test]
fn what_the_caller_left_open_is_closed() {
    let place = Place::new();
    fs::write(place.at("secret"), "hunter2").expect("a file");
    let leave_open = |place: &Place| {
        // Without the flag that closes it: as a shell hands it on.
        let secret = File::open(place.at("secret")).expect("the secret");
        let secret: std::os::fd::OwnedFd = secret.into();
        let flags = nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty());
        nix::fcntl::fcntl(secret.as_fd(), flags).expect("fcntl");
        std::mem::forget(secret);
    };
    let script = "for fd in /dev/fd/[3-9]* /dev/fd/??*; do test -f $fd && cat $fd; done 2>/dev/null; \
                  echo end";
    let pid = place.start(script, || leave_open(&place));
    assert_eq!((code(ended(pid)), place.read("out")), (0, "end\n".into()));
    // The control: a shell that is started without us has it.
    let Some(pid) = fork().expect("a process") else {
        leave_open(&place);
        dup2_stdout(File::create(place.at("out")).expect("a file")).expect("dup2");
        let words = vec![
            c"sh".into(),
            c"-c".into(),
            CString::new(script).expect("a script"),
        ];
        let _ = aigate::sys::process::execve(&Image::new(c"/bin/sh".into(), words, Vec::new()));
        exit_now(1)
    };
    assert_eq!(code(ended(Pid::from_raw(pid))), 0);
    assert!(
        place.read("out").contains("hunter2"),
        "{}",
        place.read("out")
    );
}

#[test]
fn a_key_of_the_terminal_reaches_the_command_once() {
    let place = Place::new();
    let pair = nix::pty::openpty(None, None).expect("a terminal");
    let script = "trap 'echo int >>keys' INT; test -t 0 && ps -o pgid= -p $$ -p $PPID | sort -u | wc -l; \
                  echo up; until read line; do :; done; echo $line";
    let slave = pair.slave.try_clone().expect("dup");
    let pid = place.start(script, move || {
        setsid().expect("a session");
        terminal::control(slave.as_fd()).expect("a terminal of its own");
        dup2_stdin(&slave).expect("dup2");
    });
    place.until("up");
    nix::unistd::write(&pair.master, b"\x03").expect("a key");
    for _ in 0..6000 {
        if place.at("keys").exists() {
            break;
        }
        sleep(Duration::from_millis(10));
    }
    nix::unistd::write(&pair.master, b"typed\n").expect("a line");
    assert_eq!(code(ended(pid)), 0, "{}", place.read("err"));
    assert_eq!(place.read("keys"), "int\n");
    // One process group: the command's own and ours.
    let said: Vec<_> = place
        .read("out")
        .lines()
        .map(|line| line.trim().to_owned())
        .collect();
    assert_eq!(said, ["1", "up", "typed"]);
}

#[test]
fn a_denied_program_is_refused_before_it_is_handed_over() {
    let rules = only("deny_exec: [curl, git push, /opt/x]\n");
    let asks = |path: &str| {
        let path = CString::new(Path::new(path).as_os_str().as_bytes()).expect("a path");
        refuse_denied(&rules.exec, &Image::new(path, Vec::new(), Vec::new()))
    };
    for path in ["/usr/bin/curl", "/usr/bin/git", "/opt/x"] {
        assert!(
            matches!(asks(path), Err(Error::NotExecutable { .. })),
            "{path}"
        );
    }
    for path in ["/usr/bin/true", "/usr/bin/x"] {
        assert!(asks(path).is_ok(), "{path}");
    }
}
