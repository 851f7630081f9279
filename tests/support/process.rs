//! Running commands with a time limit, and processes outside that end with their test.

use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::REACHED;

/// Generous, because two cores may be shared with a build; a hang is still a failure.
const LIMIT: Duration = Duration::from_secs(60);
/// How long output may trail behind the exit, for example of a process left in the background.
const GRACE: Duration = Duration::from_millis(500);

/// Whether `so` becomes true: asked again and again, ten seconds long.
pub(crate) fn at_last(so: impl FnMut() -> bool) -> bool {
    at_last_within(Duration::from_secs(10), so)
}

/// Whether `so` becomes true in this time.
pub(crate) fn at_last_within(patience: Duration, mut so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + patience;
    loop {
        if so() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// How a command ended and what it wrote.
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
    /// The script itself ran: what follows is its own doing.
    pub(crate) reached: bool,
}

impl Outcome {
    pub(crate) fn ok(&self) -> bool {
        self.status.success()
    }

    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Whether either stream contains the text.
    pub(crate) fn said(&self, text: &str) -> bool {
        self.out.contains(text) || self.err.contains(text)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(to, "{}", self.status)?;
        writeln!(to, "--- stdout\n{}", self.out.trim_end())?;
        write!(to, "--- stderr\n{}", self.err.trim_end())
    }
}

/// Runs a command without standard input to its end, in a process group of its own.
#[track_caller]
pub(crate) fn run(command: Command) -> Outcome {
    run_within(command, LIMIT)
}

/// The same with a limit of one's own.
#[track_caller]
pub(crate) fn run_within(mut command: Command, limit: Duration) -> Outcome {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = spawn(&mut command);
    let out = collect(child.stdout.take().expect("piped"));
    let err = collect(child.stderr.take().expect("piped"));
    let status = wait(&mut child, limit);
    let (out, err) = (gathered(&out), gathered(&err));
    let status =
        status.unwrap_or_else(|| panic!("no end after {limit:?}: {command:?}\n{out}\n{err}"));
    let reached = err.contains(REACHED);
    let err = err.replacen(&format!("{REACHED}\n"), "", 1);
    Outcome {
        status,
        out,
        err,
        reached,
    }
}

/// Starts it. A program that this process just wrote is busy for the moment in which another thread's
/// child, between fork and exec, still holds the descriptor that wrote it.
#[track_caller]
pub(crate) fn spawn(command: &mut Command) -> Child {
    let start = Instant::now();
    loop {
        match command.spawn() {
            Err(why)
                if why.kind() == std::io::ErrorKind::ExecutableFileBusy
                    && start.elapsed() < LIMIT =>
            {
                thread::sleep(Duration::from_millis(5));
            }
            started => return started.unwrap_or_else(|why| panic!("{command:?}: {why}")),
        }
    }
}

/// Waits for the end, and kills the whole group when the time is over.
fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(status) = child.try_wait().expect("our own child") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(2));
    }
    end(child);
    None
}

fn end(child: &mut Child) {
    let group = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    let _ = killpg(group, Signal::SIGKILL);
    let _ = child.wait();
}

/// Reads a stream on a thread of its own: somebody in the background may keep it open.
fn collect(mut stream: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (to, from) = mpsc::channel();
    thread::spawn(move || {
        let mut part = [0; 8192];
        while let Ok(count @ 1..) = stream.read(&mut part) {
            if to.send(part[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    from
}

fn gathered(parts: &mpsc::Receiver<Vec<u8>>) -> String {
    let mut bytes = Vec::new();
    while let Ok(part) = parts.recv_timeout(GRACE) {
        bytes.extend(part);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The children of a process.
pub(crate) fn children(parent: i32) -> Vec<i32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let list = fs::read_to_string(path).unwrap_or_default();
    list.split_whitespace()
        .filter_map(|id| id.parse().ok())
        .collect()
}

/// Whether the kernel asks this process: it has the descriptor.
pub(crate) fn is_asked(id: i32) -> bool {
    let handles = fs::read_dir(format!("/proc/{id}/fd"));
    let mut handles = handles.into_iter().flatten().flatten();
    handles.any(|handle| {
        let target = fs::read_link(handle.path()).unwrap_or_default();
        target.to_string_lossy().contains("seccomp notify")
    })
}

/// Whether this process serves the network of a sandbox.
pub(crate) fn is_broker(id: i32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{id}/task"));
    let names = tasks.into_iter().flatten().flatten();
    let mut names = names.map(|task| fs::read_to_string(task.path().join("comm")));
    names.any(|name| name.is_ok_and(|name| name.trim_end() == "aigate-broker"))
}

/// A process outside the sandbox: the victim, the listener, the daemon. Ends with this guard.
pub(crate) struct Host {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Host {
    pub(crate) fn start(mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0);
        let mut child = spawn(&mut command);
        let stream = BufReader::new(child.stdout.take().expect("piped"));
        let (to, lines) = mpsc::channel();
        thread::spawn(move || {
            stream
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| to.send(line))
        });
        Self { child, lines }
    }

    /// The next line that the process prints.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        self.lines
            .recv_timeout(LIMIT)
            .expect("the process outside printed no line")
    }

    /// The next line, should one come in time.
    pub(crate) fn line_within(&self, limit: Duration) -> Option<String> {
        self.lines.recv_timeout(limit).ok()
    }

    /// Ends this one process with SIGKILL, and nothing else of its group.
    pub(crate) fn kill_only(&self) {
        let id = Pid::from_raw(i32::try_from(self.id()).expect("a process id"));
        kill(id, Signal::SIGKILL).expect("our own child");
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(&mut self) -> ExitStatus {
        wait(&mut self.child, LIMIT).expect("the process goes on and on")
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub(crate) fn lives(&mut self) -> bool {
        self.child.try_wait().expect("our own child").is_none()
    }

    /// The signal that ended it, if one did.
    pub(crate) fn ended_by(&mut self) -> Option<i32> {
        self.child
            .try_wait()
            .expect("our own child")
            .and_then(|status| status.signal())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}
