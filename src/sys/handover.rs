//! The sockets that init makes inside the sandbox's namespaces and hands to the broker outside.
//!
//! A socket belongs for ever to the namespace it was made in, whoever holds it: that is how a
//! process without any privilege accepts and connects inside the sandbox.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::scm;
use super::socket::Families;

/// Everything the broker needs from inside. Empty when the network is off.
#[derive(Debug, Default)]
pub struct BrokerSockets {
    /// The packet filter that gives connections to the one listener on [`STEERED`]; at most one.
    pub filter: Vec<OwnedFd>,
    /// Listeners for every address outside the sandbox, by port.
    pub listeners: Vec<(u16, OwnedFd)>,
    /// Listeners on the sandbox's own loopback for services of the host, by port.
    pub loopback: Vec<(u16, OwnedFd)>,
    /// DNS over UDP, then over TCP.
    pub dns: Vec<OwnedFd>,
    /// Sees connection attempts that nobody listens for; at most one.
    pub watch: Vec<OwnedFd>,
    /// Unbound TCP sockets of the broker's namespace: listeners for ports allowed later.
    pub spare_listeners: Vec<OwnedFd>,
    /// Unbound IPv4 TCP sockets of the sandbox's namespace: connections to published ports, and
    /// listeners for services of the host allowed later.
    pub spare_inside: Vec<OwnedFd>,
    /// The same for IPv6.
    pub spare_inside_v6: Vec<OwnedFd>,
    /// What the kernel could not give, in words.
    pub shortfalls: Vec<String>,
    /// Whether the sockets speak IPv4 only.
    pub only_v4: bool,
}

/// The port of the listener that the packet filter gives connections to, whatever their port.
pub const STEERED: u16 = 40001;

/// Bytes of the largest message: two per port, and the shortfalls.
const MESSAGE: usize = 4096;

impl BrokerSockets {
    /// The address families of the sockets.
    #[must_use]
    pub fn families(&self) -> Families {
        if self.only_v4 {
            Families::V4
        } else {
            Families::Both
        }
    }

    /// Whether there is nothing to serve.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dns.is_empty()
    }

    /// Where it shows that somebody inside asks for the network.
    pub fn called(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let ported = self.listeners.iter().chain(&self.loopback);
        let plain = self.dns.iter().chain(&self.watch);
        ported.map(|(_, fd)| fd).chain(plain).map(AsFd::as_fd)
    }

    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let ported = self
            .listeners
            .iter()
            .chain(&self.loopback)
            .map(|(_, fd)| fd);
        let spare = [
            &self.spare_listeners,
            &self.spare_inside,
            &self.spare_inside_v6,
        ];
        let plain = [&self.filter, &self.dns, &self.watch]
            .into_iter()
            .chain(spare);
        ported.chain(plain.flatten()).map(AsFd::as_fd).collect()
    }

    /// Sends the sockets to whoever holds the other end of `to`.
    pub fn send(&self, to: BorrowedFd<'_>) -> io::Result<()> {
        let mut bytes = vec![u8::from(self.only_v4)];
        let counts = [
            self.listeners.len(),
            self.loopback.len(),
            self.filter.len(),
            self.dns.len(),
            self.watch.len(),
            self.spare_listeners.len(),
            self.spare_inside.len(),
            self.spare_inside_v6.len(),
        ];
        bytes.extend(counts.map(|count| count as u8));
        for (port, _) in self.listeners.iter().chain(&self.loopback) {
            bytes.extend_from_slice(&port.to_le_bytes());
        }
        bytes.extend_from_slice(self.shortfalls.join("\n").as_bytes());
        bytes.truncate(MESSAGE);
        scm::send(to, &bytes, &self.descriptors())
    }

    /// Receives what [`BrokerSockets::send`] sent.
    pub fn receive(from: BorrowedFd<'_>) -> io::Result<Self> {
        let mut bytes = vec![0; MESSAGE];
        let (length, descriptors) = scm::receive(from, &mut bytes)?;
        let malformed = || io::Error::from(io::ErrorKind::InvalidData);
        let (head, rest) = bytes[..length].split_at_checked(9).ok_or_else(malformed)?;
        let counts: Vec<usize> = head[1..].iter().map(|&count| usize::from(count)).collect();
        let ported = counts[0] + counts[1];
        let (ports, shortfalls) = rest.split_at_checked(ported * 2).ok_or_else(malformed)?;
        if descriptors.len() != counts.iter().sum::<usize>() {
            return Err(malformed());
        }
        let mut ports = ports
            .chunks_exact(2)
            .map(|b| u16::from_le_bytes([b[0], b[1]]));
        let mut fds = descriptors.into_iter();
        let shortfalls = String::from_utf8_lossy(shortfalls);
        Ok(BrokerSockets {
            only_v4: head[0] != 0,
            listeners: ports.by_ref().take(counts[0]).zip(fds.by_ref()).collect(),
            loopback: ports.by_ref().take(counts[1]).zip(fds.by_ref()).collect(),
            filter: fds.by_ref().take(counts[2]).collect(),
            dns: fds.by_ref().take(counts[3]).collect(),
            watch: fds.by_ref().take(counts[4]).collect(),
            spare_listeners: fds.by_ref().take(counts[5]).collect(),
            spare_inside: fds.by_ref().take(counts[6]).collect(),
            spare_inside_v6: fds.by_ref().take(counts[7]).collect(),
            shortfalls: shortfalls.lines().map(str::to_owned).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::socket;
    use std::os::unix::net::UnixStream;

    #[test]
    fn sockets_arrive_in_their_places() {
        let stream = || socket::stream(Families::V4).expect("socket");
        let mut sent = BrokerSockets {
            only_v4: true,
            ..BrokerSockets::default()
        };
        sent.listeners = vec![(443, stream()), (80, stream())];
        sent.loopback = vec![(3000, stream())];
        sent.dns = vec![stream(), stream()];
        sent.spare_inside = (0..20).map(|_| stream()).collect();
        sent.shortfalls = vec!["no veth".into(), "no IPv6".into()];
        let (a, b) = UnixStream::pair().expect("pair");
        sent.send(a.as_fd()).expect("send");
        let got = BrokerSockets::receive(b.as_fd()).expect("receive");
        let ports = |v: &[(u16, OwnedFd)]| v.iter().map(|(port, _)| *port).collect::<Vec<_>>();
        assert_eq!(ports(&got.listeners), [443, 80]);
        assert_eq!(ports(&got.loopback), [3000]);
        assert_eq!(
            (got.dns.len(), got.watch.len(), got.spare_inside.len()),
            (2, 0, 20)
        );
        assert_eq!(got.shortfalls, sent.shortfalls);
        assert!(got.only_v4);
    }

    #[test]
    fn a_malformed_message_is_an_error() {
        for bytes in [
            &[0u8; 3][..],
            &[0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1],
            &[0, 0, 0, 9, 0, 0, 0, 0, 0],
        ] {
            let (a, b) = UnixStream::pair().expect("pair");
            scm::send(a.as_fd(), bytes, &[]).expect("send");
            assert!(BrokerSockets::receive(b.as_fd()).is_err(), "{bytes:?}");
        }
    }
}
