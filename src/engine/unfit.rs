//! Why the engine that the rules name did not run a command.

use std::fmt;

use crate::policy::Loss;

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
    /// Landlock does not keep these promises, and nobody accepted that.
    Unaccepted(Vec<Loss>),
    /// Landlock cannot do what the rules ask for.
    Landlock(&'static str),
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
            Self::Unaccepted(lost) => {
                writeln!(f, "engine: landlock: these promises are not kept without namespaces:")?;
                for loss in lost {
                    writeln!(f, "  {}: {}", loss.word(), loss.promise())?;
                }
                let line = acceptance();
                write!(f, "who does without them writes `{line}` into ~/.aigate/config.yaml")?;
            }
            Self::Seatbelt(why) => write!(f, "engine: seatbelt: {why}")?,
            Self::Unsayable(path) => write!(f, "engine: seatbelt: {path}; rename it")?,
            Self::SandboxExec(said) => write!(
                f,
                "engine: seatbelt: sandbox-exec did not apply the profile: {said}; `aigate exec \
                 --dry-run` prints it, and inside another sandbox there is no second one"
            )?,
            Self::Landlock(why) => write!(f, "engine: landlock: {why}; `engine: native` can")?,
        }
        f.write_str("; nothing was run")
    }
}

/// The line of the configuration that accepts all that Landlock loses.
#[must_use]
pub fn acceptance() -> String {
    let words = Loss::ALL.map(|(_, word, _)| word).join(", ");
    format!("accept_losses: [{words}]")
}
