//! Connections under way: reaching the server, passing bytes on, ending.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use nix::sys::epoll::EpollFlags;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{KeepAlive, TcpKeepIdle};

use super::broker::{Loop, Token, both_ways, register};
use super::connection::{Goal, Pumped, Stage, reset};
use super::event::{Event, Reason};
use super::front;
use super::slab::Id;
use super::upstream;
use crate::policy::net::Host;
use crate::policy::origin::Origin;
use crate::sys::socket;

/// For one address of a server.
const CONNECT: Duration = Duration::from_secs(5);
/// For the corporate proxy to open a tunnel.
const GREETING: Duration = Duration::from_secs(15);
/// For the client to read why it was refused.
const PARTING: Duration = Duration::from_secs(1);
/// A peer that has vanished is noticed after some minutes.
const KEEP_IDLE: u32 = 120;
/// TLS alert: fatal, access denied.
const ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];

impl Loop {
    /// Tries `addresses`, last first.
    pub(super) fn connect_to(&mut self, id: Id, addresses: Vec<SocketAddr>, now: Instant) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.untried = addresses;
        }
        self.connect_next(id, "no address is left".to_owned(), now);
    }

    /// Tries the next address; `why` the last one failed.
    fn connect_next(&mut self, id: Id, mut why: String, now: Instant) {
        let until = now + CONNECT;
        loop {
            let Some(connection) = self.connections.get_mut(id) else {
                return;
            };
            connection.server = None;
            let Some(address) = connection.untried.pop() else {
                let reason = if connection.proxied {
                    Reason::Proxy(why)
                } else {
                    Reason::Unreachable(why)
                };
                return self.fail(id, reason, now);
            };
            let started = socket::connecting(address).and_then(|fd| {
                register(&self.epoll, &fd, Token::Server(id), both_ways())?;
                Ok(fd)
            });
            match started {
                Ok(fd) => {
                    connection.server = Some(fd.into());
                    connection.stage = Stage::Connecting(until);
                    return self.set_timer(id, until);
                }
                Err(error) => why = error.to_string(),
            }
        }
    }

    /// Connects to a published port, from inside.
    pub(super) fn connect_inside(&mut self, id: Id, v6: bool, now: Instant) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let Some(fd) = self.doors.take_inside(v6) else {
            let full = Reason::Full("too many connections to published ports");
            return self.fail(id, full, now);
        };
        let loopback = if v6 { "::1" } else { "127.0.0.1" };
        let Ok(ip) = loopback.parse() else { return };
        let address = SocketAddr::new(ip, connection.goal.port());
        connection.inside = Some(v6);
        let started = register(&self.epoll, &fd, Token::Server(id), both_ways())
            .and_then(|()| socket::start_connect(&fd, address));
        connection.server = Some(fd.into());
        match started {
            Ok(()) => {
                connection.stage = Stage::Connecting(now + CONNECT);
                self.set_timer(id, now + CONNECT);
            }
            Err(error) => self.fail(id, Reason::Unreachable(error.to_string()), now),
        }
    }

    /// What epoll says about a client.
    pub(super) fn client_event(&mut self, id: Id, flags: EpollFlags, now: Instant) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.client_is(flags);
        match connection.stage {
            Stage::Open => self.pump(id, now),
            Stage::Asking(_) => self.hear(id, now),
            Stage::Parting(_) => {
                if connection.drain(&mut self.buffer) {
                    self.close(id);
                }
            }
            Stage::Lookup | Stage::Connecting(_) | Stage::Greeting(_) => {
                if flags.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP) {
                    self.close(id);
                }
            }
        }
    }

    /// What epoll says about a server.
    pub(super) fn server_event(&mut self, id: Id, flags: EpollFlags, now: Instant) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.server_is(flags);
        match connection.stage {
            Stage::Open => self.pump(id, now),
            Stage::Connecting(_) => self.connecting(id, now),
            Stage::Greeting(_) => self.greeted(id, now),
            Stage::Asking(_) | Stage::Lookup | Stage::Parting(_) => {}
        }
    }

    fn connecting(&mut self, id: Id, now: Instant) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let Some(server) = &connection.server else {
            return;
        };
        let error = match server.take_error() {
            Ok(None) if server.peer_addr().is_ok() => return self.connected(id, now),
            // An event of an earlier attempt.
            Ok(None) => return,
            Ok(Some(error)) | Err(error) => error,
        };
        self.unreachable(id, error.to_string(), now);
    }

    fn unreachable(&mut self, id: Id, why: String, now: Instant) {
        let inside = self.connections.get_mut(id).and_then(|c| c.inside);
        match inside {
            Some(v6) => {
                self.give_back(id);
                if v6 {
                    self.fail(id, Reason::Unreachable(why), now);
                } else {
                    self.connect_inside(id, true, now);
                }
            }
            None => self.connect_next(id, why, now),
        }
    }

    fn connected(&mut self, id: Id, now: Instant) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if let Some(server) = &connection.server {
            // They make it better, not right.
            drop(server.set_nodelay(true));
            let _ = setsockopt(server, KeepAlive, &true);
            let _ = setsockopt(server, TcpKeepIdle, &KEEP_IDLE);
        }
        let goal = match &connection.goal {
            Goal::Outside(host, port) if connection.proxied => (host.clone(), *port),
            _ => return self.open(id, now),
        };
        self.greet(id, &goal.0, goal.1, now);
    }

    fn greet(&mut self, id: Id, host: &Host, port: u16, now: Instant) {
        let request = self
            .upstream
            .proxy_for(host, port)
            .map(|proxy| proxy.request(host, port));
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let server = connection.server.as_mut();
        let sent = server.zip(request).is_some_and(|(server, request)| {
            std::io::Write::write(server, &request).is_ok_and(|sent| sent == request.len())
        });
        if sent {
            connection.stage = Stage::Greeting(now + GREETING);
            self.set_timer(id, now + GREETING);
        } else {
            self.fail(
                id,
                Reason::Proxy("it does not take the request".to_owned()),
                now,
            );
        }
    }

    fn greeted(&mut self, id: Id, now: Instant) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        match connection.take_greeting(&mut self.buffer, upstream::answer) {
            None => {}
            Some(Ok(())) => self.open(id, now),
            Some(Err(why)) => self.fail(id, Reason::Proxy(why), now),
        }
    }

    fn open(&mut self, id: Id, now: Instant) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.stage = Stage::Open;
            connection.up.writable = true;
            connection.down.readable = true;
            connection.untried = Vec::new();
            if connection.begin().is_err() {
                return self.abort(id);
            }
        }
        self.pump(id, now);
    }

    /// Passes on what there is.
    pub(super) fn pump(&mut self, id: Id, now: Instant) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if !matches!(connection.stage, Stage::Open) {
            return;
        }
        match connection.pump(&self.rules.net, &mut self.buffer) {
            Pumped::Idle => {}
            Pumped::More => self.again.push(id),
            Pumped::Ended => self.close(id),
            Pumped::Refused(reason) => self.refuse(id, reason, None, now),
            Pumped::Broken => self.abort(id),
        }
    }

    /// The connection's time has come, unless it has left that stage.
    pub(super) fn timed_out(&mut self, id: Id, now: Instant) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.deadline().is_none_or(|until| until > now) {
            return;
        }
        match connection.stage {
            Stage::Connecting(_) => self.unreachable(id, "no answer".to_owned(), now),
            Stage::Greeting(_) => self.fail(id, Reason::Proxy("no answer".to_owned()), now),
            Stage::Asking(_) => self.turn_away(id, &front::too_slow(), now),
            Stage::Parting(_) => self.close(id),
            Stage::Lookup | Stage::Open => {}
        }
    }

    /// Ends a connection that policy does not allow, and tells why on both sides.
    pub(super) fn refuse(&mut self, id: Id, reason: Reason, rule: Option<Origin>, now: Instant) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let (host, port) = (connection.goal.host(), connection.goal.port());
        let named = Some(port).filter(|port| *port != 0);
        let event = Event::new(host.clone(), named, rule.clone(), reason.clone());
        let words = if connection.awaits_us() {
            front::words(&event)
        } else {
            words(&event, port)
        };
        self.report.tell(&host, named, reason, rule, now);
        self.turn_away(id, &words, now);
    }

    /// Ends a connection with `words`, if there are any.
    pub(super) fn turn_away(&mut self, id: Id, words: &[u8], now: Instant) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let read = connection.part(words);
        connection.stage = Stage::Parting(now + PARTING);
        if read {
            self.set_timer(id, now + PARTING);
        } else {
            self.close(id);
        }
    }

    /// Ends a connection that could not be made.
    pub(super) fn fail(&mut self, id: Id, reason: Reason, now: Instant) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.awaits_us() {
            return self.refuse(id, reason, None, now);
        }
        let (host, port) = (connection.goal.host(), connection.goal.port());
        self.report.tell(&host, Some(port), reason, None, now);
        self.abort(id);
    }

    fn abort(&mut self, id: Id) {
        if let Some(connection) = self.connections.get_mut(id) {
            reset(&connection.client);
            if connection.inside.is_none()
                && let Some(server) = &connection.server
            {
                reset(server);
            }
        }
        self.close(id);
    }

    /// Forgets a connection; its sockets are closed.
    pub(super) fn close(&mut self, id: Id) {
        self.give_back(id);
        let Some(connection) = self.connections.remove(id) else {
            return;
        };
        self.leave_crowd(&connection.goal.host());
    }

    /// One connection less to `host`.
    pub(super) fn leave_crowd(&mut self, host: &str) {
        if let Some(count) = self.crowds.get_mut(host) {
            *count -= 1;
            if *count == 0 {
                self.crowds.remove(host);
            }
        }
    }

    /// Returns the socket of a published port's connection to its pool.
    fn give_back(&mut self, id: Id) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if let (Some(v6), Some(server)) = (connection.inside.take(), connection.server.take()) {
            let fd = OwnedFd::from(server);
            if self.epoll.delete(&fd).is_ok() {
                self.doors.return_inside(fd, v6);
            }
        }
    }
}

/// What a refused client is told, if it speaks something that has words for it.
fn words(event: &Event, port: u16) -> Vec<u8> {
    let http = match &event.reason {
        Reason::HttpHost(_) | Reason::Forward(_) | Reason::HttpMalformed(_) => true,
        Reason::ServerName(_) | Reason::NoServerName | Reason::TlsMalformed => false,
        _ if port == 80 => true,
        _ if port == 443 => false,
        _ => return Vec::new(),
    };
    if !http {
        return ALERT.to_vec();
    }
    let body = format!("aigate: {event}\n");
    let head = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\n";
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
