//! Runs one command in the sandbox of the project it is started in.

use std::cell::Cell;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::image::{image, resolve_program};
use super::instead::{Instead, network};
use super::programs::{self, Unlisted};
use super::record::{Recorder, Unrecorded};
use super::refusals::Refused;
use super::secrets;
use crate::audit::{self, Event, Finish};
use crate::config;
use crate::egress;
use crate::engine::limits::{Loss, Prepared};
use crate::engine::linux::netns;
use crate::engine::live::{self, Live};
use crate::engine::view::{View, Wanted};
use crate::engine::{self, git, scan, seatbelt, sockets, supervisor};
use crate::output::{self, Redacted};
use crate::policy::{Audit, Engine, Grant, Layer, Network, Origin, Policy};
use crate::redact::{self, Rules};

pub use crate::engine::Exit;
use crate::engine::plan::Maker;
pub use crate::engine::plan::Plan;
use crate::engine::scan::Found;

/// A command to run.
#[derive(Debug, Clone)]
pub struct Request {
    /// The program: a name to look up on PATH, or a path.
    pub program: OsString,
    /// What the program is told about its own name; by default `program` as it was typed.
    pub argv0: Option<OsString>,
    /// Its arguments, without its name.
    pub args: Vec<OsString>,
    /// Which rules apply besides the files.
    pub config: config::Request,
    /// Where the program keeps its state: writable besides what the rules say.
    pub state: Vec<PathBuf>,
    /// Variables that the program gets whatever the caller has and the rules say.
    pub env: Vec<(OsString, OsString)>,
    /// Whether the program is a tool of the catalogue, which starts although no line lists it.
    pub is_tool: bool,
    /// Whether the log stays silent about it: it is our own attack, nobody's work.
    pub unrecorded: bool,
    /// The program that applies a profile of Seatbelt, where there is one.
    pub sandbox_exec: Option<PathBuf>,
}

impl Request {
    /// Nothing to run yet, by these rules.
    #[must_use]
    pub fn here(config: config::Request) -> Self {
        Self {
            program: OsString::new(),
            argv0: None,
            args: Vec::new(),
            config,
            state: Vec::new(),
            env: Vec::new(),
            is_tool: false,
            unrecorded: false,
            sandbox_exec: seatbelt::program().map(Path::to_owned),
        }
    }

    fn load(&self) -> Result<Policy, config::Error> {
        let mut policy = config::load(&self.config)?;
        let origin = Origin::without_file(Layer::Profile, "state");
        let grant = |path: &PathBuf| Grant {
            path: path.clone(),
            origin: origin.clone(),
        };
        policy.writable.extend(self.state.iter().map(grant));
        if self.unrecorded {
            policy.audit = Audit::Off;
        }
        Ok(policy)
    }
}

/// Why nothing was run.
#[derive(Debug)]
pub enum Error {
    /// The rules could not be read.
    Config(config::Error),
    /// The sandbox could not be made, or the program not started.
    Engine(engine::Error),
    /// A rule denies what was to be run.
    Denied {
        /// The program and its arguments.
        what: String,
        /// The rule.
        rule: Origin,
    },
    /// The network cannot be what the policy or the environment says.
    Network(String),
    /// Ceilings cannot be enforced, and the policy wants them to be.
    Limits(Vec<Loss>),
    /// What is to be redacted cannot be searched for.
    Redaction(redact::Error),
    /// The caller's streams cannot be replaced by redacted ones.
    Output(io::Error),
    /// The run is not recorded, and the policy wants it to be.
    Unrecorded(Unrecorded),
    /// A word of the command line that no program can be given.
    NulByte(OsString),
    /// Only listed programs start, and this one is not listed.
    Unlisted(Box<Unlisted>),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => write!(f, "{error}"),
            Self::Engine(error) => write!(f, "{error}"),
            Self::Denied { what, rule } => write!(f, "{}; nothing was run", denied(what, rule)),
            Self::Network(why) => write!(f, "network: {why}; nothing was run"),
            Self::Limits(losses) => {
                for loss in losses {
                    writeln!(f, "resource_limits: {loss}")?;
                }
                write!(f, "`required: true` refuses that; nothing was run")
            }
            Self::Redaction(error) => write!(f, "{error}; nothing was run"),
            Self::Output(error) => write!(
                f,
                "mask_stdout: the output cannot be redacted: {error}; nothing was run"
            ),
            Self::Unrecorded(unrecorded) => unrecorded.fmt(f),
            Self::Unlisted(unlisted) => write!(f, "{unlisted}; nothing was run"),
            Self::NulByte(word) => write!(f, "{}: contains a NUL byte", word.display()),
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// The exit code that tells shells and scripts what went wrong.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Engine(engine::Error::NotFound(_)) => 127,
            Self::Engine(engine::Error::NotExecutable { .. })
            | Self::Denied { .. }
            | Self::Unlisted(_) => 126,
            _ => 125,
        }
    }
}

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

/// Where what scans found is kept, below the home directory.
pub(super) const INDICES: &str = ".aigate/cache";

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// The command's own end.
    pub exit: Exit,
    /// What could not be written into the log.
    pub unrecorded: Option<Unrecorded>,
    /// What was refused and a rule would open.
    pub refused: Vec<Refused>,
}

/// Runs the command and tells how it ended.
pub fn run(request: &Request) -> Result<Ended, Error> {
    let policy = request.load()?;
    let home = policy.home.clone();
    let argv0 = request.argv0.as_ref().unwrap_or(&request.program);
    let command: Vec<_> = [argv0].into_iter().chain(&request.args).cloned().collect();
    let profile = request.config.profile.as_ref();
    let started = Event::RunStarted {
        command: &command,
        cwd: &request.config.cwd,
        project: &policy.project,
        profile: profile.map(|profile| profile.name.as_str()),
    };
    let (recorder, noted) = Recorder::start(&policy, &started).map_err(Error::Unrecorded)?;
    let result = confine(request, policy, &recorder);
    let failure = result.as_ref().err().map(ToString::to_string);
    let finish = match (&result, &failure) {
        (Ok(Exit::Code(code)), _) => Finish::Code(*code),
        (Ok(Exit::Signal(signal)), _) => Finish::Signal(*signal),
        (Err(_), why) => Finish::Failed(why.as_deref().unwrap_or_default()),
    };
    let unrecorded = recorder.end(finish, &home).or(noted);
    match (result?, unrecorded) {
        (_, Some(unrecorded)) if recorder.is_required() => Err(Error::Unrecorded(unrecorded)),
        (exit, unrecorded) => Ok(Ended {
            exit,
            unrecorded,
            refused: recorder.refused(),
        }),
    }
}

/// What is said of a start that a rule denies.
pub(super) fn denied(what: &str, rule: &Origin) -> String {
    let text = shell_words::quote(&rule.text);
    format!("{what}: denied by {rule}; to allow it, outside: aigate allow exec {text}")
}

/// Refuses what a rule denies before anything is made for it.
fn permit(request: &Request, program: &Path, policy: &Policy) -> Result<(), Error> {
    let real = fs::canonicalize(program).ok();
    let words: Vec<&OsStr> = request.args.iter().map(OsString::as_os_str).collect();
    let mut names = [Some(program), real.as_deref()].into_iter().flatten();
    let Some(rule) = names.find_map(|name| policy.exec.judge(name, &words)) else {
        return Ok(());
    };
    let command = [program.as_os_str().to_owned()].into_iter();
    let command: Vec<OsString> = command.chain(request.args.iter().cloned()).collect();
    Err(Error::Denied {
        what: audit::shown(&command),
        rule: rule.clone(),
    })
}

fn confine(request: &Request, policy: Policy, recorder: &Recorder) -> Result<Exit, Error> {
    let program = resolve_program(&request.program, &request.config.cwd)?;
    permit(request, &program, &policy)?;
    let files = live::Files::now(policy_files(&request.config, &policy));
    let found = scan::find(&policy, &policy.home.join(INDICES))?;
    let redacted = redact(&policy, &found, recorder)?;
    let foreground = matches!(redacted, Some(Redacted::Relayed));
    let program = program.as_path();
    let result = confine_here(
        request, program, policy, files, &found, recorder, foreground,
    );
    if let Some(Redacted::Pumped(pump)) = redacted {
        pump.finish();
    }
    result
}

/// Puts redaction between the command and the caller, if the policy asks for it.
fn redact(policy: &Policy, found: &Found, recorder: &Recorder) -> Result<Option<Redacted>, Error> {
    if policy.redact.is_empty() {
        return Ok(None);
    }
    let values = secrets::values(policy, &found.hidden);
    let rules = Rules::compile(&policy.redact, values).map_err(Error::Redaction)?;
    let tell = |rule: &Origin, stream: &'static str, count| {
        recorder.note(&Event::Redacted {
            rule,
            stream,
            count,
        });
    };
    output::redact(&rules, &tell)
        .map(Some)
        .map_err(Error::Output)
}

fn confine_here(
    request: &Request,
    program: &Path,
    policy: Policy,
    files: live::Files,
    found: &Found,
    recorder: &Recorder,
    foreground: bool,
) -> Result<Exit, Error> {
    let limits = limits(&policy, recorder)?;
    let mut instead = Instead::of(&policy)?;
    let plan = plan(&policy, found, request, program, &instead)?.limited(limits.own);
    let image = image(request, program, &policy, &instead)?;
    let live = Live {
        files,
        reload: &|| {
            let policy = request.load().ok();
            let readable = policy.is_some();
            recorder.note(&Event::PolicyChanged { readable });
            policy
        },
    };
    let settings = broker_settings()?;
    let front = Cell::new(instead.front.take());
    let broker = |sockets, policy: &Policy| {
        let (rules, settings) = (broker_rules(policy), settings.clone());
        let told = recorder.of_broker(&policy.project);
        let broker = match front.take() {
            Some(front) => egress::Broker::at(front, rules, settings, told)?,
            None => egress::Broker::start(sockets, rules, settings, told)?,
        };
        let follow = move |policy: &Policy| broker.update(broker_rules(policy));
        Ok(Box::new(follow) as Box<dyn Fn(&Policy)>)
    };
    let run = supervisor::Run {
        policy,
        plan: &plan,
        image: &image,
        live,
        broker: &broker,
        guard: &|policy, seen| recorder.of_guard(policy, seen),
        foreground,
        temporary: instead.temporary(),
        group: limits.group.as_ref(),
        sandbox_exec: request.sandbox_exec.as_deref(),
        // Without it the next start reads the directories again.
        afterwards: &|| found.indexes.iter().for_each(|index| drop(index.write())),
    };
    Ok(supervisor::run(run)?)
}

/// Ceilings that are not enforced here are told, or refused.
fn limits(policy: &Policy, recorder: &Recorder) -> Result<Prepared, Error> {
    let prepared = engine::limits::prepare(&policy.limits);
    if policy.limits.required.is_some() && !prepared.losses.is_empty() {
        return Err(Error::Limits(prepared.losses));
    }
    for loss in &prepared.losses {
        recorder.note(&Event::Unenforced {
            limit: loss.limit,
            why: &format!("{}; {}", loss.instead, loss.why),
            rule: &loss.origin,
        });
    }
    Ok(prepared)
}

/// What [`run`] would do, without doing it.
pub fn dry_run(request: &Request) -> Result<Plan, Error> {
    let policy = request.load()?;
    let program = resolve_program(&request.program, &request.config.cwd)?;
    let found = scan::find(&policy, &policy.home.join(INDICES))?;
    plan(&policy, &found, request, &program, &Instead::default())
}

/// Lets the account of `engine: user` into what the rules open here, and out of what they hide, as the
/// next start would. Every start does it, so a place where nothing can be started has nothing to do.
pub fn settle(config: config::Request) {
    let request = Request {
        program: "true".into(),
        ..Request::here(config)
    };
    let is_user = |policy: &Policy| policy.engine == Engine::User;
    let by_user = request.load().is_ok_and(|policy| is_user(&policy));
    let plan = by_user.then(|| dry_run(&request).ok()).flatten();
    if let Some(Maker::User(by)) = plan.map(|plan| plan.maker) {
        drop(by.settle());
    }
}

/// Every file whose change changes the policy, present or not.
fn policy_files(request: &config::Request, policy: &Policy) -> Vec<PathBuf> {
    let (home, project) = (&policy.home, &policy.project);
    // The policy was loaded a moment ago, so the directories can be looked at.
    let files = config::discover::files(&request.cwd, project, home);
    let mut files = files.unwrap_or_default();
    files.extend([
        request.managed.clone(),
        home.join(".aigate/config.yaml"),
        config::trust::project_file(home, project),
        project.join(config::discover::FILE),
    ]);
    files
}

fn plan(
    policy: &Policy,
    found: &Found,
    request: &Request,
    program: &Path,
    instead: &Instead,
) -> Result<Plan, Error> {
    let cwd = &request.config.cwd;
    let tool = request.is_tool.then(|| program.to_owned());
    let list = programs::executables(policy, tool);
    if let Some(list) = &list
        && let Some(unlisted) = programs::unlisted(policy, list, program)
    {
        return Err(Error::Unlisted(Box::new(unlisted)));
    }
    let paths = |grants: &[Grant]| grants.iter().map(|g| g.path.clone()).collect::<Vec<_>>();
    let reopened = policy.read.reopened().map(|(path, _)| path.to_owned());
    let sockets = paths(&policy.unix_sockets);
    let is_open = |socket: &PathBuf| sockets.iter().any(|open| socket.starts_with(open));
    let closed = sockets::of_host()
        .into_iter()
        .filter(|socket| !is_open(socket));
    let git = git::elsewhere(&policy.project);
    let git_data = git.iter().flat_map(|git| git.writable.iter().cloned());
    let git_code = git.iter().flat_map(|git| git.protected.iter().cloned());
    let denied = programs::denied(policy).into_iter().map(|(path, _)| path);
    let hidden = found.hidden.iter().cloned().chain(denied);
    let wanted = Wanted {
        project: policy.project.clone(),
        home: policy.home.clone(),
        writable: paths(&policy.writable)
            .into_iter()
            .chain(git_data)
            .chain(instead.temporary().map(Path::to_owned))
            .collect(),
        copy_on_write: paths(&policy.copy_on_write),
        readable: reopened.chain(sockets.iter().cloned()).collect(),
        protected: found.protected.iter().cloned().chain(git_code).collect(),
        hidden: hidden.chain(closed).collect(),
        cwd: cwd.to_owned(),
        texts: network_texts(policy.network),
        network: network(policy),
    };
    let view = View::resolve(&wanted)?;
    let plan = Plan::new(&view);
    let plan = match &list {
        Some(list) => plan.only(&view, list),
        None => plan,
    };
    let programs = programs::places(program);
    Ok(plan.by(policy, &programs, instead.port())?)
}

/// Who is asked for names inside: the broker, and no daemon of the host.
fn network_texts(network: Network) -> Vec<(PathBuf, String)> {
    if network != Network::Filtered {
        return Vec::new();
    }
    let name = nix::sys::utsname::uname().map(|host| host.nodename().to_owned());
    let name = name.unwrap_or_default();
    let nsswitch = fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default();
    vec![
        ("/etc/resolv.conf".into(), netns::resolv_conf()),
        ("/etc/hosts".into(), netns::hosts(&name.to_string_lossy())),
        ("/etc/nsswitch.conf".into(), netns::nsswitch(&nsswitch)),
    ]
}

/// How the host itself reaches the network.
fn broker_settings() -> Result<egress::Settings, Error> {
    let variable = |name: &str| env::var(name).ok();
    Ok(egress::Settings {
        files: egress::HostFiles::default(),
        upstream: egress::Upstream::from_variables(variable).map_err(Error::Network)?,
    })
}

fn broker_rules(policy: &Policy) -> egress::Rules {
    egress::Rules {
        net: policy.net.clone(),
        publish_ports: policy.publish_ports.clone(),
    }
}
