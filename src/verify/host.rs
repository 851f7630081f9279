//! Attacks on processes, sockets and the network of the host, and on what the caller left open.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixStream};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr as Path, connect as call, socket,
};
use nix::unistd::Pid;

use super::Victim;
use crate::sys::probe;

/// How long an answer from the network may take: nobody far away is asked.
const PATIENCE: Duration = Duration::from_millis(250);

pub(super) fn connect(path: &OsString) -> io::Result<()> {
    let address = Path::new(path.as_os_str())?;
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    for kind in [SockType::Stream, SockType::SeqPacket, SockType::Datagram] {
        let own = socket(AddressFamily::Unix, kind, flags, None)?;
        match call(own.as_raw_fd(), &address) {
            // It is there, of another kind.
            Err(Errno::EPROTOTYPE) => {}
            // It is there, and busy.
            Ok(()) | Err(Errno::EAGAIN) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
    Err(Errno::EPROTOTYPE.into())
}

pub(super) fn connect_abstract(name: &str) -> io::Result<()> {
    UnixStream::connect_addr(&UnixAddr::from_abstract_name(name)?).map(drop)
}

/// Succeeds unless the process of this number is another one than is meant.
fn same(victim: Victim) -> io::Result<()> {
    match start_of(victim.pid) {
        Ok(start) if start != victim.start => Err(Errno::ESRCH.into()),
        _ => Ok(()),
    }
}

/// When a process started, in ticks since the machine did.
///
/// # Errors
/// When there is no such process, or `/proc` does not say.
pub fn start_of(pid: i32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may contain anything.
    let rest = text.rsplit_once(')').map(|(_, rest)| rest);
    let field = rest.and_then(|rest| rest.split_whitespace().nth(19));
    field
        .and_then(|start| start.parse().ok())
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

pub(super) fn signal(victim: Victim) -> io::Result<()> {
    kill(Pid::from_raw(victim.pid), None)?;
    same(victim)
}

/// The group has a process of ours outside that watches for this signal, which nobody else minds:
/// by default it is ignored.
pub(super) fn signal_group() -> io::Result<()> {
    Ok(kill(Pid::from_raw(0), Signal::SIGURG)?)
}

pub(super) fn trace(victim: Victim) -> io::Result<()> {
    same(victim)?;
    probe::trace(victim.pid)
}

pub(super) fn read_memory(victim: Victim) -> io::Result<()> {
    same(victim)?;
    match probe::read_memory(victim.pid) {
        // It was allowed to look, and nothing is there.
        Err(error) if error.raw_os_error() == Some(libc::EFAULT) => Ok(()),
        result => result,
    }
}

pub(super) fn descriptor(victim: Victim) -> io::Result<()> {
    probe::process_descriptor(victim.pid)?;
    same(victim)
}

pub(super) fn environment(victim: Victim) -> io::Result<()> {
    same(victim)?;
    fs::read(format!("/proc/{}/environ", victim.pid)).map(drop)
}

pub(super) fn variable(name: &OsStr) -> io::Result<()> {
    match std::env::var_os(name) {
        Some(value) if !value.is_empty() => Ok(()),
        _ => Err(Errno::ENOENT.into()),
    }
}

pub(super) fn inherited(fd: i32, identity: (u64, u64)) -> io::Result<()> {
    if probe::identity(fd)? == identity {
        Ok(())
    } else {
        Err(Errno::EBADF.into())
    }
}

/// A connection alone proves nothing, for a broker may accept it: an answer does.
pub(super) fn ask(address: SocketAddr, request: &str, answer: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut heard = vec![0; answer.len()];
    match stream.read_exact(&mut heard) {
        Ok(()) if heard == answer.as_bytes() => Ok(()),
        Ok(()) => Err(Errno::EPROTO.into()),
        Err(error) if error.raw_os_error().is_some() => Err(error),
        Err(_) => Err(Errno::ECONNRESET.into()),
    }
}
