//! What the engine will do, as data: one [`Step`] a line, in the order in which it is applied.

use std::fmt;
use std::path::{Path, PathBuf};

use super::Error;
use super::bwrap::{self, Bwrap};
use super::landlock::{self, Allowed};
use super::limits::OwnLimits;
use super::linux::guard;
use super::linux::netns::NetPlan;
use super::seatbelt;
use super::unfit::Unfit;
use super::user::{self, ByUser};
use super::view::{Access, Content, Kind, Layer, View};
use crate::policy::{Engine, Policy};

/// One change that makes the sandbox. `Display` is the line of `--dry-run` and of error messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Map the caller's own IDs, and no others, into the new user namespace.
    Identity { uid: u32, gid: u32 },
    /// Cut the copied mounts off from the host's, both ways.
    PrivateMounts,
    /// Set the tree at this path aside as it is now, writable, to be attached later.
    Keep(PathBuf),
    /// Make every mount read-only, without device nodes and set-user-ID.
    ReadOnly,
    /// A new, empty file system in memory.
    Tmpfs { at: PathBuf, mode: u32 },
    /// A directory inside one of our own tmpfs; an existing one is left as it is.
    Directory { at: PathBuf, mode: u32 },
    /// Attach the tree that was kept from this path at the same path.
    Attach {
        at: PathBuf,
        kind: Kind,
        access: Access,
    },
    /// Cover a directory with a writable copy of itself, whose changes are kept in memory.
    Copy(PathBuf),
    /// `/dev` with the harmless nodes, its own pts and shm, and the caller's terminal as console.
    Devices { terminal: Option<PathBuf> },
    /// `/proc` of the new PID namespace.
    Proc,
    /// Make a path its own mount so that it cannot be renamed away.
    Pin(PathBuf),
    /// Make an existing path read-only where it stands in a writable directory.
    Protect(PathBuf),
    /// Cover a path: a directory looks empty, a file cannot be opened.
    Mask { at: PathBuf, kind: Kind },
    /// A read-only directory of our own: the file by which programs of ours know that they are inside,
    /// what masks are clones of, and these texts.
    Own { texts: Vec<String> },
    /// No user namespaces inside this one.
    NoNesting,
    /// Nothing on the mounts at and below this path is executed or mapped as code.
    NoExecute(PathBuf),
    /// What stands here may be executed, or mapped as code, all the same.
    Execute {
        /// Where.
        at: PathBuf,
        /// Whether it becomes read-only, too.
        access: Access,
    },
    /// The kernel executes these files, what lies in these directories, and nothing else.
    OnlyListed(Vec<PathBuf>),
    /// Enter the working directory again, by its path in the new tree.
    Enter(PathBuf),
    /// A network of its own, with no way out but the broker's sockets.
    Network(NetPlan),
    /// The text with this number in our own directory, instead of the host's file.
    Text { at: PathBuf, number: usize },
    /// Limits of the first process, which all others inherit.
    Limit(OwnLimits),
    /// No program gains privileges; whoever starts it drops those that there are.
    NoNewPrivileges,
    /// What a rule of Landlock opens; nothing else is open once the fence is closed.
    Allow { at: PathBuf, allowed: Allowed },
    /// Close Landlock's fence around what was allowed; without a network, around ports as well.
    Fence { network: bool },
    /// Try to read what must not be readable.
    Unreadable(PathBuf),
    /// Drop the capabilities that there are.
    DropCapabilities,
    /// Drop every capability and the means to gain one.
    DropPrivileges,
    /// No signals and no abstract sockets across the boundary.
    Scope,
    /// Refuse the system calls that agents do not need and attackers do.
    Filter,
    /// The same, and ask before a name is made that may be protected; before a program starts too, if
    /// `programs`.
    Ask { programs: bool },
}

/// Where the directory of [`Step::Own`] stands.
pub const OWN: &str = "/run/aigate";

/// The marker in that directory.
pub const MARKER: &str = "/run/aigate/inside";

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity { uid, gid } => write!(f, "identity: uid {uid}, gid {gid}"),
            Self::PrivateMounts => write!(f, "private mounts"),
            Self::Keep(path) => write!(f, "keep: {}", path.display()),
            Self::ReadOnly => write!(f, "read-only: /"),
            Self::Tmpfs { at, mode } => write!(f, "tmpfs: {} (mode {mode:04o})", at.display()),
            Self::Directory { at, mode } => {
                write!(f, "directory: {} (mode {mode:04o})", at.display())
            }
            Self::Attach { at, access, .. } => write!(f, "attach: {} ({access})", at.display()),
            Self::Copy(path) => write!(f, "copy on write: {}", path.display()),
            Self::Devices {
                terminal: Some(tty),
            } => write!(f, "devices: /dev, {}", tty.display()),
            Self::Devices { terminal: None } => write!(f, "devices: /dev"),
            Self::Proc => write!(f, "proc: /proc"),
            Self::Pin(path) => write!(f, "pin: {}", path.display()),
            Self::Protect(path) => write!(f, "protect: {}", path.display()),
            Self::Mask { at, kind } => write!(f, "mask: {} ({kind})", at.display()),
            Self::NoNesting => write!(f, "no nested user namespaces"),
            Self::NoExecute(path) => write!(f, "no execute: {}", path.display()),
            Self::Execute {
                at,
                access: Access::ReadOnly,
            } => write!(f, "execute: {} (read-only)", at.display()),
            Self::Execute { at, .. } => write!(f, "execute: {}", at.display()),
            Self::OnlyListed(listed) => {
                write!(f, "only listed:")?;
                let mut listed = listed.iter();
                listed.try_for_each(|path| write!(f, " {}", path.display()))
            }
            Self::Own { .. } => write!(f, "our own: {OWN}"),
            Self::Enter(path) => write!(f, "enter: {}", path.display()),
            Self::Network(plan) if plan.filtered => write!(f, "network: through the broker"),
            Self::Network(_) => write!(f, "network: loopback only"),
            Self::Text { at, .. } => write!(f, "text: {}", at.display()),
            Self::Limit(limits) => write!(f, "limit: {limits}"),
            Self::NoNewPrivileges => write!(f, "no new privileges"),
            Self::Allow { at, allowed } => write!(f, "allow: {} ({allowed})", at.display()),
            Self::Fence { network: true } => write!(f, "fence: files, signals"),
            Self::Fence { network: false } => write!(f, "fence: files, signals, ports"),
            Self::Unreadable(path) => write!(f, "unreadable: {}", path.display()),
            Self::DropCapabilities => write!(f, "drop capabilities"),
            Self::DropPrivileges => write!(f, "drop privileges: capabilities, set-user-ID"),
            Self::Scope => write!(f, "scope: signals, abstract sockets"),
            Self::Filter => write!(f, "filter: system calls"),
            Self::Ask { programs: false } => write!(f, "filter: system calls; asks for names"),
            Self::Ask { programs: true } => {
                write!(f, "filter: system calls; asks for names and programs")
            }
        }
    }
}

impl From<Layer> for Step {
    fn from(Layer { path: at, content }: Layer) -> Self {
        match content {
            Content::Empty(mode) => Self::Tmpfs { at, mode },
            Content::Directory(mode) => Self::Directory { at, mode },
            Content::Copy => Self::Copy(at),
            Content::Host(kind, access) => Self::Attach { at, kind, access },
        }
    }
}

/// The steps of one run, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Applied by the first process of the sandbox.
    pub steps: Vec<Step>,
    /// Whether the sandbox has a network namespace of its own.
    pub own_network: bool,
    /// Who makes the sandbox.
    pub maker: Maker,
}

/// Who makes the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Maker {
    /// The first process, in namespaces of its own.
    Native,
    /// Bubblewrap makes the namespaces and mounts.
    Bwrap(Bwrap),
    /// The kernel, by Landlock's rules and a filter of system calls: there are no namespaces.
    Landlock {
        /// Whether the host's network is reached; otherwise none is.
        network: bool,
    },
    /// The kernel, by what another user may do, and Landlock where there is one.
    User(Box<ByUser>),
    /// The kernel of macOS, by this profile.
    Seatbelt(String),
}

impl Maker {
    /// Whether the command starts in namespaces that processes of ours can enter.
    #[must_use]
    pub fn is_native(&self) -> bool {
        *self == Self::Native
    }

    /// Whether there are no namespaces; then, whether the host's network is reached.
    #[must_use]
    pub fn without_namespaces(&self) -> Option<bool> {
        match self {
            Self::Landlock { network } => Some(*network),
            Self::User(by) => Some(by.network),
            Self::Native | Self::Bwrap(_) | Self::Seatbelt(_) => None,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Maker::Seatbelt(profile) = &self.maker {
            // What follows is a comment to the profile, so that all of it can be handed over as it is.
            write!(f, "{profile}")?;
            let mut steps = self.steps.iter().map(ToString::to_string);
            return steps.try_for_each(|step| writeln!(f, "; {}", step.escape_debug()));
        }
        let network = if self.own_network { ", net" } else { "" };
        match &self.maker {
            Maker::Native => {
                writeln!(f, "namespaces: user, mount, pid, ipc, uts, cgroup{network}")?;
            }
            Maker::Landlock { .. } => writeln!(f, "namespaces: none")?,
            Maker::User(by) => {
                writeln!(f, "namespaces: none\naccount: {}", by.account.user)?;
                for (at, opened) in &by.openings {
                    writeln!(f, "list: {} ({opened})", at.display())?;
                }
            }
            Maker::Bwrap(bwrap) => {
                let words = bwrap.arguments.iter().map(|word| word.to_string_lossy());
                let program = bwrap.program.display();
                writeln!(f, "{program} {}", shell_words::join(words))?;
            }
            Maker::Seatbelt(_) => {}
        }
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

impl Plan {
    /// The steps that make `view` true.
    #[must_use]
    pub fn new(view: &View) -> Self {
        let mut steps = vec![
            Step::Identity {
                uid: view.uid,
                gid: view.gid,
            },
            Step::PrivateMounts,
        ];
        steps.extend(view.network.clone().map(Step::Network));
        // Everything that is attached again is set aside while it is still writable and visible.
        let is_host = |layer: &&Layer| matches!(layer.content, Content::Host(..));
        let kept = view.layers.iter().filter(is_host).map(|layer| &layer.path);
        steps.extend(kept.chain(&view.devices).cloned().map(Step::Keep));
        steps.push(Step::ReadOnly);
        // `/run` first: what masks and copies are made from lies in there.
        let layers = view.layers.iter().cloned();
        let (run, rest): (Vec<_>, Vec<_>) =
            layers.partition(|layer| layer.path.starts_with("/run"));
        steps.extend(run.into_iter().map(Step::from));
        let texts = view.texts.iter().map(|(_, text)| text.clone()).collect();
        steps.push(Step::Own { texts });
        steps.extend(rest.into_iter().map(Step::from));
        let texts = view.texts.iter().enumerate();
        steps.extend(texts.map(|(number, (at, _))| Step::Text {
            at: at.clone(),
            number,
        }));
        steps.push(Step::Devices {
            terminal: view.terminal.clone(),
        });
        steps.push(Step::Proc);
        // Parents before children, and what hides last: nothing may cover a mask.
        steps.extend(view.pinned.iter().cloned().map(Step::Pin));
        steps.extend(view.protected.iter().cloned().map(Step::Protect));
        for (at, kind) in &view.masked {
            steps.push(Step::Mask {
                at: at.clone(),
                kind: *kind,
            });
        }
        steps.extend([
            Step::Enter(view.cwd.clone()),
            Step::DropPrivileges,
            Step::Scope,
            Step::Filter,
        ]);
        Self {
            steps,
            own_network: view.network.is_some(),
            maker: Maker::Native,
        }
    }

    /// The same, with limits that the first process sets for itself.
    #[must_use]
    pub fn limited(mut self, limits: OwnLimits) -> Self {
        // Nothing of ours must fail by them, and no later step may lift them.
        let drops = [
            Step::DropPrivileges,
            Step::DropCapabilities,
            Step::NoNewPrivileges,
        ];
        let at = self.steps.iter().position(|step| drops.contains(step));
        if !limits.is_empty() {
            self.steps
                .insert(at.unwrap_or_default(), Step::Limit(limits));
        }
        self
    }

    /// The same for the engine that the rules name. No other takes its place: each keeps promises of
    /// its own. One without a network for the sandbox alone finds the broker on this port, `broker`.
    ///
    /// `programs` are the files and directories that the command starts from.
    ///
    /// # Errors
    /// When this system does not have it, or it cannot do what the plan needs.
    pub fn by(
        self,
        policy: &Policy,
        programs: &[PathBuf],
        broker: Option<u16>,
    ) -> Result<Self, Error> {
        let engine = policy.engine;
        if engine.is_native() {
            return Ok(self.guarded(policy));
        }
        if let Some(by) = policy.exec.allowlist() {
            return Err(Unfit::Allowlist(engine.word(), by.to_string()).into());
        }
        if policy.audit_exec {
            return Err(Unfit::Unasked(engine.word()).into());
        }
        match engine {
            Engine::Auto | Engine::Native => Ok(self),
            Engine::Bwrap => {
                let program = bwrap::program(|path| self.writes(path)).ok_or(Unfit::NoBwrap)?;
                bwrap::divide(self, program)
            }
            Engine::Landlock => {
                landlock::check(policy, engine.losses())?;
                landlock::divide(self, engine)
            }
            Engine::User => user::divide(self, policy, programs),
            Engine::Seatbelt => seatbelt::divide(self, policy, broker),
        }
    }

    /// Whether the filter asks before a program starts.
    #[must_use]
    pub fn asks_for_programs(&self) -> bool {
        self.steps.contains(&Step::Ask { programs: true })
    }

    fn guarded(mut self, policy: &Policy) -> Self {
        let programs = guard::asks_for_programs(policy);
        let asks = Step::Ask { programs };
        let filters = self.steps.iter_mut();
        for filter in filters.filter(|step| **step == Step::Filter) {
            *filter = asks.clone();
        }
        self
    }

    /// Whether the command may write here, as far as directories decide.
    fn writes(&self, path: &Path) -> bool {
        self.steps.iter().any(|step| {
            matches!(step, Step::Attach { at, access: Access::Writable, .. } if path.starts_with(at))
        })
    }
}
