//! A start that is handed to another account: sudo passes no descriptor on but the first three, so
//! the order waits in a socket that is the new program's standard input.

use std::convert::Infallible;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{dup2_stdin, geteuid, getuid};
use seccompiler::{BpfProgram, sock_filter};
use serde::{Deserialize, Serialize};

use super::ByUser;
use super::access::{Openings, current_umask};
use super::account::Account;
use crate::engine::job::FORWARDED;
use crate::engine::landlock::Allowed;
use crate::engine::limits::OwnLimits;
use crate::engine::linux::init::{self, Start};
use crate::engine::linux::message::Report;
use crate::engine::plan::{Maker, Plan, Step};
use crate::sys::process::Image;
use crate::sys::{process, scm};

/// The word by which aigate is started to take an order.
pub const WORD: &str = "become";

/// Programs that become another user, by their places: PATH is not asked who gets to be trusted.
const SUDO: [&str; 3] = ["/usr/bin/sudo", "/bin/sudo", "/run/wrappers/bin/sudo"];

/// Everything that the first process has to know.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    version: String,
    account: Account,
    openings: Vec<(Bytes, super::access::Opened)>,
    steps: Vec<Deed>,
    filter: Vec<(u16, u8, u8, u32)>,
    path: Bytes,
    argv: Vec<Bytes>,
    envp: Vec<Bytes>,
    foreground: bool,
    temporary: Option<Bytes>,
    network: bool,
    blocked: Vec<i32>,
    umask: u32,
}

type Bytes = Vec<u8>;

/// The steps of a plan for another account.
#[derive(Debug, Serialize, Deserialize)]
enum Deed {
    Unreadable(Bytes),
    Enter(Bytes),
    Limit {
        processes: Option<u64>,
        memory: Option<u64>,
    },
    Allow(Bytes, Allowed),
    Fence(bool),
    DropCapabilities,
    NoNewPrivileges,
    Filter,
}

impl Deed {
    fn of(step: &Step) -> Option<Self> {
        let bytes = |path: &Path| path.as_os_str().as_bytes().to_vec();
        Some(match step {
            Step::Unreadable(at) => Self::Unreadable(bytes(at)),
            Step::Enter(at) => Self::Enter(bytes(at)),
            Step::Limit(OwnLimits { processes, memory }) => Self::Limit {
                processes: *processes,
                memory: *memory,
            },
            Step::Allow { at, allowed } => Self::Allow(bytes(at), *allowed),
            Step::Fence { network } => Self::Fence(*network),
            Step::DropCapabilities => Self::DropCapabilities,
            Step::NoNewPrivileges => Self::NoNewPrivileges,
            Step::Filter => Self::Filter,
            _ => return None,
        })
    }

    fn step(self) -> Step {
        match self {
            Self::Unreadable(at) => Step::Unreadable(path(&at)),
            Self::Enter(at) => Step::Enter(path(&at)),
            Self::Limit { processes, memory } => Step::Limit(OwnLimits { processes, memory }),
            Self::Allow(at, allowed) => Step::Allow {
                at: path(&at),
                allowed,
            },
            Self::Fence(network) => Step::Fence { network },
            Self::DropCapabilities => Step::DropCapabilities,
            Self::NoNewPrivileges => Step::NoNewPrivileges,
            Self::Filter => Step::Filter,
        }
    }
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// Why an order was not passed on or not taken.
fn wrong(why: &str) -> io::Error {
    io::Error::other(why.to_owned())
}

/// In the child of the supervisor: hands the start to the account, by becoming sudo; never returns.
pub(in crate::engine) fn hand_over(start: &Start<'_>, by: &ByUser, control: OwnedFd) -> ! {
    let Err(error) = by_sudo(start, by, &control);
    let report = Report::StepFailed {
        step: format!("hand over to {}: {error}", by.account.user),
        errno: error.raw_os_error().unwrap_or(libc::EINVAL),
    };
    drop(report.send(&control));
    process::exit_now(125)
}

fn by_sudo(start: &Start<'_>, by: &ByUser, control: &OwnedFd) -> io::Result<Infallible> {
    if let Some(group) = start.group {
        group.enter()?;
    }
    let order = write(start, by).ok_or_else(|| wrong("a step that no other account can do"))?;
    let memory = memfd_create(c"order", MFdFlags::MFD_CLOEXEC)?;
    let mut memory = File::from(memory);
    serde_json::to_writer(&mut memory, &order)?;
    memory.flush()?;
    memory.rewind()?;
    let (ours, theirs) = socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    )?;
    let input = io::stdin();
    let handed = [memory.as_fd(), input.as_fd(), control.as_fd()];
    scm::send(ours.as_fd(), WORD.as_bytes(), &handed)?;
    dup2_stdin(&theirs)?;
    let sudo = SUDO.into_iter().find(|sudo| Path::new(sudo).exists());
    let sudo = sudo.ok_or_else(|| wrong("sudo is not installed"))?;
    let program = by.account.program();
    let words = [
        OsStr::new("sudo"),
        OsStr::new("-n"),
        OsStr::new("-u"),
        OsStr::new(&by.account.user),
        OsStr::new("-g"),
        OsStr::new(&by.account.group),
        OsStr::new("--"),
        program.as_os_str(),
        OsStr::new(WORD),
    ];
    let argv = words.map(|word| CString::new(word.as_bytes()).unwrap_or_default());
    let envp = vec![c"PATH=/usr/sbin:/usr/bin:/sbin:/bin".to_owned()];
    let image = Image::new(CString::new(sudo)?, argv.to_vec(), envp);
    process::execve(&image)
}

fn write(start: &Start<'_>, by: &ByUser) -> Option<Order> {
    let bytes = |strings: &[CString]| strings.iter().map(|s| s.to_bytes().to_vec()).collect();
    let openings = by.openings.iter();
    let filter = start.filter.iter();
    let blocked = start.blocked.iter().map(|signal| signal as i32);
    let steps = start.plan.steps.iter();
    Some(Order {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        account: by.account.clone(),
        openings: openings
            .map(|(at, opened)| (at.as_os_str().as_bytes().to_vec(), *opened))
            .collect(),
        steps: steps.map(Deed::of).collect::<Option<_>>()?,
        filter: filter
            .map(|line| (line.code, line.jt, line.jf, line.k))
            .collect(),
        path: start.image.path().to_bytes().to_vec(),
        argv: bytes(start.image.argv()),
        envp: bytes(start.image.envp()),
        foreground: start.foreground,
        temporary: start.temporary.map(|at| at.as_os_str().as_bytes().to_vec()),
        network: by.network,
        blocked: blocked.collect(),
        umask: current_umask(),
    })
}

/// Takes the order that waits at the standard input and does it, as whom sudo has made this process.
///
/// # Errors
/// When there is no order, or this is root.
pub fn take() -> io::Result<Infallible> {
    if geteuid().is_root() || getuid() != geteuid() {
        return Err(wrong("only another account than root takes an order"));
    }
    let mut buffer = [0; WORD.len() + 1];
    let none = |_| wrong("no order came: `aigate exec` and shims start this, nobody else");
    let (length, handed) = scm::receive(io::stdin().as_fd(), &mut buffer).map_err(none)?;
    let Ok([memory, input, control]) = <[OwnedFd; 3]>::try_from(handed) else {
        return Err(wrong("no order came"));
    };
    if &buffer[..length] != WORD.as_bytes() {
        return Err(wrong("what came is no order"));
    }
    let mut text = Vec::new();
    File::from(memory).read_to_end(&mut text)?;
    let other = "the copy of aigate that root made is of another version: run `aigate setup` again";
    let order: Order = serde_json::from_slice(&text).map_err(|_| wrong(other))?;
    if order.version != env!("CARGO_PKG_VERSION") {
        return Err(wrong(other));
    }
    if order.account.uid != geteuid().as_raw() {
        return Err(wrong("the order is for another account"));
    }
    dup2_stdin(&input)?;
    drop(input);
    // Signals of the terminal reach this whole group; they are for the command.
    let forwarded: SigSet = FORWARDED.into_iter().collect();
    forwarded.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    umask(Mode::from_bits_truncate(order.umask));
    order.start(control)
}

impl Order {
    fn start(self, control: OwnedFd) -> io::Result<Infallible> {
        let strings = |all: Vec<Bytes>| -> io::Result<Vec<CString>> {
            Ok(all
                .into_iter()
                .map(CString::new)
                .collect::<Result<_, _>>()?)
        };
        let image = Image::new(
            CString::new(self.path)?,
            strings(self.argv)?,
            strings(self.envp)?,
        );
        let lines = self.filter.into_iter();
        let filter: BpfProgram = lines
            .map(|(code, jt, jf, k)| sock_filter { code, jt, jf, k })
            .collect();
        let signals = self.blocked.into_iter();
        let blocked: SigSet = signals
            .filter_map(|signal| Signal::try_from(signal).ok())
            .collect();
        let openings: Openings = self
            .openings
            .into_iter()
            .map(|(at, how)| (path(&at), how))
            .collect();
        let plan = Plan {
            steps: self.steps.into_iter().map(Deed::step).collect(),
            own_network: false,
            maker: Maker::User(Box::new(ByUser {
                account: self.account,
                openings,
                home: PathBuf::new(),
                network: self.network,
            })),
        };
        let temporary = self.temporary.as_deref().map(path);
        let start = Start {
            plan: &plan,
            filter: &filter,
            asking: &Vec::new(),
            inside: false,
            image: &image,
            foreground: self.foreground,
            temporary: temporary.as_deref(),
            group: None,
            blocked: &blocked,
        };
        init::run(&start, control)
    }
}
