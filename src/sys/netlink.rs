//! Route netlink: links, addresses and routes of the network namespace that a socket was made in.
//!
//! Requests are sent as one batch and answered one by one, so a whole set-up costs three system
//! calls. Nothing is read but acknowledgements.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

/// The index of `lo` in every network namespace.
pub const LOOPBACK: u32 = 1;

// linux/if_link.h and linux/veth.h; not in libc for every target.
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const IN6_ADDR_GEN_MODE_NONE: u8 = 1;
const NESTED: u16 = libc::NLA_F_NESTED as u16;
pub(super) const ACKNOWLEDGE: u16 = (libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
const CREATE: u16 = ACKNOWLEDGE | (libc::NLM_F_CREATE | libc::NLM_F_EXCL) as u16;
/// Space of `struct nlmsghdr`.
const HEADER: usize = 16;

/// A request that the kernel refused.
#[derive(Debug)]
pub struct Refused {
    /// What was asked for.
    pub what: &'static str,
    /// The kernel's answer.
    pub errno: Errno,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.errno.desc())
    }
}

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> Self {
        io::Error::new(io::Error::from(refused.errno).kind(), refused.to_string())
    }
}

/// One request: a netlink header, a fixed part and attributes.
#[derive(Debug)]
pub struct Request {
    what: &'static str,
    bytes: Vec<u8>,
}

impl Request {
    pub(super) fn new(what: &'static str, kind: u16, flags: u16, fixed: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(fixed);
        Request { what, bytes }
    }

    fn is_answered(&self) -> bool {
        self.bytes
            .get(6)
            .is_some_and(|flags| u16::from(*flags) & libc::NLM_F_ACK as u16 != 0)
    }

    pub(super) fn attribute(&mut self, kind: u16, value: &[u8]) {
        let length = (4 + value.len()) as u16;
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    pub(super) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.attribute(kind | NESTED, &[]);
        fill(self);
        let length = (self.bytes.len() - start) as u16;
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
    }

    /// Switches the link on.
    #[must_use]
    pub fn link_up(what: &'static str, index: u32) -> Self {
        let up = libc::IFF_UP as u32;
        Request::new(
            what,
            libc::RTM_NEWLINK,
            ACKNOWLEDGE,
            &ifinfomsg(index, up, up),
        )
    }

    /// Stops the kernel from giving the link a link-local address, whose duplicate detection would
    /// delay its first use by seconds.
    #[must_use]
    pub fn no_link_local(what: &'static str, index: u32) -> Self {
        let mut request = Request::new(
            what,
            libc::RTM_NEWLINK,
            ACKNOWLEDGE,
            &ifinfomsg(index, 0, 0),
        );
        request.nest(IFLA_AF_SPEC, |r| {
            r.nest(libc::AF_INET6 as u16, |r| {
                r.attribute(IFLA_INET6_ADDR_GEN_MODE, &[IN6_ADDR_GEN_MODE_NONE]);
            });
        });
        request
    }

    /// A pair of joined links: `here` in the namespace of the socket, `there` in the namespace
    /// `peer_namespace`.
    #[must_use]
    pub fn veth(
        what: &'static str,
        here: &Link<'_>,
        there: &Link<'_>,
        peer_namespace: BorrowedFd<'_>,
    ) -> Self {
        let mut request = Request::new(
            what,
            libc::RTM_NEWLINK,
            CREATE,
            &ifinfomsg(here.index, 0, 0),
        );
        here.describe(&mut request);
        request.nest(IFLA_LINKINFO, |r| {
            r.attribute(IFLA_INFO_KIND, b"veth");
            r.nest(IFLA_INFO_DATA, |r| {
                r.nest(VETH_INFO_PEER, |r| {
                    r.bytes.extend_from_slice(&ifinfomsg(there.index, 0, 0));
                    there.describe(r);
                    r.attribute(IFLA_NET_NS_FD, &peer_namespace.as_raw_fd().to_ne_bytes());
                });
            });
        });
        request
    }

    /// Gives the link one address, usable at once.
    #[must_use]
    pub fn address(what: &'static str, index: u32, address: IpAddr) -> Self {
        let (family, bytes) = wire(address);
        let mut fixed = vec![family, (bytes.len() * 8) as u8, libc::IFA_F_NODAD as u8, 0];
        fixed.extend_from_slice(&index.to_ne_bytes());
        let mut request = Request::new(what, libc::RTM_NEWADDR, CREATE, &fixed);
        request.attribute(libc::IFA_LOCAL, &bytes);
        request.attribute(libc::IFA_ADDRESS, &bytes);
        request
    }

    /// Adds a route.
    #[must_use]
    pub fn route(what: &'static str, route: &Route) -> Self {
        let (family, bytes) = wire(route.to);
        let fixed = [
            family,
            route.prefix,
            0,
            0,
            route.table as u8,
            libc::RTPROT_STATIC,
            route.scope,
            route.kind,
            0,
            0,
            0,
            0,
        ];
        let mut request = Request::new(what, libc::RTM_NEWROUTE, CREATE, &fixed);
        if route.prefix > 0 {
            request.attribute(libc::RTA_DST, &bytes);
        }
        if let Some(gateway) = route.gateway {
            request.attribute(libc::RTA_GATEWAY, &wire(gateway).1);
        }
        request.attribute(libc::RTA_OIF, &route.link.to_ne_bytes());
        request
    }
}

/// A new link.
#[derive(Debug)]
pub struct Link<'a> {
    /// Its index, chosen by us: reading it back would cost a system call.
    pub index: u32,
    /// Its name.
    pub name: &'a str,
    /// Its largest packet.
    pub mtu: u32,
}

impl Link<'_> {
    fn describe(&self, request: &mut Request) {
        let mut name = self.name.as_bytes().to_vec();
        name.push(0);
        request.attribute(libc::IFLA_IFNAME, &name);
        request.attribute(libc::IFLA_MTU, &self.mtu.to_ne_bytes());
    }
}

/// A routing table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Table {
    /// What leaves.
    Main = libc::RT_TABLE_MAIN,
    /// What is this host's own; asked first.
    Local = libc::RT_TABLE_LOCAL,
}

/// Where packets for a range of addresses go.
#[derive(Debug)]
pub struct Route {
    /// The first address of the range.
    pub to: IpAddr,
    /// How many leading bits name the range.
    pub prefix: u8,
    /// The table that holds the route.
    pub table: Table,
    /// `RT_SCOPE_*`.
    pub scope: u8,
    /// `RTN_*`.
    pub kind: u8,
    /// The next hop, if it is not the link itself.
    pub gateway: Option<IpAddr>,
    /// The link.
    pub link: u32,
}

impl Route {
    /// `local RANGE`: every address of the range is this host's own, and sockets accept for it.
    #[must_use]
    pub fn any_ip(all: IpAddr) -> Self {
        Route {
            to: all,
            prefix: 0,
            table: Table::Local,
            scope: libc::RT_SCOPE_HOST,
            kind: libc::RTN_LOCAL,
            gateway: None,
            link: LOOPBACK,
        }
    }

    /// One neighbour on the link, in `table`.
    #[must_use]
    pub fn neighbour(address: IpAddr, link: u32, table: Table) -> Self {
        Route {
            to: address,
            prefix: if address.is_ipv4() { 32 } else { 128 },
            table,
            scope: libc::RT_SCOPE_LINK,
            kind: libc::RTN_UNICAST,
            gateway: None,
            link,
        }
    }

    /// Everything else goes to `gateway`.
    #[must_use]
    pub fn default_via(all: IpAddr, gateway: IpAddr, link: u32) -> Self {
        Route {
            to: all,
            prefix: 0,
            table: Table::Main,
            scope: libc::RT_SCOPE_UNIVERSE,
            kind: libc::RTN_UNICAST,
            gateway: Some(gateway),
            link,
        }
    }
}

fn ifinfomsg(index: u32, flags: u32, change: u32) -> [u8; 16] {
    let mut fixed = [0; 16];
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    fixed[8..12].copy_from_slice(&flags.to_ne_bytes());
    fixed[12..16].copy_from_slice(&change.to_ne_bytes());
    fixed
}

fn wire(address: IpAddr) -> (u8, Vec<u8>) {
    match address {
        IpAddr::V4(v4) => (libc::AF_INET as u8, v4.octets().to_vec()),
        IpAddr::V6(v6) => (libc::AF_INET6 as u8, v6.octets().to_vec()),
    }
}

/// Whom a netlink socket talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subsystem {
    /// Links, addresses, routes.
    Route,
    /// The packet filter.
    Filter,
}

/// A netlink socket. It keeps working on the namespace it was opened in.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
}

impl From<OwnedFd> for Netlink {
    /// Takes over a socket; answers that its last owner did not live to read are dropped.
    fn from(socket: OwnedFd) -> Self {
        let mut buffer = [0; 8192];
        while recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT).is_ok() {}
        Netlink { socket }
    }
}

impl From<Netlink> for OwnedFd {
    fn from(netlink: Netlink) -> Self {
        netlink.socket
    }
}

impl Netlink {
    /// Opens a socket in the caller's network namespace.
    pub fn open(subsystem: Subsystem) -> io::Result<Self> {
        let protocol = match subsystem {
            Subsystem::Route => SockProtocol::NetlinkRoute,
            Subsystem::Filter => SockProtocol::NetlinkNetFilter,
        };
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?;
        Ok(Netlink { socket })
    }

    /// Runs the requests in order and reports the first that was refused.
    pub fn run(&self, requests: &[Request]) -> Result<(), Refused> {
        let failed = |errno| Refused {
            what: "netlink",
            errno,
        };
        let mut batch = Vec::with_capacity(requests.len() * 128);
        let mut unanswered = 0;
        for (sequence, request) in (1u32..).zip(requests) {
            let start = batch.len();
            batch.extend_from_slice(&request.bytes);
            let length = request.bytes.len() as u32;
            batch[start..start + 4].copy_from_slice(&length.to_ne_bytes());
            batch[start + 8..start + 12].copy_from_slice(&sequence.to_ne_bytes());
            unanswered += usize::from(request.is_answered());
        }
        let kernel = NetlinkAddr::new(0, 0);
        sendto(self.socket.as_raw_fd(), &batch, &kernel, MsgFlags::empty()).map_err(failed)?;
        let mut first = None;
        let mut buffer = [0; 8192];
        while unanswered > 0 {
            // The kernel has answered by the time the requests are sent.
            let length = recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT);
            let length = length.map_err(|errno| first.take().unwrap_or(failed(errno)))?;
            for (sequence, errno) in acknowledgements(&buffer[..length]) {
                let request = (sequence as usize)
                    .checked_sub(1)
                    .and_then(|i| requests.get(i));
                let Some(request) = request else { continue };
                unanswered -= usize::from(request.is_answered()).min(unanswered);
                if errno != 0 && first.is_none() {
                    let errno = Errno::from_raw(errno);
                    first = Some(Refused {
                        what: request.what,
                        errno,
                    });
                }
            }
        }
        first.map_or(Ok(()), Err)
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The (sequence number, errno) of each acknowledgement in `datagram`.
fn acknowledgements(mut datagram: &[u8]) -> Vec<(u32, i32)> {
    let word = |bytes: &[u8], at: usize| {
        bytes
            .get(at..at + 4)
            .and_then(|b| b.try_into().ok())
            .map(u32::from_ne_bytes)
    };
    let mut found = Vec::new();
    while let (Some(length), Some(sequence), Some(error)) =
        (word(datagram, 0), word(datagram, 8), word(datagram, HEADER))
    {
        found.push((sequence, (error as i32).wrapping_neg()));
        let next = (length as usize).next_multiple_of(4).max(HEADER);
        datagram = datagram.get(next..).unwrap_or_default();
    }
    found
}
