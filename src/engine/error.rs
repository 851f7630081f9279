//! Why the engine did not run a command.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::unfit::{Unfit, acceptance};
use crate::policy::Engine;

/// Why the engine did not run a command. Nothing of it has run in any of these cases.
#[derive(Debug)]
pub enum Error {
    /// The host refused new namespaces.
    Namespaces(io::Error),
    /// A step of the plan failed inside; `step` is its line of `--dry-run`.
    Step { step: String, source: io::Error },
    /// A system call of ours failed outside the sandbox.
    Call {
        what: &'static str,
        source: io::Error,
    },
    /// A process of ours beside the sandbox could not be started, so nothing would do this.
    Unstarted {
        what: &'static str,
        source: io::Error,
    },
    /// A path of the policy could not be looked at.
    Path { path: PathBuf, source: io::Error },
    /// A hidden file has names that were not found, by which it could be read.
    HardLinks { path: PathBuf, unseen: u64 },
    /// What may be written is reached by a link that a sandboxed program could have made.
    PlantedLink {
        /// The path that may be written.
        grant: PathBuf,
        /// The link on the way.
        link: PathBuf,
    },
    /// The project would make more than a project writable.
    WideProject(PathBuf),
    /// A directory was given as a standard stream.
    DirectoryStream(&'static str),
    /// The working directory cannot be used inside.
    WorkingDirectory { path: PathBuf, reason: &'static str },
    /// No executable of this name on PATH.
    NotFound(PathBuf),
    /// There is such a file, but it cannot be executed.
    NotExecutable { path: PathBuf, source: io::Error },
    /// The engine that the rules name cannot run this.
    Unfit(Unfit),
    /// The keeper of the masks could not work; the sandbox was ended.
    Keeper,
    /// The broker of the network could not work; the sandbox was ended.
    Broker,
    /// The guard that the kernel asks could not work; the sandbox was ended.
    Guard,
    /// The sandbox ended without saying how, for instance because its init was killed.
    Lost,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespaces(source) => write!(f, "{}", namespaces(source)),
            Self::Step { step, source } => write!(
                f,
                "cannot build the sandbox: {step}: {source}; `aigate doctor` says what this machine \
                 lacks; nothing was run"
            ),
            Self::Call { what, source } => write!(f, "{what}: {source}"),
            Self::Unstarted { what, source } => write!(
                f,
                "the sandbox was ended because nothing could be started to {what}: {source}; \
                 is the limit on processes used up (`ulimit -u`)?"
            ),
            Self::Path { path, source } => write!(f, "{}: {source}", path.display()),
            Self::HardLinks { path, unseen } => write!(
                f,
                "{} is hidden, but it has {unseen} more hard link(s) outside the project by which it \
                 could be read; find them with `find / -xdev -samefile {0}` and remove them, or \
                 re-allow the file with `aigate allow read {0}`",
                path.display()
            ),
            Self::PlantedLink { grant, link } => write!(
                f,
                "{}: a rule lets this be written, but {} is a link in a directory that a sandbox \
                 can write, so it may lead anywhere; name the real place in the rule instead, or \
                 remove the link",
                grant.display(),
                link.display()
            ),
            Self::WideProject(path) => write!(
                f,
                "{}: not a project: everything below it would be writable; \
                 start from a directory of its own",
                path.display()
            ),
            Self::DirectoryStream(name) => write!(
                f,
                "{name} is a directory, by which everything below it would be open; \
                 redirect it from a file or from /dev/null"
            ),
            Self::WorkingDirectory { path, reason } => {
                write!(f, "{}: the working directory {reason}", path.display())
            }
            Self::NotFound(name) => write!(f, "{}: not found on PATH", name.display()),
            Self::NotExecutable { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Unfit(why) => why.fmt(f),
            Self::Keeper => write!(
                f,
                "the sandbox was ended because nothing could keep its masks in place; \
                 is fs.inotify.max_user_instances used up?"
            ),
            Self::Broker => write!(
                f,
                "the sandbox was ended because nothing could serve its network"
            ),
            Self::Guard => write!(
                f,
                "the sandbox was ended because nothing could answer what the kernel asks before a name \
                 is made or a program started; is fs.inotify.max_user_instances used up?"
            ),
            Self::Lost => write!(f, "the sandbox's init was killed before it could report"),
        }
    }
}

impl std::error::Error for Error {}

impl From<Unfit> for Error {
    fn from(why: Unfit) -> Self {
        Self::Unfit(why)
    }
}

/// The three ways in which hosts refuse namespaces, each with its own cure.
fn namespaces(source: &io::Error) -> String {
    let cause = match source.raw_os_error() {
        Some(libc::ENOSPC) => {
            "user namespaces are switched off or used up (inside a sandbox with `exec: allowlist` \
             there are none); on the host allow them with `sudo sysctl user.max_user_namespaces=15000`"
        }
        Some(libc::EPERM) => {
            "the host does not let this process create user namespaces (a container's seccomp \
             profile, a chroot, or kernel.unprivileged_userns_clone=0)"
        }
        Some(libc::ENOSYS) => "the kernel or a container's seccomp profile does not know clone",
        _ => "the kernel refused",
    };
    format!(
        "cannot create the sandbox's namespaces: {source}; {cause}; `aigate doctor` says what mends \
         it; where nothing does, `engine: landlock` with `{}` in ~/.aigate/config.yaml runs without \
         namespaces and loses what docs/engines.md says; nothing was run",
        acceptance(Engine::Landlock)
    )
}
