//! Network namespaces and the socket calls that no crate wraps.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::cerr;

/// asm-generic/sockios.h and linux/sockios.h: the network namespace of a socket, as a descriptor.
const SIOCGSKNS: libc::Ioctl = 0x894C;
/// linux/if_packet.h.
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;

/// Moves the calling thread into a network namespace of its own.
pub fn unshare_network() -> io::Result<()> {
    // SAFETY: plain integers.
    cerr(unsafe { libc::unshare(libc::CLONE_NEWNET) }).map(drop)
}

/// Moves the calling thread into the network namespace `namespace`.
pub fn enter_network(namespace: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: plain integers; the descriptor is open.
    cerr(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) }).map(drop)
}

/// The network namespace that `socket` belongs to.
pub fn network_of(socket: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // SAFETY: SIOCGSKNS takes no argument and returns a fresh descriptor.
    let fd = cerr(unsafe { libc::ioctl(socket.as_raw_fd(), SIOCGSKNS) })?;
    // SAFETY: the kernel just returned it to this process, close-on-exec; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Returns a connected TCP socket to the unconnected state, for another `connect`.
pub fn disconnect(socket: BorrowedFd<'_>) -> io::Result<()> {
    let unspecified = libc::sockaddr {
        sa_family: libc::AF_UNSPEC as libc::sa_family_t,
        sa_data: [0; 14],
    };
    // SAFETY: `unspecified` is a whole sockaddr and its size is passed.
    cerr(unsafe {
        libc::connect(
            socket.as_raw_fd(),
            &raw const unspecified,
            size_of::<libc::sockaddr>() as libc::socklen_t,
        )
    })
    .map(drop)
}

/// Makes closing `socket` send a reset instead of an orderly end.
pub fn close_by_reset(socket: &impl AsFd) -> io::Result<()> {
    let at_once = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_LINGER, &at_once)
}

/// Lets `socket` take connections that the packet filter gives it.
pub fn transparent(socket: BorrowedFd<'_>, v6: bool) -> io::Result<()> {
    if v6 {
        set_option(socket, libc::SOL_IPV6, libc::IPV6_TRANSPARENT, &1i32)
    } else {
        set_option(socket, libc::SOL_IP, libc::IP_TRANSPARENT, &1i32)
    }
}

/// Lets `socket` send from addresses that are local by a route alone.
pub fn send_from_any_v6(socket: BorrowedFd<'_>) -> io::Result<()> {
    set_option(socket, libc::SOL_IPV6, libc::IPV6_FREEBIND, &1i32)
}

/// A socket that sees the first packet of each connection attempt that arrives at this namespace.
/// It needs `CAP_NET_RAW` there; [`watch_all_but`] works without.
pub fn packet_socket() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // Protocol 0: it receives nothing before it is bound.
    // SAFETY: plain integers.
    let fd = cerr(unsafe { libc::socket(libc::AF_PACKET, kind, 0) })?;
    // SAFETY: the kernel just returned it to this process; nobody else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    set_option(
        socket.as_fd(),
        libc::SOL_PACKET,
        PACKET_IGNORE_OUTGOING,
        &1i32,
    )?;
    // A full buffer loses reports, never traffic.
    set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_RCVBUF, &65536i32)?;
    Ok(socket)
}

/// Binds a packet socket to the link `index`, for all protocols.
pub fn watch_link(socket: BorrowedFd<'_>, index: u32) -> io::Result<()> {
    // SAFETY: sockaddr_ll is plain data, for which all zeroes is a value.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = index as i32;
    // SAFETY: `address` is a whole sockaddr_ll and its size is passed.
    cerr(unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    })
    .map(drop)
}

/// The attempts that somebody is there for.
#[derive(Debug, Clone, Copy)]
pub struct Taken<'a> {
    /// Only to these networks, of at most 32 leading bits; to any when there are none.
    pub networks: &'a [(IpAddr, u8)],
    /// Only to these ports; to any when there are none.
    pub ports: &'a [u16],
}

/// Lets a packet socket see only attempts that nobody is there for: the first packets of TCP
/// connections that are not `taken`, and UDP to ports other than 53.
pub fn watch_all_but(socket: BorrowedFd<'_>, taken: Taken<'_>) -> io::Result<()> {
    let mut program = untaken(taken);
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    set_option(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &filter)
}

fn set_option<T>(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: &T,
) -> io::Result<()> {
    // SAFETY: `value` is a whole `T` and its size is passed; the kernel copies it.
    cerr(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    })
    .map(drop)
}

/// One classic BPF instruction.
fn op(code: u32, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    }
}

/// The classic BPF program of [`watch_all_but`]. Jumps are relative, and longest 255, so each
/// comparison with a port returns on its own.
fn untaken(taken: Taken<'_>) -> Vec<libc::sock_filter> {
    use libc::{
        BPF_ABS, BPF_ALU, BPF_AND, BPF_B, BPF_H, BPF_IMM, BPF_IND, BPF_JA, BPF_JEQ, BPF_JMP,
        BPF_JSET, BPF_K, BPF_LD, BPF_LDX, BPF_MSH, BPF_RET,
    };
    let drop = op(BPF_RET | BPF_K, 0, 0, 0);
    let pass = op(BPF_RET | BPF_K, 64, 0, 0);
    let port = op(BPF_LD | BPF_H | BPF_IND, 2, 0, 0);
    let mut code = vec![
        op(BPF_LD | BPF_B | BPF_ABS, 0, 0, 0),
        op(BPF_ALU | BPF_AND | BPF_K, 0xf0, 0, 0),
        op(BPF_JMP | BPF_JEQ | BPF_K, 0x60, 6, 0),
        op(BPF_JMP | BPF_JEQ | BPF_K, 0x40, 0, 9),
        // 4: IPv4, first fragment only. X = length of the header, A = protocol.
        op(BPF_LD | BPF_H | BPF_ABS, 6, 0, 0),
        op(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 7, 0),
        op(BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0),
        op(BPF_LD | BPF_B | BPF_ABS, 9, 0, 0),
        op(BPF_JMP | BPF_JA, 2, 0, 0),
        // 9: IPv6 without extension headers, which is what our own kernel sends.
        op(BPF_LDX | BPF_IMM, 40, 0, 0),
        op(BPF_LD | BPF_B | BPF_ABS, 6, 0, 0),
        // 11: by protocol.
        op(BPF_JMP | BPF_JEQ | BPF_K, libc::IPPROTO_UDP as u32, 6, 0),
        op(BPF_JMP | BPF_JEQ | BPF_K, libc::IPPROTO_TCP as u32, 1, 0),
        drop,
        // 14: TCP, SYN without ACK.
        op(BPF_LD | BPF_B | BPF_IND, 13, 0, 0),
        op(BPF_ALU | BPF_AND | BPF_K, 0x12, 0, 0),
        op(BPF_JMP | BPF_JEQ | BPF_K, 0x02, 5, 0),
        drop,
        // 18: UDP.
        port,
        op(BPF_JMP | BPF_JEQ | BPF_K, 53, 1, 0),
        pass,
        drop,
        // 22: what is taken.
    ];
    code.extend(to_networks(taken.networks));
    if taken.ports.is_empty() {
        code.push(if taken.networks.is_empty() {
            pass
        } else {
            drop
        });
        return code;
    }
    code.push(port);
    for port in taken.ports {
        code.extend([op(BPF_JMP | BPF_JEQ | BPF_K, u32::from(*port), 0, 1), drop]);
    }
    code.push(pass);
    code
}

/// Passes a packet that goes to none of `networks`; one that does goes on with what follows.
fn to_networks(networks: &[(IpAddr, u8)]) -> Vec<libc::sock_filter> {
    use libc::{BPF_ABS, BPF_ALU, BPF_AND, BPF_B, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W};
    const BLOCK: usize = 6;
    let mut code = Vec::new();
    for (index, (address, bits)) in networks.iter().enumerate() {
        let (version, offset, first) = match address {
            IpAddr::V4(v4) => (0x40, 16, v4.to_bits()),
            IpAddr::V6(v6) => (0x60, 24, (v6.to_bits() >> 96) as u32),
        };
        let mask = u32::MAX
            .checked_shl(32 - u32::from(*bits).min(32))
            .unwrap_or(0);
        let over = (networks.len() - index - 1) * BLOCK + 1;
        code.extend([
            op(BPF_LD | BPF_B | BPF_ABS, 0, 0, 0),
            op(BPF_ALU | BPF_AND | BPF_K, 0xf0, 0, 0),
            op(BPF_JMP | BPF_JEQ | BPF_K, version, 0, 3),
            op(BPF_LD | BPF_W | BPF_ABS, offset, 0, 0),
            op(BPF_ALU | BPF_AND | BPF_K, mask, 0, 0),
            op(BPF_JMP | BPF_JEQ | BPF_K, first & mask, over as u8, 0),
        ]);
    }
    if !networks.is_empty() {
        code.push(op(BPF_RET | BPF_K, 64, 0, 0));
    }
    code
}
