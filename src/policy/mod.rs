//! Pure rules: patterns, merge, decision, explanation. No files, no environment, no clock.
#![forbid(unsafe_code)]

pub mod decision;
pub mod env;
pub mod exec;
pub mod glob;
pub mod limits;
mod loss;
pub mod mentions;
mod names;
pub mod net;
pub mod origin;
pub mod paths;
pub mod pattern;
pub mod reach;

use std::path::PathBuf;

pub use decision::{Because, Judgement};
pub use env::EnvRules;
pub use exec::{ExecRule, ExecRules};
pub use limits::{Limits, Redact, RedactPattern};
pub use loss::Loss;
pub use net::{Decision, Host, NetRule};
pub use origin::{Layer, Origin};
pub use paths::PathRules;

/// The merged, valid rules of one run.
///
/// `config::load` is the only producer; the engine and the broker are the readers. Every rule
/// carries the [`Origin`] that `explain` and the audit log name.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The directory the run may change: absolute, without symbolic links.
    pub project: PathBuf,
    /// The user's home: absolute, without symbolic links.
    pub home: PathBuf,
    /// What is hidden.
    pub read: PathRules,
    /// What is protected from writing, whether it is present or not.
    pub write: PathRules,
    /// What may be written besides the project: `allow_write` and the tool's state.
    pub writable: Vec<Grant>,
    /// Where writing works and is forgotten when the command ends.
    pub copy_on_write: Vec<Grant>,
    /// What must not be started.
    pub exec: ExecRules,
    /// Whether the network is open, filtered or off.
    pub network: Network,
    /// Which line decided [`Policy::network`].
    pub network_origin: Origin,
    /// Hosts that are allowed or denied when the network is filtered.
    pub net: Vec<NetRule>,
    /// Which variables pass into the sandbox, and which are set there.
    pub env: EnvRules,
    /// Sockets of the host that stay reachable.
    pub unix_sockets: Vec<Grant>,
    /// Ports of the sandbox that the host may reach.
    pub publish_ports: Vec<u16>,
    /// The lines of [`Policy::publish_ports`], in its order.
    pub publish_origins: Vec<Origin>,
    /// Ceilings on memory, processors and processes.
    pub limits: Limits,
    /// What is replaced in the output.
    pub redact: Redact,
    /// Whether the run is recorded.
    pub audit: Audit,
    /// Whether each start of a program inside is recorded too.
    pub audit_exec: bool,
    /// What the hooks do to a session outside every sandbox.
    pub outside: Outside,
    /// Which engine the user asked for.
    pub engine: Engine,
    /// What the user does without where the engine cannot keep it.
    pub accepted: Vec<Loss>,
    /// What an untrusted project file asked for and did not get.
    pub refused: Vec<Origin>,
}

/// A path that a layer opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Absolute path, present or not.
    pub path: PathBuf,
    /// The line that grants it.
    pub origin: Origin,
}

/// How much of the network a run reaches, in order of strictness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Network {
    /// The host's network.
    #[default]
    Open,
    /// Only what the rules allow, through the broker.
    Filtered,
    /// Only the sandbox's own loopback.
    Off,
}

impl Network {
    /// The word used in the configuration.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Network::Open => "open",
            Network::Filtered => "filtered",
            Network::Off => "off",
        }
    }
}

/// Whether runs are recorded, in order of strictness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Audit {
    /// Nothing is recorded.
    Off,
    /// Runs are recorded; one that cannot be is told and runs.
    #[default]
    On,
    /// Nothing runs that cannot be recorded.
    Required,
}

/// What becomes of an agent's session that was not started in the sandbox, in order of strictness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Outside {
    /// The model is told, and what the rules deny is denied.
    Warn,
    /// Its prompts and tools are refused.
    #[default]
    Deny,
}

/// The engine that the configuration names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Engine {
    /// The strongest one that works on this host.
    #[default]
    Auto,
    /// Namespaces, Landlock and seccomp, by our own system calls.
    Native,
    /// Landlock and seccomp only.
    Landlock,
    /// An account of its own, and access control lists.
    User,
    /// The bubblewrap program.
    Bwrap,
    /// The macOS sandbox.
    Seatbelt,
}

impl Engine {
    /// Whether aigate itself makes the sandbox.
    #[must_use]
    pub fn is_native(self) -> bool {
        matches!(self, Engine::Auto | Engine::Native)
    }

    /// Every engine and the word the configuration uses for it.
    pub const WORDS: [(&'static str, Engine); 6] = [
        ("auto", Engine::Auto),
        ("native", Engine::Native),
        ("landlock", Engine::Landlock),
        ("user", Engine::User),
        ("bwrap", Engine::Bwrap),
        ("seatbelt", Engine::Seatbelt),
    ];

    /// What it cannot keep and runs without only where that is accepted.
    #[must_use]
    pub fn losses(self) -> &'static [Loss] {
        use Loss::{Later, Metadata, Names, Processes, Protected, Shared};
        match self {
            Engine::Landlock => &[Names, Later, Protected, Metadata, Processes],
            Engine::User => &[Names, Later, Protected, Processes, Shared],
            Engine::Auto | Engine::Native | Engine::Bwrap | Engine::Seatbelt => &[],
        }
    }

    /// The word used in the configuration.
    #[must_use]
    pub fn word(self) -> &'static str {
        let known = Engine::WORDS.iter().find(|(_, engine)| *engine == self);
        known.map_or("auto", |(word, _)| word)
    }
}
