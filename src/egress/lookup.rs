//! One lookup outside: the `hosts` file, then the servers of `resolv.conf`.
//!
//! Not the C library's: the released program is linked statically, where getaddrinfo would need
//! plug-ins of the host.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use super::dns::{self, A, AAAA, Reply};
use super::hostfiles::{HostFiles, Servers};

/// The addresses of a name, IPv4 first, and how long they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub addresses: Vec<IpAddr>,
    pub keep: Duration,
}

/// Why there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The name does not exist, or has no address.
    NoSuchName,
    /// Nobody could tell.
    Unknown(String),
}

const MOST_ADDRESSES: usize = 16;
const SHORTEST_KEEP: u32 = 5;
const LONGEST_KEEP: u32 = 300;
/// All servers and attempts together: a program inside waits no longer either.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks `name` up. Blocks for at most [`PATIENCE`].
pub(super) fn lookup(files: &HostFiles, name: &str) -> Result<Found, Failure> {
    let addresses = files.listed(name);
    if !addresses.is_empty() {
        return Ok(found(addresses, SHORTEST_KEEP));
    }
    let servers = files.servers();
    let deadline = Instant::now() + PATIENCE;
    let mut candidates = Vec::new();
    if !name.contains('.') {
        candidates.extend(
            servers
                .search
                .iter()
                .map(|domain| format!("{name}.{domain}")),
        );
    }
    candidates.push(name.to_owned());
    let mut last = Failure::NoSuchName;
    for candidate in candidates {
        match ask_servers(&servers, &candidate, deadline) {
            Ok(found) => return Ok(found),
            Err(failure) => last = failure,
        }
    }
    Err(last)
}

fn found(mut addresses: Vec<IpAddr>, ttl: u32) -> Found {
    // Many hosts have IPv6 addresses and no way to them; the opposite is rare.
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses.dedup();
    addresses.truncate(MOST_ADDRESSES);
    let keep = Duration::from_secs(ttl.clamp(SHORTEST_KEEP, LONGEST_KEEP).into());
    Found { addresses, keep }
}

fn ask_servers(servers: &Servers, name: &str, deadline: Instant) -> Result<Found, Failure> {
    let mut why = "no server answers".to_owned();
    for _ in 0..servers.attempts {
        for &server in &servers.addresses {
            let until = deadline.min(Instant::now() + servers.timeout);
            if until <= Instant::now() {
                return Err(Failure::Unknown(why));
            }
            match ask_server(server, name, until) {
                Ok(Some(found)) if found.addresses.is_empty() => return Err(Failure::NoSuchName),
                Ok(Some(found)) => return Ok(found),
                Ok(None) => return Err(Failure::NoSuchName),
                Err(error) => why = format!("{server}: {error}"),
            }
        }
    }
    Err(Failure::Unknown(why))
}

/// Asks for both kinds of address at once. `None` when the name does not exist.
fn ask_server(server: SocketAddr, name: &str, until: Instant) -> io::Result<Option<Found>> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    let mut open = Vec::new();
    for kind in [A, AAAA] {
        let asked = dns::question(random(), name, kind);
        socket.send(&asked)?;
        open.push(asked);
    }
    let (mut addresses, mut ttl) = (Vec::new(), u32::MAX);
    let mut buffer = [0; 4096];
    while !open.is_empty() {
        socket.set_read_timeout(Some(left(until)?))?;
        let length = match socket.recv(&mut buffer) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            result => result?,
        };
        // What answers no open question is noise, or somebody guessing.
        let reply = open
            .iter()
            .enumerate()
            .find_map(|(at, asked)| dns::reply(&buffer[..length], asked).map(|reply| (at, reply)));
        let Some((at, reply)) = reply else { continue };
        let asked = open.swap_remove(at);
        let reply = match reply {
            Reply::Truncated => over_tcp(server, &asked, until)?,
            reply => reply,
        };
        match reply {
            Reply::Addresses(some, keep) => {
                addresses.extend(some);
                ttl = ttl.min(keep);
            }
            Reply::NoSuchName => return Ok(None),
            Reply::Truncated => return Err(io::ErrorKind::InvalidData.into()),
            Reply::Failed(code) => {
                return Err(io::Error::other(format!("response code {code}")));
            }
        }
    }
    Ok(Some(found(addresses, ttl)))
}

fn over_tcp(server: SocketAddr, asked: &[u8], until: Instant) -> io::Result<Reply> {
    let mut stream = TcpStream::connect_timeout(&server, left(until)?)?;
    stream.set_write_timeout(Some(left(until)?))?;
    let mut message = (asked.len() as u16).to_be_bytes().to_vec();
    message.extend(asked);
    stream.write_all(&message)?;
    let mut length = [0; 2];
    stream.set_read_timeout(Some(left(until)?))?;
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.set_read_timeout(Some(left(until)?))?;
    stream.read_exact(&mut message)?;
    dns::reply(&message, asked).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        Err(io::ErrorKind::TimedOut.into())
    } else {
        Ok(left)
    }
}

/// A number that nobody outside can guess: a keyed hash, with a key of this process.
fn random() -> u16 {
    RandomState::new().hash_one(Instant::now()) as u16
}

#[cfg(test)]
mod tests;
