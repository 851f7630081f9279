//! New connections: what they are for, whether that is allowed, and the way there.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Instant;

use nix::sys::socket::{MsgFlags, recv};

use super::broker::{Loop, MOST_STREAMS, Token, Waiter, both_ways, register};
use super::connection::{Connection, Goal, reset};
use super::doors::Way;
use super::event::Reason;
use super::judge::{self, Refusal};
use super::lookup::Failure;
use super::names::Names;
use super::questions::{HOST_NAME, Stream};
use super::resolver::{Asked, Outcome};
use super::slab::Id;
use crate::policy::net::Host;
use crate::policy::reach;

/// Connections for one turn.
const TURNS: usize = 64;
const UDP: u8 = 17;

impl Loop {
    /// Accepts what has come to one door.
    pub(super) fn accept(&mut self, index: usize, now: Instant) {
        for _ in 0..TURNS {
            let Some(door) = self.doors.open.get(index) else {
                return;
            };
            let (way, port) = (door.way, door.port);
            match door.listener.accept() {
                Ok((client, _)) => self.arrived(client, way, port, now),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // Nothing left, or one that broke off before it was accepted.
                Err(_) => return,
            }
        }
    }

    fn arrived(&mut self, client: TcpStream, way: Way, port: u16, now: Instant) {
        let goal = match way {
            Way::In => Ok(Goal::Published(port)),
            Way::Service => Ok(Goal::Service(port)),
            Way::Out => self.goal(&client, now),
        };
        match goal {
            Ok(goal) => self.admit(client, goal, now),
            Err(_) => reset(&client),
        }
    }

    /// Takes a client in that wants to go to `goal`.
    pub(super) fn admit(&mut self, client: TcpStream, goal: Goal, now: Instant) {
        let ready = client
            .set_nonblocking(true)
            .and_then(|()| client.set_nodelay(true));
        if ready.is_err() {
            return reset(&client);
        }
        let host = goal.host();
        if let Some(full) = self.is_full(&host) {
            let reason = Reason::Full(full);
            let port = Some(goal.port()).filter(|port| *port != 0);
            self.report.tell(&host, port, reason, None, now);
            return reset(&client);
        }
        *self.crowds.entry(host).or_default() += 1;
        let id = self.connections.insert(Connection::new(client, goal));
        let added = self.connections.get_mut(id).is_some_and(|connection| {
            register(
                &self.epoll,
                &connection.client,
                Token::Client(id),
                both_ways(),
            )
            .is_ok()
        });
        if added {
            self.set_out(id, now);
        } else {
            self.close(id);
        }
    }

    /// What a connection to any address is for: its local address is where it was going.
    fn goal(&mut self, client: &TcpStream, now: Instant) -> io::Result<Goal> {
        let local = client.local_addr()?;
        let (ip, port) = (local.ip().to_canonical(), local.port());
        if ip.is_loopback() {
            return Ok(Goal::Service(port));
        }
        Ok(match self.names.find(ip, now) {
            Some(HOST_NAME) => Goal::Service(port),
            Some(name) => Goal::Outside(Host::Name(name.to_owned()), port),
            None => Goal::Outside(Host::Ip(ip), port),
        })
    }

    pub(super) fn is_full(&self, host: &str) -> Option<&'static str> {
        if self.connections.len() >= self.most {
            return Some("too many connections at once");
        }
        // One host's connections leave half to all others.
        let same = self
            .crowds
            .get(host)
            .is_some_and(|count| *count >= self.most / 2);
        same.then_some("too many connections to one host")
    }

    /// Judges where a connection wants to go, and starts on the way.
    pub(super) fn set_out(&mut self, id: Id, now: Instant) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let goal = connection.goal.clone();
        if let Err((reason, rule)) = judge_goal(&self.rules, &goal) {
            return self.refuse(id, reason, rule, now);
        }
        match goal {
            Goal::Unsaid => self.wait_for_a_goal(id, now),
            Goal::Published(_) => self.connect_inside(id, false, now),
            Goal::Service(port) => {
                let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
                self.connect_to(id, vec![v6, v4], now);
            }
            Goal::Outside(host, port) => self.set_out_to(id, host, port, now),
        }
    }

    fn set_out_to(&mut self, id: Id, host: Host, port: u16, now: Instant) {
        let proxy = self.upstream.proxy_for(&host, port);
        let proxy = proxy.map(|proxy| (proxy.host.clone(), proxy.port));
        if let Some(connection) = self.connections.get_mut(id) {
            connection.proxied = proxy.is_some();
        }
        let proxied = proxy.is_some();
        let (host, port) = proxy.unwrap_or((host, port));
        let name = match host {
            Host::Ip(ip) => return self.connect_to(id, vec![SocketAddr::new(ip, port)], now),
            Host::Name(name) => name,
        };
        let waiter = if proxied {
            Waiter::Proxied(id)
        } else {
            Waiter::Connection(id)
        };
        match self.resolver.ask(&name, waiter, now) {
            Asked::Pending => {}
            Asked::Known(outcome, Waiter::Proxied(_)) => self.proxy_resolved(id, &outcome, now),
            Asked::Known(outcome, _) => self.resolved(id, &outcome, now),
            Asked::Refused(_) => {
                let why = Reason::LookupFailed("too many lookups at once".to_owned());
                self.fail(id, why, now);
            }
        }
    }

    /// Goes on with a connection to a name, to those of its addresses that are allowed.
    pub(super) fn resolved(&mut self, id: Id, outcome: &Outcome, now: Instant) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let port = connection.goal.port();
        let found = match outcome {
            Ok(found) => found,
            Err(failure) => return self.fail(id, unknown(failure), now),
        };
        let (mut allowed, mut refused) = (Vec::new(), None);
        for &ip in found.addresses.iter().rev() {
            match judge::address(&self.rules.net, ip, port) {
                Ok(()) => allowed.push(SocketAddr::new(ip, port)),
                Err(refusal) => refused = Some(refusal),
            }
        }
        match refused {
            Some((reason, rule)) if allowed.is_empty() => self.refuse(id, reason, rule, now),
            _ => self.connect_to(id, allowed, now),
        }
    }

    /// Goes on with a connection through the corporate proxy, which the host itself named.
    pub(super) fn proxy_resolved(&mut self, id: Id, outcome: &Outcome, now: Instant) {
        let goal = self.connections.get_mut(id).map(|c| c.goal.clone());
        let Some(Goal::Outside(host, port)) = goal else {
            return;
        };
        let Some(proxy) = self.upstream.proxy_for(&host, port) else {
            return self.close(id);
        };
        match outcome {
            Ok(found) => {
                let addresses = found.addresses.iter().rev();
                let addresses = addresses.map(|&ip| SocketAddr::new(ip, proxy.port));
                self.connect_to(id, addresses.collect(), now);
            }
            Err(failure) => {
                let reason = Reason::Proxy(format!("{}: {}", proxy.host, words(failure)));
                self.fail(id, reason, now);
            }
        }
    }

    /// Ends the connections that new rules do not allow.
    pub(super) fn judge_again(&mut self, now: Instant) {
        let mut refused = Vec::new();
        for (id, connection) in self.connections.iter_mut() {
            let verdict = judge_goal(&self.rules, &connection.goal).and_then(|()| {
                let named = matches!(connection.goal, Goal::Outside(Host::Name(_), _));
                match connection.server_address() {
                    Some(ip) if named && !connection.proxied => {
                        judge::address(&self.rules.net, ip, connection.goal.port())
                    }
                    _ => Ok(()),
                }
            });
            if let Err(refusal) = verdict {
                refused.push((id, refusal));
            }
        }
        for (id, (reason, rule)) in refused {
            self.refuse(id, reason, rule, now);
        }
    }

    /// Accepts DNS over TCP.
    pub(super) fn accept_streams(&mut self, now: Instant) {
        for _ in 0..TURNS {
            let Some(Ok((stream, _))) = self.dns.as_ref().map(|dns| dns.listener.accept()) else {
                return;
            };
            let old: Vec<Id> = self
                .streams
                .iter_mut()
                .filter(|(_, s)| s.until < now)
                .map(|(id, _)| id)
                .collect();
            for id in old {
                self.streams.remove(id);
            }
            if self.streams.len() >= MOST_STREAMS || stream.set_nonblocking(true).is_err() {
                reset(&stream);
                continue;
            }
            let id = self.streams.insert(Stream::new(stream, now));
            let added = self.streams.get_mut(id).is_some_and(|stream| {
                register(&self.epoll, stream, Token::Stream(id), both_ways()).is_ok()
            });
            if added {
                self.stream(id, now);
            } else {
                self.streams.remove(id);
            }
        }
    }

    /// Tells about attempts that the kernel has refused: nobody listens on their ports.
    pub(super) fn watched(&mut self, now: Instant) {
        let mut packet = [0; 64];
        for _ in 0..TURNS {
            let Some(watch) = self.doors.watch() else {
                return;
            };
            let length = recv(watch.as_raw_fd(), &mut packet, MsgFlags::MSG_DONTWAIT);
            let Ok(length) = length else { return };
            if let Some((protocol, to)) = destination(&packet[..length]) {
                self.missed(protocol, to, now);
            }
        }
    }

    fn missed(&mut self, protocol: u8, to: SocketAddr, now: Instant) {
        let (ip, port) = (to.ip(), to.port());
        let taken = protocol != UDP && self.doors.takes(ip, port);
        if taken || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
            return;
        }
        let host = match self.names.find(ip, now) {
            Some(name) => Host::Name(name.to_owned()),
            None => Host::Ip(ip),
        };
        let (reason, rule) = match judge::endpoint(&self.rules.net, &host, port) {
            _ if protocol == UDP => (Reason::Udp, None),
            Ok(()) => (Reason::PortNotServed, None),
            Err(refusal) => refusal,
        };
        self.report
            .tell(&host.to_string(), Some(port), reason, rule, now);
    }
}

/// Judges the goal of a connection, as far as it can be before names are looked up.
fn judge_goal(rules: &super::Rules, goal: &Goal) -> Result<(), Refusal> {
    match goal {
        // It is judged when it is said.
        Goal::Unsaid => Ok(()),
        Goal::Outside(Host::Ip(ip), _) if Names::is_synthetic(*ip) => {
            Err((Reason::NotAllowed, None))
        }
        Goal::Outside(host, port) => judge::endpoint(&rules.net, host, *port),
        Goal::Service(port) => match reach::host_service(&rules.net, *port) {
            Some(_) => Ok(()),
            None => Err((Reason::NotAllowed, None)),
        },
        Goal::Published(port) if rules.publish_ports.contains(port) => Ok(()),
        Goal::Published(_) => Err((Reason::Denied, None)),
    }
}

fn unknown(failure: &Failure) -> Reason {
    match failure {
        Failure::NoSuchName => Reason::NoSuchName,
        Failure::Unknown(why) => Reason::LookupFailed(why.clone()),
    }
}

fn words(failure: &Failure) -> &str {
    match failure {
        Failure::NoSuchName => "no such name",
        Failure::Unknown(why) => why,
    }
}

/// The protocol and destination of an IP packet.
fn destination(packet: &[u8]) -> Option<(u8, SocketAddr)> {
    let (protocol, ip, rest): (u8, IpAddr, &[u8]) = match packet.first()? >> 4 {
        4 => {
            let ip: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
            let header = usize::from(packet[0] & 0xf) * 4;
            (*packet.get(9)?, ip.into(), packet.get(header..)?)
        }
        6 => {
            let ip: [u8; 16] = packet.get(24..40)?.try_into().ok()?;
            (*packet.get(6)?, ip.into(), packet.get(40..)?)
        }
        _ => return None,
    };
    let port = u16::from_be_bytes(rest.get(2..4)?.try_into().ok()?);
    Some((protocol, SocketAddr::new(ip, port)))
}
