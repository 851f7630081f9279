//! UDP for a socket that answers for every address: each answer leaves from the address that was
//! asked.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::cmsg_space;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg,
};

/// Who sent a datagram, and to which address.
#[derive(Debug)]
pub struct Peer {
    from: SockaddrStorage,
    to: To,
}

#[derive(Debug)]
enum To {
    V4(libc::in_pktinfo),
    V6(libc::in6_pktinfo),
}

/// Receives one datagram into `buffer`, without blocking. There is no peer when the kernel did not
/// say where it was sent to.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(usize, Option<Peer>)> {
    let mut space = cmsg_space!(libc::in6_pktinfo, libc::in_pktinfo);
    let mut parts = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut space),
        MsgFlags::MSG_DONTWAIT,
    )?;
    let to = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4PacketInfo(info) => Some(To::V4(info)),
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(To::V6(info)),
        _ => None,
    });
    let peer = message.address.zip(to).map(|(from, to)| Peer { from, to });
    Ok((message.bytes, peer))
}

/// Sends `bytes` back to `peer`, without blocking.
pub fn answer(socket: BorrowedFd<'_>, bytes: &[u8], peer: &Peer) -> io::Result<()> {
    let control = match &peer.to {
        To::V4(info) => ControlMessage::Ipv4PacketInfo(info),
        To::V6(info) => ControlMessage::Ipv6PacketInfo(info),
    };
    let parts = [IoSlice::new(bytes)];
    let flags = MsgFlags::MSG_DONTWAIT;
    sendmsg(
        socket.as_raw_fd(),
        &parts,
        &[control],
        flags,
        Some(&peer.from),
    )?;
    Ok(())
}
