//! Attacks on the kernel: rights, system calls, socket families.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use serde::{Deserialize, Serialize};

use super::Stage;
use crate::sys::probe;

/// A question to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the titles say it")]
pub enum Probe {
    Capabilities,
    NewPrivileges,
    Mount,
    Remount,
    Unmount,
    NewFileSystem,
    DeviceNode,
    HostName,
    Module,
    Type,
    Paste,
    Keyring,
    Bpf,
    IoUring,
    UserFault,
    Counter,
    FileHandle,
    Vsock,
    CryptoSocket,
    PacketSocket,
    RawSocket,
}

/// Every question, and how it is told.
pub const ALL: &[(Probe, &str)] = &[
    (Probe::Capabilities, "gain a capability"),
    (
        Probe::NewPrivileges,
        "gain privileges by a set-user-ID program",
    ),
    (Probe::Mount, "mount a file system"),
    (Probe::Remount, "change a mount"),
    (Probe::Unmount, "unmount"),
    (
        Probe::NewFileSystem,
        "make a file system with the new mount calls",
    ),
    (Probe::DeviceNode, "make a device node"),
    (Probe::HostName, "change the name of the host"),
    (Probe::Module, "load a kernel module"),
    (Probe::Type, "type into the terminal (TIOCSTI)"),
    (Probe::Paste, "paste into the console (TIOCLINUX)"),
    (Probe::Keyring, "use the user's keyring (keyctl)"),
    (Probe::Bpf, "load a BPF program (bpf)"),
    (Probe::IoUring, "set up io_uring"),
    (Probe::UserFault, "handle page faults (userfaultfd)"),
    (
        Probe::Counter,
        "open a performance counter (perf_event_open)",
    ),
    (
        Probe::FileHandle,
        "open a file by its handle (open_by_handle_at)",
    ),
    (Probe::Vsock, "open a socket to the hypervisor (AF_VSOCK)"),
    (
        Probe::CryptoSocket,
        "open a socket to the kernel's ciphers (AF_ALG)",
    ),
    (Probe::PacketSocket, "open a packet socket (AF_PACKET)"),
    (Probe::RawSocket, "open a raw socket (SOCK_RAW)"),
];

impl Probe {
    /// What is tried, in words.
    #[must_use]
    pub fn title(self) -> &'static str {
        ALL.iter()
            .find(|(probe, _)| *probe == self)
            .map_or("", |(_, title)| title)
    }
}

pub(super) fn attempt(what: Probe, stage: &Stage<'_>) -> io::Result<()> {
    match what {
        Probe::Capabilities => capabilities(),
        Probe::NewPrivileges => match nix::sys::prctl::get_no_new_privs()? {
            true => Err(nix::errno::Errno::EPERM.into()),
            false => Ok(()),
        },
        Probe::Mount => reaches(probe::mount_unknown()),
        Probe::Remount => reaches(probe::remount_nothing()),
        Probe::Unmount => reaches(probe::unmount_nothing()),
        Probe::NewFileSystem => reaches(probe::new_file_system()),
        Probe::DeviceNode => device_node(stage),
        Probe::HostName => reaches(probe::host_name()),
        Probe::Module => reaches(probe::kernel_module()),
        Probe::Type => terminal(libc::TIOCSTI),
        Probe::Paste => terminal(libc::TIOCLINUX),
        Probe::Keyring => reaches(probe::keyring()),
        Probe::Bpf => reaches(probe::bpf()),
        Probe::IoUring => reaches(probe::io_uring()),
        Probe::UserFault => reaches(probe::user_fault()),
        Probe::Counter => reaches(probe::performance_counter()),
        Probe::FileHandle => reaches(probe::file_handle()),
        Probe::Vsock => reaches(probe::socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0)),
        Probe::CryptoSocket => reaches(probe::socket(libc::AF_ALG, libc::SOCK_SEQPACKET, 0)),
        Probe::PacketSocket => reaches(probe::socket(libc::AF_PACKET, libc::SOCK_RAW, 0)),
        Probe::RawSocket => reaches(probe::socket(
            libc::AF_INET,
            libc::SOCK_RAW,
            libc::IPPROTO_ICMP,
        )),
    }
}

/// Whether the kernel looked at the call at all, whatever it thought of the arguments.
fn reaches(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::EPERM | libc::EACCES | libc::ENOSYS | libc::EAFNOSUPPORT)
            ) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// Whether any capability is held or could be gained by a program. The bounding set is what could be
/// gained, which is nothing where there are no new privileges.
fn capabilities() -> io::Result<()> {
    let status = fs::read_to_string("/proc/self/status")?;
    let gains = !nix::sys::prctl::get_no_new_privs()?;
    let counts = |line: &&str| line.starts_with("Cap") && (gains || !line.starts_with("CapBnd"));
    let sets = status.lines().filter(counts);
    let held = |line: &str| {
        line.trim_end()
            .trim_end_matches('0')
            .ends_with(|c: char| c.is_ascii_hexdigit())
    };
    if sets.into_iter().any(held) {
        Ok(())
    } else {
        Err(nix::errno::Errno::EPERM.into())
    }
}

/// The node is that of `/dev/null`.
fn device_node(stage: &Stage<'_>) -> io::Result<()> {
    let node = stage.scratch.join("node");
    mknod(&node, SFlag::S_IFCHR, Mode::S_IRUSR, makedev(1, 3))?;
    fs::remove_file(node)
}

/// No terminal is needed to see whether the request is let through: any descriptor will do.
fn terminal(request: u64) -> io::Result<()> {
    let null = fs::File::open("/dev/null")?;
    reaches(probe::terminal_request(null.as_raw_fd(), request))
}
