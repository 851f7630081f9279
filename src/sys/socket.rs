//! Sockets that listen, and sockets made in one network namespace for use by another process.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::sockopt::{
    AcceptConn, Ipv4PacketInfo, Ipv6RecvPacketInfo, Ipv6V6Only, ReuseAddr,
};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, SockaddrIn6, SockaddrStorage, bind,
    connect, getsockname, getsockopt, listen, setsockopt, socket,
};

/// Which address families a namespace has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Families {
    /// IPv4 alone: the kernel runs without IPv6.
    V4,
    /// Both; one socket serves both.
    Both,
}

impl Families {
    /// The families of the caller's namespace.
    #[must_use]
    pub fn probe() -> Self {
        match stream(Families::Both) {
            Ok(_) => Families::Both,
            Err(_) => Families::V4,
        }
    }

    fn domain(self) -> AddressFamily {
        match self {
            Families::V4 => AddressFamily::Inet,
            Families::Both => AddressFamily::Inet6,
        }
    }

    /// Every address of these families.
    #[must_use]
    pub fn any(self) -> IpAddr {
        match self {
            Families::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Families::Both => Ipv6Addr::UNSPECIFIED.into(),
        }
    }
}

const FLAGS: SockFlag = SockFlag::SOCK_CLOEXEC.union(SockFlag::SOCK_NONBLOCK);

/// A TCP socket that does not block, neither bound nor connected.
pub fn stream(families: Families) -> io::Result<OwnedFd> {
    let fd = socket(families.domain(), SockType::Stream, FLAGS, None)?;
    if families == Families::Both {
        setsockopt(&fd, Ipv6V6Only, &false)?;
    }
    Ok(fd)
}

/// Binds a TCP socket and lets it accept connections.
pub fn listen_on(socket: &OwnedFd, address: IpAddr, port: u16) -> io::Result<()> {
    setsockopt(socket, ReuseAddr, &true)?;
    bind(
        socket.as_raw_fd(),
        &SockaddrStorage::from(SocketAddr::new(address, port)),
    )?;
    relisten(socket)
}

/// Lets a bound TCP socket accept connections (again).
pub fn relisten(socket: &OwnedFd) -> io::Result<()> {
    Ok(listen(socket, Backlog::MAXALLOWABLE)?)
}

/// The port that a TCP socket listens on; none when it does not listen.
pub fn listens_on(socket: &OwnedFd) -> io::Result<Option<u16>> {
    if !getsockopt(socket, AcceptConn)? {
        return Ok(None);
    }
    let address: SockaddrStorage = getsockname(socket.as_raw_fd())?;
    let v4 = address.as_sockaddr_in().map(SockaddrIn::port);
    let v6 = || address.as_sockaddr_in6().map(SockaddrIn6::port);
    Ok(v4.or_else(v6))
}

/// A UDP socket that does not block, bound to every address, which tells the address that each
/// datagram was sent to.
pub fn datagrams(families: Families, port: u16) -> io::Result<OwnedFd> {
    let fd = socket(families.domain(), SockType::Datagram, FLAGS, None)?;
    match families {
        Families::V4 => setsockopt(&fd, Ipv4PacketInfo, &true)?,
        Families::Both => {
            setsockopt(&fd, Ipv6V6Only, &false)?;
            setsockopt(&fd, Ipv6RecvPacketInfo, &true)?;
            super::netns::send_from_any_v6(fd.as_fd())?;
        }
    }
    bind(
        fd.as_raw_fd(),
        &SockaddrStorage::from(SocketAddr::new(families.any(), port)),
    )?;
    Ok(fd)
}

/// Starts a connection from a socket that does not block; it is under way when this returns.
pub fn start_connect(socket: &impl AsFd, to: SocketAddr) -> io::Result<()> {
    match connect(socket.as_fd().as_raw_fd(), &SockaddrStorage::from(to)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// A TCP socket that does not block, of the family of `to`, with a connection to it under way.
pub fn connecting(to: SocketAddr) -> io::Result<OwnedFd> {
    let domain = if to.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let fd = socket(domain, SockType::Stream, FLAGS, None)?;
    start_connect(&fd, to)?;
    Ok(fd)
}
