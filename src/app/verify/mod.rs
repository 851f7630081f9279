//! `verify`: attacks the sandbox of this project from inside, with the user's own rules.
//!
//! Each attack is tried twice by this same program. Outside it must work, or its refusal inside
//! would prove nothing; inside it must be refused.

mod arm;
mod targets;

use std::fmt;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::exec;
use super::policy::place;
use crate::config;
use crate::engine;
use crate::policy::paths::Verdict as Rule;
use crate::policy::{Decision, Host, Loss, Network, Policy, net};
use crate::verify::{self, Attack, Props, Way};

pub use crate::verify::victim;

/// What to verify.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The tool, or the name under `profiles:`, whose sandbox is meant.
    pub profile: Option<String>,
    /// Files that are to be tried besides those that the rules hide.
    pub files: Vec<PathBuf>,
}

/// How one attack ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It came through: a hole, with what may explain it.
    Reached(String),
    /// It was refused inside and works outside.
    Refused(Errno),
    /// It came through because the policy leaves this open; how to close it.
    Open(String),
    /// It was refused inside, and outside too: that shows nothing.
    NotShown {
        /// Inside.
        inside: Errno,
        /// Outside.
        outside: Errno,
    },
}

/// One attack and how it ended.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// What was tried, in words.
    pub attack: String,
    /// On what.
    pub target: String,
    /// How it ended.
    pub verdict: Verdict,
}

/// Something that was not tried.
#[derive(Debug, Clone)]
pub struct Omission {
    /// What.
    pub what: String,
    /// Why not.
    pub why: String,
}

/// Everything that was tried.
#[derive(Debug, Clone)]
pub struct Report {
    /// The project whose sandbox it was.
    pub project: PathBuf,
    /// In order.
    pub attempts: Vec<Attempt>,
    /// What was not tried.
    pub omitted: Vec<Omission>,
    /// How long it took.
    pub took: Duration,
}

impl Report {
    /// Whether nothing was reached that the policy closes.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.count(|verdict| matches!(verdict, Verdict::Reached(_))) == 0
    }

    /// How many attacks ended so.
    pub fn count(&self, ended: impl Fn(&Verdict) -> bool) -> usize {
        let attempts = self.attempts.iter();
        attempts.filter(|attempt| ended(&attempt.verdict)).count()
    }
}

/// Why nothing can be said.
#[derive(Debug)]
pub enum Error {
    /// The rules cannot be read.
    Config(config::Error),
    /// The rules cannot be looked up on this host.
    Engine(engine::Error),
    /// This is the inside of a sandbox.
    Inside,
    /// What the attacks are tried on could not be made.
    Stage(&'static str, io::Error),
    /// One of the two runs did not report.
    Arm {
        /// Which.
        which: &'static str,
        /// What it said.
        said: String,
    },
    /// No attack works outside, so nothing is shown.
    NothingShown,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Engine(error) => error.fmt(f),
            Self::Inside => f.write_str(
                "this is the inside of a sandbox, where the control arm of an attack cannot be \
                 tried; run `aigate verify` in a terminal of your own",
            ),
            Self::Stage(what, error) => write!(f, "{what}: {error}"),
            Self::Arm { which, said } => write!(f, "the attacks {which} did not report: {said}"),
            Self::NothingShown => f.write_str(
                "no attack works outside the sandbox either, so nothing is shown about it",
            ),
        }
    }
}

impl std::error::Error for Error {}

impl From<config::Error> for Error {
    fn from(error: config::Error) -> Self {
        Self::Config(error)
    }
}

impl From<engine::Error> for Error {
    fn from(error: engine::Error) -> Self {
        Self::Engine(error)
    }
}

/// Tries everything in both arms.
pub fn run(request: &Request) -> Result<Report, Error> {
    if engine::inside() {
        return Err(Error::Inside);
    }
    let start = Instant::now();
    let policy = config::load(&rules(request)?)?;
    let mut arms = arm::Arms::start()?;
    let stage = Props::set(arms.victim()?);
    let stage = stage.map_err(|error| Error::Stage("what is aimed at", error))?;
    let (attacks, omitted) = targets::choose(&policy, request, &stage)?;
    let outside = arms.outside(&attacks)?;
    let inside = arms.inside(&attacks, request.profile.as_deref())?;
    let results = outside.into_iter().zip(inside);
    let attempts = attacks
        .iter()
        .zip(results)
        .map(|(attack, (outside, inside))| {
            let (title, target) = words(attack);
            Attempt {
                attack: title,
                target,
                verdict: judge(&policy, attack, outside, inside),
            }
        });
    let report = Report {
        project: policy.project.clone(),
        attempts: attempts.collect(),
        omitted,
        took: start.elapsed(),
    };
    match report.count(|verdict| !matches!(verdict, Verdict::NotShown { .. })) {
        0 => Err(Error::NothingShown),
        _ => Ok(report),
    }
}

/// The run that is put into the sandbox: this program again, which then calls [`attack`].
///
/// It is started by a path that works wherever the program's own file may be hidden.
pub fn confined(profile: Option<&str>) -> Result<exec::Ended, exec::Error> {
    let request = exec::Request {
        program: arm::SELF.into(),
        args: vec!["verify".into(), arm::ATTACK.into()],
        unrecorded: true,
        ..exec::Request::here(place::request(profile).map_err(unreadable)?)
    };
    exec::run(&request)
}

fn unreadable(error: super::policy::Error) -> exec::Error {
    match error {
        super::policy::Error::Config(error) => error.into(),
        other => exec::Error::Network(other.to_string()),
    }
}

/// Tries the attacks of the plan on `input` and writes their results to `output`.
pub fn attack(mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut text = String::new();
    input.read_to_string(&mut text)?;
    let plan: verify::Plan = serde_json::from_str(&text)?;
    serde_json::to_writer(&mut output, &verify::run(&plan)?)?;
    output.flush()
}

fn rules(request: &Request) -> Result<config::Request, Error> {
    place::request(request.profile.as_deref()).map_err(|error| match error {
        super::policy::Error::Config(error) => Error::Config(error),
        other => Error::Stage("the rules", io::Error::other(other.to_string())),
    })
}

fn judge(policy: &Policy, attack: &Attack, outside: i32, inside: i32) -> Verdict {
    let errno = Errno::from_raw;
    match (inside, outside) {
        (0, _) => match left_open(policy, attack) {
            Some(how) => Verdict::Open(how),
            None => Verdict::Reached(reason(policy, attack)),
        },
        (refused, 0) => Verdict::Refused(errno(refused)),
        (refused, outside) => Verdict::NotShown {
            inside: errno(refused),
            outside: errno(outside),
        },
    }
}

/// How to close what the policy leaves open on purpose.
fn left_open(policy: &Policy, attack: &Attack) -> Option<String> {
    let address = match attack {
        Attack::Network { address, .. } => address,
        other => return given_up(policy, other),
    };
    if policy.network == Network::Open {
        let by = &policy.network_origin;
        return Some(format!("left open by {by}; `network: filtered` closes it"));
    }
    match net::decide(&policy.net, &Host::Ip(address.ip()), address.port()) {
        Decision::Allow(rule) => Some(format!("left open by {}", rule.origin)),
        Decision::Deny(_) => None,
    }
}

/// What this engine cannot keep, and the user does without.
fn given_up(policy: &Policy, attack: &Attack) -> Option<String> {
    let loss = match attack {
        Attack::ProcessDescriptor(_) | Attack::KernelMemory(_) => Loss::Processes,
        Attack::WriteProtected(_) | Attack::MoveAway(..) => Loss::Protected,
        _ => return None,
    };
    let lost = policy.engine.losses().contains(&loss) && policy.accepted.contains(&loss);
    lost.then(|| format!("given up by `accept_losses: [{}]`", loss.word()))
}

fn reason(policy: &Policy, attack: &Attack) -> String {
    let Attack::Read(_, file) = attack else {
        return "the sandbox does not hold here; please report it".to_owned();
    };
    let path = std::path::Path::new(&file.path);
    match policy.read.verdict(path, false) {
        Rule::Denied(by) => format!("although {by} hides it; please report it"),
        Rule::Reallowed(by) => format!("re-allowed by {by}"),
        Rule::Silent => format!(
            "no rule hides it; `aigate deny read {}` does",
            shell_words::quote(&path.to_string_lossy())
        ),
    }
}

/// What is tried, and on what.
fn words(attack: &Attack) -> (String, String) {
    let path = |path: &std::ffi::OsString| path.to_string_lossy().into_owned();
    let process = |victim: &verify::Victim| format!("process {}", victim.pid);
    let (title, target) = match attack {
        Attack::Read(way, file) => (way_in_words(*way), path(&file.path)),
        Attack::ReadTemporary(file) => ("read a temporary file of the host", path(&file.path)),
        Attack::WriteProtected(at) => ("write what is protected", path(&at.path)),
        Attack::WriteOutside(at) => ("make a file outside the project", path(&at.path)),
        Attack::MoveAway(from, _) => ("move a directory of protected files away", path(from)),
        Attack::KernelSetting(at) => ("write a setting of the kernel", path(at)),
        Attack::KernelMemory(at) => ("read what belongs to the kernel", path(at)),
        Attack::Device(at) => ("open a device", path(at)),
        Attack::Socket(at) => ("connect to a socket of the host", path(at)),
        Attack::AbstractSocket(name) => ("connect to an abstract socket", format!("@{name}")),
        Attack::Signal(victim) => ("signal a process of the host", process(victim)),
        Attack::SignalGroup => ("signal the caller's process group", "kill(0)".to_owned()),
        Attack::Trace(victim) => ("trace a process of the host", process(victim)),
        Attack::ReadMemory(victim) => ("read the memory of a process", process(victim)),
        Attack::ProcessDescriptor(victim) => ("hold a process by a descriptor", process(victim)),
        Attack::ReadEnvironment(victim) => ("read the environment of a process", process(victim)),
        Attack::SharedMemory(id) => ("find shared memory of the host", format!("segment {id}")),
        Attack::Variable(name) => ("find a secret variable", path(name)),
        Attack::Descriptor(fd, ..) => ("use an inherited descriptor", format!("descriptor {fd}")),
        Attack::Network { address, .. } => (network_in_words(*address), address.to_string()),
        Attack::Kernel(probe) => (probe.title(), "the kernel".to_owned()),
    };
    (title.to_owned(), target)
}

fn way_in_words(way: Way) -> &'static str {
    match way {
        Way::Name => "read a hidden file by its name",
        Way::OwnRoot => "read a hidden file through /proc/self/root",
        Way::InitRoot => "read a hidden file through /proc/1/root",
        Way::Link => "read a hidden file through a symbolic link",
        Way::HardLink => "read a hidden file through a hard link",
        Way::Renamed => "read a hidden file under another name",
        Way::Unmount => "unmount a mask in a nested user namespace",
        Way::Bind => "bind around a mask in a nested user namespace",
        Way::Clone => "clone the tree below a mask in a nested user namespace",
    }
}

fn network_in_words(address: std::net::SocketAddr) -> &'static str {
    if address.ip().is_loopback() {
        "reach the host's loopback"
    } else if address.ip() == targets::METADATA {
        "reach the cloud's metadata address"
    } else {
        "reach an address without a name"
    }
}
