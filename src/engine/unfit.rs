//! Why the engine that the rules name did not run a command.

use std::fmt;

use crate::policy::{Engine, Loss};

/// Why the engine that the rules name did not run a command.
#[derive(Debug)]
pub enum Unfit {
    /// It does not exist on this system.
    Elsewhere(&'static str),
    /// Bubblewrap is not installed.
    NoBwrap,
    /// Bubblewrap ended before it started the command.
    Bwrap,
    /// Hosts are allowed, or ports published, and bubblewrap lets nobody serve them.
    BwrapNetwork,
    /// Nobody can be asked before a program starts.
    Unasked(&'static str),
    /// Only listed programs are to run, by this line, and this engine cannot keep others from it.
    Allowlist(&'static str, String),
    /// The engine does not keep these promises, and nobody accepted that.
    Unaccepted(Engine, Vec<Loss>),
    /// The engine cannot do what the rules ask for, for it has no namespaces.
    Bare(Engine, &'static str),
    /// No account was made to run as.
    NoAccount,
    /// What is kept about the account is wrong.
    Account(String),
    /// Access control lists could not be set.
    Lists(String),
    /// Sudo did not start the command's first process.
    Sudo,
    /// Seatbelt cannot do what the rules ask for.
    Seatbelt(&'static str),
    /// A path that a profile of Seatbelt would have to name, and cannot.
    Unsayable(String),
    /// `sandbox-exec` does not apply the profile here; what it said.
    SandboxExec(String),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elsewhere(word) => write!(
                f,
                "engine: {word}: not on this system; `engine: auto` takes what is here, and `aigate \
                 doctor` says what that is"
            )?,
            Self::NoBwrap => f.write_str(
                "engine: bwrap: no program of that name on PATH where sandboxed programs cannot write; \
                 install bubblewrap, as with `sudo apt-get install bubblewrap`",
            )?,
            Self::Bwrap => f.write_str(
                "engine: bwrap: bubblewrap could not make the sandbox, and said why above; `aigate \
                 doctor` says what this machine lacks",
            )?,
            Self::BwrapNetwork => f.write_str(
                "engine: bwrap: nobody can serve a network of listed hosts or published ports inside; \
                 it takes `network: off`, `network: open`, or a list without hosts, and `engine: \
                 native` filters: `aigate doctor` says what that needs",
            )?,
            Self::Unasked(word) => write!(
                f,
                "engine: {word}: `audit_exec` cannot be kept by it; `engine: native` can"
            )?,
            Self::Allowlist(engine, by) => write!(
                f,
                "engine: {engine}: {by} needs mounts on which nothing is executed, and this engine has \
                 none: a program of one's own would run through the loader; `engine: native` has them"
            )?,
            Self::Unaccepted(engine, lost) => {
                let word = engine.word();
                writeln!(f, "engine: {word}: these promises are not kept without namespaces:")?;
                for loss in lost {
                    writeln!(f, "  {}: {}", loss.word(), loss.promise())?;
                }
                let line = acceptance(*engine);
                write!(f, "who does without them writes `{line}` into ~/.aigate/config.yaml")?;
            }
            Self::Seatbelt(why) => write!(f, "engine: seatbelt: {why}")?,
            Self::Unsayable(path) => write!(f, "engine: seatbelt: {path}; rename it")?,
            Self::SandboxExec(said) => write!(
                f,
                "engine: seatbelt: sandbox-exec did not apply the profile: {said}; `aigate exec \
                 --dry-run` prints it, and inside another sandbox there is no second one"
            )?,
            Self::Bare(engine, why) => {
                write!(f, "engine: {}: {why}; `engine: native` can", engine.word())?;
            }
            Self::NoAccount => f.write_str(
                "engine: user: there is no account for your agents; `sudo aigate setup` makes one \
                 (with the whole path of aigate, where sudo does not find it)",
            )?,
            Self::Account(why) => write!(
                f,
                "engine: user: {why}; `sudo aigate setup` makes it right"
            )?,
            Self::Lists(why) => write!(
                f,
                "engine: user: access control lists cannot be set: {why}; the project has to be yours, \
                 on a file system with POSIX ACLs"
            )?,
            Self::Sudo => f.write_str(
                "engine: user: sudo did not start the command as the account, and said why above; \
                 `sudo aigate setup` makes its rule again",
            )?,
        }
        f.write_str("; nothing was run")
    }
}

/// The line of the configuration that accepts all that an engine loses.
#[must_use]
pub fn acceptance(engine: Engine) -> String {
    let words: Vec<_> = engine.losses().iter().map(|loss| loss.word()).collect();
    format!("accept_losses: [{}]", words.join(", "))
}
