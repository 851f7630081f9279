//! Attacks on the sandbox, each without effect where it succeeds.
//!
//! The same list is tried twice by this same program: outside, to see that an attack works on this
//! machine at all, and inside, where it has to be refused. Which attacks there are to try is said by
//! [`crate::app::verify`]; here they are only tried. Every attack takes care that the user's files
//! are as they were, should it come through.

mod files;
mod host;
mod kernel;
mod nested;
mod stage;
mod victim;

use std::ffi::OsString;
use std::io;

use serde::{Deserialize, Serialize};

pub use host::start_of;
pub use kernel::{ALL as KERNEL, Probe};
pub use stage::{Props, known};
pub use victim::victim;

/// What is to be tried, in order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Whether this is the control arm: an attack that would change something for a moment is then
    /// replaced by the question whether it may.
    pub control: bool,
    /// The attacks.
    pub attacks: Vec<Attack>,
}

/// A file as the host knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its absolute path.
    pub path: OsString,
    /// Its device.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

/// A process as the host knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Victim {
    /// Its number.
    pub pid: i32,
    /// When it started: another process may have the same number inside.
    pub start: u64,
}

/// A way to read a hidden file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// By its name.
    Name,
    /// Through `/proc/self/root`.
    OwnRoot,
    /// Through `/proc/1/root`.
    InitRoot,
    /// Through a symbolic link.
    Link,
    /// Through a hard link.
    HardLink,
    /// Under another name.
    Renamed,
    /// After umount in a user namespace of one's own.
    Unmount,
    /// Through a bind mount in a user namespace of one's own.
    Bind,
    /// Through a cloned tree in a user namespace of one's own.
    Clone,
}

/// One thing to try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attack {
    /// Read a file that the policy hides.
    Read(Way, File),
    /// Read a file in the host's temporary directory.
    ReadTemporary(File),
    /// Open a protected file, or make a nameless one in a protected directory.
    WriteProtected(File),
    /// Make a nameless file in a directory that is not the project's.
    WriteOutside(File),
    /// Move a directory away that something protected stands in; the second one is not empty, so
    /// that nothing moves.
    MoveAway(OsString, OsString),
    /// Open a file of the kernel for writing.
    KernelSetting(OsString),
    /// Open memory of the kernel for reading.
    KernelMemory(OsString),
    /// Open a device.
    Device(OsString),
    /// Connect to a socket of the host.
    Socket(OsString),
    /// Connect to an abstract socket of the host.
    AbstractSocket(String),
    /// Signal a process of the host.
    Signal(Victim),
    /// Signal the process group that the sandbox was started in.
    SignalGroup,
    /// Trace a process of the host.
    Trace(Victim),
    /// Read the memory of a process of the host.
    ReadMemory(Victim),
    /// Hold a process of the host by a descriptor.
    ProcessDescriptor(Victim),
    /// Read the environment of a process of the host in `/proc`.
    ReadEnvironment(Victim),
    /// Look at shared memory of the host.
    SharedMemory(i32),
    /// Find a secret variable of the caller.
    Variable(OsString),
    /// Use a descriptor that the caller left open: its number, device and inode.
    Descriptor(i32, u64, u64),
    /// Get an answer from an address: of the host itself if the words are expected, else of anybody.
    Network {
        /// Where.
        address: std::net::SocketAddr,
        /// What to say first.
        request: String,
        /// What the answer must begin with.
        answer: String,
    },
    /// Ask the kernel.
    Kernel(Probe),
}

/// Tries everything: 0 for what succeeded, else the errno of the refusal.
///
/// The caller must have one thread.
///
/// # Errors
/// When there is no place to work in.
pub fn run(plan: &Plan) -> io::Result<Vec<i32>> {
    let scratch = tempfile::tempdir()?;
    let stage = Stage {
        control: plan.control,
        scratch: scratch.path(),
    };
    let mut results: Vec<i32> = plan
        .attacks
        .iter()
        .map(|attack| errno(attempt(attack, &stage)))
        .collect();
    let needs = |attack: &Attack| nested::file(attack).is_some();
    if plan.attacks.iter().any(needs) {
        nested::run(&plan.attacks, &stage, &mut results)?;
    }
    Ok(results)
}

/// Where and how attacks are tried.
struct Stage<'a> {
    control: bool,
    scratch: &'a std::path::Path,
}

fn errno(result: io::Result<()>) -> i32 {
    match result {
        Ok(()) => 0,
        Err(error) => error.raw_os_error().unwrap_or(libc::EIO),
    }
}

fn attempt(attack: &Attack, stage: &Stage<'_>) -> io::Result<()> {
    match attack {
        Attack::Read(way, file) => files::read(*way, file, stage),
        Attack::ReadTemporary(file) => files::read(Way::Name, file, stage),
        Attack::WriteProtected(file) | Attack::WriteOutside(file) => files::write(file),
        Attack::MoveAway(from, to) => files::move_away(from.as_ref(), to.as_ref()),
        Attack::KernelSetting(path) => files::open_to_write(path.as_ref()),
        Attack::KernelMemory(path) => files::open_to_read(path.as_ref()),
        Attack::Device(path) => files::open_device(path.as_ref(), stage),
        Attack::Socket(path) => host::connect(path),
        Attack::AbstractSocket(name) => host::connect_abstract(name),
        Attack::Signal(victim) => host::signal(*victim),
        Attack::SignalGroup => host::signal_group(),
        Attack::Trace(victim) => host::trace(*victim),
        Attack::ReadMemory(victim) => host::read_memory(*victim),
        Attack::ProcessDescriptor(victim) => host::descriptor(*victim),
        Attack::ReadEnvironment(victim) => host::environment(*victim),
        Attack::SharedMemory(id) => crate::sys::probe::find_shared_memory(*id),
        Attack::Variable(name) => host::variable(name),
        Attack::Descriptor(fd, device, inode) => host::inherited(*fd, (*device, *inode)),
        Attack::Network {
            address,
            request,
            answer,
        } => host::ask(*address, request, answer),
        Attack::Kernel(probe) => kernel::attempt(*probe, stage),
    }
}
