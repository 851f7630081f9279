//! What the attacks are tried on besides the user's own files: all of it ends with this process.

use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::RawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
use std::path::Path;
use std::thread;

use nix::fcntl::{FcntlArg, fcntl};

use super::{File, Victim, victim};
use crate::sys::probe;

/// Numbers from which descriptors are left open: a low one, and one past what simple tools close.
const DESCRIPTORS: [RawFd; 2] = [100, 900];

/// What is aimed at.
pub struct Props {
    /// A process.
    pub victim: Victim,
    /// A listener in the abstract namespace.
    pub socket: String,
    _listener: UnixListener,
    /// Listeners that answer with [`Props::answer`].
    pub addresses: Vec<SocketAddr>,
    /// What they say.
    pub answer: String,
    /// The victim's file in `/tmp`.
    pub temporary: Option<File>,
    /// Open, and left open for those who are started: number, device, inode.
    pub descriptors: Vec<(RawFd, u64, u64)>,
    /// A segment of shared memory.
    pub memory: Option<i32>,
}

impl Props {
    /// Sets everything up around a victim.
    ///
    /// # Errors
    /// When this host refuses the first of it.
    pub fn set(victim: Victim) -> io::Result<Self> {
        let own = std::process::id();
        let socket = format!("aigate-verify-{own}");
        let listener = UnixAddr::from_abstract_name(&socket)
            .and_then(|address| UnixListener::bind_addr(&address))?;
        let answer = format!("aigate-verify {own} {}\n", victim.start);
        let hosts = [Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), own_address()];
        let addresses = hosts.into_iter().flatten();
        let addresses: Vec<_> = addresses
            .filter_map(|host| answer_at(host, &answer).ok())
            .collect();
        Ok(Self {
            victim,
            socket,
            _listener: listener,
            addresses,
            answer,
            temporary: known(&victim::temporary(victim.pid as u32)).ok(),
            descriptors: left_open()?,
            memory: probe::shared_memory().ok(),
        })
    }
}

/// A file as the attacks compare it.
///
/// # Errors
/// When this user cannot look at it.
pub fn known(path: &Path) -> io::Result<File> {
    let status = fs::metadata(path)?;
    Ok(File {
        path: path.as_os_str().to_owned(),
        device: status.dev(),
        inode: status.ino(),
    })
}

/// This host's own address: where it would send from, though nothing is sent.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // Of the addresses for documentation: nobody's.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let own = socket.local_addr().ok()?.ip();
    (!own.is_loopback()).then_some(own)
}

fn answer_at(host: IpAddr, answer: &str) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((host, 0))?;
    let address = listener.local_addr()?;
    let answer = answer.to_owned();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // Who went away needs no answer.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    Ok(address)
}

fn left_open() -> io::Result<Vec<(RawFd, u64, u64)>> {
    let root = fs::File::open("/")?;
    let status = root.metadata()?;
    let copies = DESCRIPTORS
        .iter()
        // A low limit on descriptors refuses the high one.
        .filter_map(|from| fcntl(&root, FcntlArg::F_DUPFD(*from)).ok());
    Ok(copies.map(|fd| (fd, status.dev(), status.ino())).collect())
}
