//! Ends each kind of process of a run with SIGKILL at random moments, and the run itself by signals:
//! afterwards nothing is left on the host.
//!
//! `AIGATE_KILL_ROUNDS=1000 cargo test --test kill -- --nocapture` makes the figures of
//! `docs/benchmarks.md`; by default there are fewer rounds.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports by panicking"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use support::process::{children, is_asked, is_broker};
use support::{Host, World, place, process, skip};

const ROUNDS: usize = 60;
/// Two busy cores may be slow; what lasts longer is a hang, or a process that stays.
const LIMIT: Duration = Duration::from_secs(20);
/// Directories enough for aigate to keep what it found in them: a file that it may be writing.
const DIRECTORIES: usize = 400;

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Supervisor,
    Init,
    Broker,
    Keeper,
    Guard,
    Command,
    Daemon,
}

const ROLES: [Role; 7] = [
    Role::Supervisor,
    Role::Init,
    Role::Broker,
    Role::Keeper,
    Role::Guard,
    Role::Command,
    Role::Daemon,
];

/// A project whose sandbox needs everything: masks, protected paths, a broker, an index.
fn world() -> World {
    let mut world = World::new()
        .config("network: filtered\nallow_net: [example.com]\n")
        .repository()
        .secret(".env")
        .home_secret(".ssh/id_ed25519");
    for number in 0..DIRECTORIES {
        world = world.dir(&format!("src/directory-{number}"));
    }
    // What a process of ours outside would put into a temporary directory is in the picture too.
    let temporary = world.root().join("temporary");
    fs::create_dir(&temporary).unwrap();
    let marker = world.root().to_owned();
    world.env("TMPDIR", temporary).env("MARKED", marker)
}

#[test]
fn nothing_is_left_after_kills_at_random_moments() {
    let world = world();
    assert!(world.sandboxed("true").ok());
    let before = Trace::of(&world);
    let rounds = std::env::var("AIGATE_KILL_ROUNDS");
    let rounds = rounds.map_or(ROUNDS, |count| count.parse().unwrap_or(ROUNDS));
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        let role = ROLES[round % ROLES.len()];
        touch(&world);
        slowest = slowest.max(kill_one(&world, role, &mut random));
        if round % 100 == 0 {
            before.is_left(&world);
        }
    }
    before.is_left(&world);
    eprintln!(
        "{rounds} rounds, {} of each of {ROLES:?}: nothing left; slowest end {slowest:?}",
        rounds / ROLES.len()
    );
}

/// Until then the supervisor has the descriptor alone, and afterwards the guard: with him gone, nobody seems
/// to answer who does not.
#[test]
fn a_guard_is_started_when_the_kernel_first_asks() {
    let world = world();
    let script = "echo up; until [ -e go ]; do sleep 0.02; done; : >/tmp/made; echo made; sleep 50";
    let run = Host::start(shell(&world, script));
    assert_eq!(run.line(), "up");
    let supervisor = i32::try_from(run.id()).unwrap();
    let asked = || {
        let family = children(supervisor).into_iter().chain([supervisor]);
        family.filter(|id| is_asked(*id)).collect::<Vec<_>>()
    };
    let alone = poll(|| (asked() == [supervisor]).then_some(()));
    assert!(alone.is_some(), "asked: {:?}", asked());
    assert_eq!(of_role(Role::Guard, supervisor), None);
    fs::write(world.project().join("go"), "").unwrap();
    assert_eq!(run.line(), "made");
    let guard = wait_for(Role::Guard, supervisor);
    assert_eq!(asked(), [guard]);
}

/// The moment that chance hardly meets: the index is written, and is to get its name.
#[test]
fn an_index_that_is_killed_before_it_has_a_name_is_gone() {
    if !support::tool("strace") {
        skip!("strace is not installed");
    }
    let world = world();
    let cache = world.home().join(".aigate/cache");
    let names = || {
        let entries = fs::read_dir(&cache).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names
            .filter(|name| name.starts_with('.'))
            .collect::<Vec<_>>()
    };
    for calls in ["linkat", "rename,renameat,renameat2"] {
        touch(&world);
        let mut run = world.command("strace");
        run.args(["-f", "-qq", "-o", "/dev/null", "-e"])
            .arg(format!("trace={calls}"))
            .arg("-e")
            .arg(format!("inject={calls}:signal=KILL"));
        let aigate = world.exec("true");
        run.arg(aigate.get_program()).args(aigate.get_args());
        let outcome = process::run(run);
        assert!(names().is_empty(), "{calls}: {:?}", names());
        if calls == "linkat" {
            assert_eq!(outcome.status.signal(), Some(9), "control arm: {outcome}");
        }
    }
}

/// The control arm: what the comparisons look for, they find.
#[test]
fn what_is_left_would_be_found() {
    let world = world();
    let before = Trace::of(&world);
    let mut sleeper = world.command("/bin/sh");
    sleeper.args(["-c", "echo; exec sleep 60"]);
    let sleeper = Host::start(sleeper);
    sleeper.line();
    let id = i32::try_from(sleeper.id()).unwrap();
    assert_eq!(left(&world, id), [id]);
    assert_eq!(left(&world, -1), [id], "by its environment alone");
    fs::write(world.home().join("stub"), "").unwrap();
    assert_eq!(before.unlike(&Trace::of(&world)).len(), 1);
}

#[test]
fn signals_that_end_a_run_reach_the_command_and_leave_nothing() {
    let world = world();
    assert!(world.sandboxed("true").ok());
    let before = Trace::of(&world);
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        for whole_group in [false, true] {
            let name = &signal.as_str()[3..];
            let script = format!(
                "trap 'echo caught; exit 7' {name}; echo ready; while :; do sleep 0.02; done"
            );
            let status = signalled(&world, &script, signal, whole_group, "caught");
            assert_eq!(status.code(), Some(7), "{signal}, {whole_group}: {status}");
            let script = "echo ready; exec sleep 50";
            let status = signalled(&world, script, signal, whole_group, "");
            assert_eq!(status.signal(), Some(signal as i32), "{status}");
        }
    }
    before.is_left(&world);
}

/// Runs a script in the sandbox until it is ready, sends the signal, and tells how the run ended.
fn signalled(
    world: &World,
    script: &str,
    signal: Signal,
    whole_group: bool,
    said: &str,
) -> ExitStatus {
    let mut run = Host::start(shell(world, script));
    assert_eq!(run.line(), "ready");
    let id = Pid::from_raw(i32::try_from(run.id()).unwrap());
    if whole_group {
        killpg(id, signal).unwrap();
    } else {
        kill(id, signal).unwrap();
    }
    if !said.is_empty() {
        assert_eq!(run.line(), said, "{signal}");
    }
    let status = run.end();
    nothing_left(world, id.as_raw());
    status
}

/// One round; how long it took until the last process was gone.
fn kill_one(world: &World, role: Role, random: &mut Random) -> Duration {
    let mut run = start(world);
    let own = i32::try_from(run.id()).unwrap();
    let victim = wait_for(role, own);
    // From the first moment of its life, through all that is built, to when everything runs.
    thread::sleep(Duration::from_micros(random.below(40_000)));
    // It was there a moment ago and ends only by our hand.
    kill(Pid::from_raw(victim), Signal::SIGKILL).unwrap();
    let start = Instant::now();
    match role {
        Role::Supervisor => assert_eq!(end(&mut run).signal(), Some(9)),
        // What the guard was asked when it died nobody else can answer.
        Role::Init | Role::Guard => assert_eq!(end(&mut run).code(), Some(125)),
        Role::Command => assert_eq!(end(&mut run).signal(), Some(9)),
        Role::Broker | Role::Keeper | Role::Daemon => {
            if role != Role::Daemon {
                replaced(own, victim);
            }
            let signals = [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGKILL];
            let signal = signals[usize::try_from(random.below(3)).unwrap()];
            kill(Pid::from_raw(own), signal).unwrap();
            let status = end(&mut run);
            assert_eq!(status.signal(), Some(signal as i32), "{role:?}: {status}");
        }
    }
    nothing_left(world, own);
    start.elapsed()
}

/// A run with a child in the background and one in a session of its own, which makes a file and asks for
/// the network: guard and broker are started for that.
fn start(world: &World) -> Child {
    let script =
        ": >/tmp/made; sleep 50 & setsid sleep 50 & getent hosts refused.example; sleep 50; true";
    shell(world, script)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap()
}

/// A script in the sandbox. What nohup or a shell made these tests ignore would be ignored in there
/// as well, as it should: here it is not.
fn shell(world: &World, script: &str) -> Command {
    let run = world.exec("/bin/sh");
    let mut shell = world.command("env");
    shell
        .arg("--default-signal=HUP,INT,TERM")
        .arg(run.get_program())
        .args(run.get_args())
        .args(["-c", script]);
    shell
}

/// Changes a directory, so that the next run writes its index again.
fn touch(world: &World) {
    let file = world.project().join("src/directory-0/new");
    fs::write(&file, "").unwrap();
    fs::remove_file(file).unwrap();
}

#[track_caller]
fn wait_for(role: Role, supervisor: i32) -> i32 {
    let found = poll(|| of_role(role, supervisor));
    found.unwrap_or_else(|| panic!("no {role:?} appeared"))
}

fn of_role(role: Role, supervisor: i32) -> Option<i32> {
    if role == Role::Supervisor {
        return Some(supervisor);
    }
    // Once a guard has it, the supervisor has it no more; a keeper has it for its first moment, and lets go.
    let given = !is_asked(supervisor);
    let own = children(supervisor);
    let (init, helpers): (Vec<i32>, Vec<i32>) = own.into_iter().partition(|id| is_init(*id));
    let init = *init.first()?;
    match role {
        Role::Supervisor | Role::Init => Some(init),
        Role::Broker => helpers.into_iter().find(|id| is_broker(*id)),
        Role::Guard => {
            let asked = helpers.into_iter().filter(|id| is_asked(*id));
            let asked: Vec<_> = asked.collect();
            (given && asked.len() == 1).then(|| asked[0])
        }
        // The broker is started when the command asks for the network.
        Role::Keeper => helpers
            .into_iter()
            .find(|id| !is_broker(*id) && !is_asked(*id)),
        Role::Command => children(init).first().copied(),
        Role::Daemon => {
            let command = children(init).first().copied()?;
            children(command)
                .into_iter()
                .find(|id| group(*id) == Some(*id))
        }
    }
}

/// A helper that was killed has a successor.
#[track_caller]
fn replaced(supervisor: i32, victim: i32) {
    let successor = poll(|| {
        let helpers = children(supervisor).into_iter().filter(|id| !is_init(*id));
        let helpers: Vec<_> = helpers.collect();
        (helpers.len() == 3 && !helpers.contains(&victim)).then_some(())
    });
    assert!(successor.is_some(), "the helper was not started again");
}

#[track_caller]
fn end(run: &mut Child) -> ExitStatus {
    poll(|| run.try_wait().unwrap()).expect("the run goes on and on")
}

fn poll<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + LIMIT;
    while Instant::now() < end {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        thread::sleep(Duration::from_micros(300));
    }
    None
}

#[track_caller]
fn nothing_left(world: &World, group: i32) {
    let gone = poll(|| left(world, group).is_empty().then_some(()));
    assert!(gone.is_some(), "left: {:?}", left(world, group));
}

/// Processes of this run: of its group, or with its marker in their environment.
fn left(world: &World, run: i32) -> Vec<i32> {
    let marker = format!("MARKED={}", world.root().display());
    let marked = |id: i32| {
        let text = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        text.split(|byte| *byte == 0)
            .any(|line| line == marker.as_bytes())
    };
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let processes = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    processes
        .filter(|id| group(*id) == Some(run) || marked(*id))
        .collect()
}

/// The process group; none for who has ended and only waits for its parent to ask how.
fn group(id: i32) -> Option<i32> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<_> = text.rsplit_once(')')?.1.split_whitespace().collect();
    (fields[0] != "Z").then(|| fields[2].parse().unwrap())
}

/// Whether a process is the first one of a process namespace of its own.
fn is_init(id: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    line.is_some_and(|ids| ids.split_whitespace().count() > 1)
}

/// What a run could leave behind besides processes, a line each: names and kinds below the world, and
/// all content but that of aigate's own directory; mounts; network links; temporary files.
struct Trace(BTreeSet<String>);

impl Trace {
    fn of(world: &World) -> Self {
        let own = world.home().join(".aigate");
        let files = place::picture(world.root()).into_iter();
        let files = files.map(|(path, (kind, content))| {
            let content = match path.starts_with(&own) {
                true => String::new(),
                false => String::from_utf8_lossy(&content).into_owned(),
            };
            format!("file {} {kind:o} {content}", path.display())
        });
        let lines = |path: &str, prefix: &str| {
            let text = fs::read_to_string(path).unwrap();
            let lines = text.lines().map(|line| format!("{prefix} {line}"));
            lines.collect::<Vec<_>>()
        };
        let links = lines("/proc/self/net/dev", "link").into_iter();
        let links = links.filter_map(|line| Some(line.split_once(':')?.0.to_owned()));
        // Other tests of this machine put their number into their names.
        let fixed = |name: &String| !name.contains(|letter: char| letter.is_ascii_digit());
        let temporary = temporary().into_iter().filter(fixed);
        Self(
            files
                .chain(lines("/proc/self/mountinfo", "mount"))
                .chain(links)
                .chain(temporary)
                .collect(),
        )
    }

    fn unlike<'a>(&'a self, other: &'a Self) -> Vec<&'a String> {
        self.0.symmetric_difference(&other.0).collect()
    }

    #[track_caller]
    fn is_left(&self, world: &World) {
        let now = Self::of(world);
        assert!(self.unlike(&now).is_empty(), "{:#?}", self.unlike(&now));
    }
}

/// Names of ours in the host's temporary directories.
fn temporary() -> Vec<String> {
    let folders = ["/tmp", "/var/tmp", "/dev/shm", "/run"];
    let entries = folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok());
    let names = entries.flatten().flatten();
    names
        .map(|entry| entry.path().to_string_lossy().into_owned())
        .filter(|name| name.contains("aigate"))
        .collect()
}

/// Xorshift: the same moments in every run, on a machine that is never the same.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 8) % limit
    }
}
