//! One connection: from a client inside to a server outside, or the other way for a published port.
//!
//! Bytes are looked at where the kernel keeps them, sent on, and only then taken. So nothing is ever
//! stored here: a thousand stalled connections cost no more than a thousand idle ones, and a slow
//! receiver slows its sender as it would without us.

use std::io::{self, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Instant;

use nix::sys::epoll::EpollFlags;
use nix::sys::socket::{MsgFlags, recv};

use super::event::Reason;
use super::front::ESTABLISHED;
use super::http::proxy::Onward;
use super::inspect::{Inspector, Purpose, Ruling};
use crate::policy::net::{Host, NetRule};
use crate::sys::netns;

/// What the client wants to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Goal {
    /// It has come to the front door and not said so yet.
    Unsaid,
    /// A host outside.
    Outside(Host, u16),
    /// A service of the host itself.
    Service(u16),
    /// A port of the sandbox, from the host.
    Published(u16),
}

impl Goal {
    pub(super) fn port(&self) -> u16 {
        match self {
            Goal::Outside(_, port) | Goal::Service(port) | Goal::Published(port) => *port,
            Goal::Unsaid => 0,
        }
    }

    /// How events name it.
    pub(super) fn host(&self) -> String {
        match self {
            Goal::Unsaid => "broker".to_owned(),
            Goal::Outside(host, _) => host.to_string(),
            Goal::Service(_) => "localhost".to_owned(),
            Goal::Published(_) => "sandbox".to_owned(),
        }
    }
}

/// How far it has come.
#[derive(Debug)]
pub(super) enum Stage {
    /// The client is to say where it goes.
    Asking(Instant),
    /// The name is being looked up.
    Lookup,
    /// A connection to the server is under way.
    Connecting(Instant),
    /// The corporate proxy was asked for a tunnel.
    Greeting(Instant),
    /// Bytes flow.
    Open,
    /// It was refused with words, which the client is given time to read.
    Parting(Instant),
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// There may be bytes to take.
    pub readable: bool,
    /// There may be room to send.
    pub writable: bool,
    /// The sender ended, and everything was passed on.
    pub done: bool,
    /// The sender ended; what is there is the rest.
    pub ending: bool,
}

/// What pumping came to.
#[derive(Debug)]
pub(super) enum Pumped {
    /// Nothing more can be done now.
    Idle,
    /// There is more to do, after others had their turn.
    More,
    /// Both sides have ended.
    Ended,
    /// The client said something that is not allowed.
    Refused(Reason),
    /// One side broke off.
    Broken,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Connection {
    pub client: TcpStream,
    pub server: Option<TcpStream>,
    pub goal: Goal,
    pub stage: Stage,
    /// Addresses of the server not tried yet, last first.
    pub untried: Vec<SocketAddr>,
    /// Whether the server is the corporate proxy.
    pub proxied: bool,
    /// Whether the server is inside, and then of which family: such a socket is used again.
    pub inside: Option<bool>,
    pub inspector: Inspector,
    /// What the client asked a proxy for, until the server is there.
    pub asked: Option<Box<Onward>>,
    /// What the server gets before anything else.
    first: Vec<u8>,
    pub up: Flow,
    pub down: Flow,
}

/// Turns before others have theirs.
const TURNS: u32 = 8;
/// `HTTP/1.1 101`.
const STATUS: usize = 12;

pub(super) enum Peeked {
    Nothing,
    End,
    Bytes(usize),
}

impl Flow {
    fn ready(&self) -> bool {
        self.readable && self.writable && !self.done
    }

    pub(super) fn peek(&mut self, from: &TcpStream, buffer: &mut [u8]) -> io::Result<Peeked> {
        loop {
            match from.peek(buffer) {
                Ok(0) => return Ok(Peeked::End),
                Ok(count) => return Ok(Peeked::Bytes(count)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return Ok(Peeked::Nothing);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Sends `bytes`, which were peeked from `from`, and takes what was sent.
    fn send(
        &mut self,
        from: &TcpStream,
        mut to: &TcpStream,
        bytes: &mut [u8],
    ) -> io::Result<usize> {
        let sent = match to.write(bytes) {
            Ok(sent) => sent,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => 0,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(0),
            Err(e) => return Err(e),
        };
        self.writable = sent == bytes.len();
        discard(from, &mut bytes[..sent])?;
        Ok(sent)
    }

    fn end(&mut self, to: &TcpStream) {
        self.done = true;
        // It may have ended already.
        drop(to.shutdown(Shutdown::Write));
    }
}

/// Takes `bytes.len()` bytes that are known to be there, without copying them.
fn discard(from: &TcpStream, bytes: &mut [u8]) -> io::Result<()> {
    let mut left = bytes.len();
    while left > 0 {
        let flags = MsgFlags::MSG_TRUNC | MsgFlags::MSG_DONTWAIT;
        match recv(from.as_raw_fd(), &mut bytes[..left], flags) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => left -= count,
            Err(nix::Error::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

impl Connection {
    pub(super) fn new(client: TcpStream, goal: Goal) -> Self {
        let inspector = match goal {
            Goal::Published(_) => Inspector::Passed,
            Goal::Unsaid | Goal::Outside(..) | Goal::Service(_) => Inspector::new(),
        };
        Connection {
            client,
            server: None,
            goal,
            stage: Stage::Lookup,
            untried: Vec::new(),
            proxied: false,
            inside: None,
            inspector,
            asked: None,
            first: Vec::new(),
            up: Flow {
                readable: true,
                ..Flow::default()
            },
            down: Flow {
                writable: true,
                ..Flow::default()
            },
        }
    }

    /// When it must have left its stage; none for one that may last.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Asking(until)
            | Stage::Connecting(until)
            | Stage::Greeting(until)
            | Stage::Parting(until) => Some(until),
            // The resolver gives up by itself.
            Stage::Lookup | Stage::Open => None,
        }
    }

    /// Takes note of what epoll says about the client.
    pub(super) fn client_is(&mut self, flags: EpollFlags) {
        note(flags, &mut self.up, &mut self.down);
    }

    /// Takes note of what epoll says about the server.
    pub(super) fn server_is(&mut self, flags: EpollFlags) {
        note(flags, &mut self.down, &mut self.up);
    }

    /// Whether the client waits for an answer of our own, as that of a proxy.
    pub(super) fn awaits_us(&self) -> bool {
        self.goal == Goal::Unsaid || self.asked.is_some()
    }

    /// Takes what the client has said of where it goes.
    pub(super) fn take(&mut self, head: &mut [u8]) -> io::Result<()> {
        discard(&self.client, head)
    }

    /// Does what the client asked for, now that the server is there.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        let Some(asked) = self.asked.take() else {
            return Ok(());
        };
        match *asked {
            Onward::Tunnel => self.client.write_all(ESTABLISHED),
            Onward::Request(head, rest) => {
                self.first = head;
                self.inspector = Inspector::only(rest);
                Ok(())
            }
        }
    }

    /// Passes on what there is, in both directions.
    pub(super) fn pump(&mut self, rules: &[NetRule], buffer: &mut [u8]) -> Pumped {
        let Some(server) = self.server.take() else {
            return Pumped::Idle;
        };
        let pumped = self.pump_with(&server, rules, buffer);
        self.server = Some(server);
        pumped.unwrap_or(Pumped::Broken)
    }

    fn pump_with(
        &mut self,
        server: &TcpStream,
        rules: &[NetRule],
        buffer: &mut [u8],
    ) -> io::Result<Pumped> {
        for _ in 0..TURNS {
            self.send_first(server)?;
            match self.pump_up(server, rules, buffer)? {
                Pumped::Idle => {}
                ended => return Ok(ended),
            }
            self.pump_down(server, buffer)?;
            if self.up.done && self.down.done {
                return Ok(Pumped::Ended);
            }
            if !self.up.ready() && !self.down.ready() {
                return Ok(Pumped::Idle);
            }
        }
        Ok(Pumped::More)
    }

    fn pump_up(
        &mut self,
        server: &TcpStream,
        rules: &[NetRule],
        buffer: &mut [u8],
    ) -> io::Result<Pumped> {
        if !self.up.ready() {
            return Ok(Pumped::Idle);
        }
        let count = match self.up.peek(&self.client, buffer)? {
            Peeked::Nothing => return Ok(Pumped::Idle),
            Peeked::End => {
                self.up.end(server);
                return Ok(Pumped::Idle);
            }
            Peeked::Bytes(count) => count,
        };
        let purpose = purpose(&self.goal, rules);
        match self.inspector.judge(&buffer[..count], purpose) {
            Ruling::Pass(count) => {
                let sent = self.up.send(&self.client, server, &mut buffer[..count])?;
                self.inspector.sent(&buffer[..sent]);
            }
            Ruling::Wait if self.up.ending && !self.inspector.awaits_answer() => {
                return Ok(Pumped::Refused(Reason::HttpMalformed(
                    "it ends in the middle",
                )));
            }
            Ruling::Wait => self.up.readable = false,
            Ruling::Refuse(reason) => return Ok(Pumped::Refused(reason)),
            Ruling::End => {
                let only_blank = buffer[..count].iter().all(|b| b"\r\n".contains(b));
                discard(&self.client, &mut buffer[..count])?;
                // Who asks again has the whole answer, and was told that it is the last.
                return Ok(if only_blank {
                    Pumped::Idle
                } else {
                    Pumped::Ended
                });
            }
        }
        Ok(Pumped::Idle)
    }

    /// Sends what comes before anything that the client says.
    fn send_first(&mut self, mut server: &TcpStream) -> io::Result<()> {
        while !self.first.is_empty() && self.up.writable {
            match server.write(&self.first) {
                Ok(sent) => drop(self.first.drain(..sent)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.up.writable = false,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn pump_down(&mut self, server: &TcpStream, buffer: &mut [u8]) -> io::Result<()> {
        if !self.down.ready() {
            return Ok(());
        }
        let count = match self.down.peek(server, buffer)? {
            Peeked::Nothing => return Ok(()),
            Peeked::End => {
                self.down.end(&self.client);
                return Ok(());
            }
            Peeked::Bytes(count) => count,
        };
        if self.inspector.awaits_answer() {
            if count < STATUS && !self.down.ending {
                self.down.readable = false;
                return Ok(());
            }
            self.inspector.answered(&buffer[..count]);
            // The client may have been kept waiting for this.
            self.up.readable = true;
        }
        self.down
            .send(server, &self.client, &mut buffer[..count])
            .map(drop)
    }

    /// Ends the connection as refused: with `words`, if there are any, else with a reset. Returns
    /// whether the client is to be given time to read them.
    pub(super) fn part(&mut self, words: &[u8]) -> bool {
        if let Some(server) = self.server.take() {
            reset(&server);
        }
        let said = !words.is_empty()
            && self.client.write_all(words).is_ok()
            && self.client.shutdown(Shutdown::Write).is_ok();
        if !said {
            reset(&self.client);
        }
        said
    }

    /// Takes what the client still sends, unread: with bytes left in it a socket is closed by a
    /// reset, which destroys words on their way. Returns whether the client has ended.
    pub(super) fn drain(&mut self, buffer: &mut [u8]) -> bool {
        for _ in 0..TURNS {
            match recv(self.client.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(0) => return true,
                Ok(_) | Err(nix::Error::EINTR) => {}
                Err(nix::Error::EAGAIN) => return false,
                Err(_) => return true,
            }
        }
        true
    }

    /// Takes the corporate proxy's answer to the request for a tunnel. None when it is not whole.
    pub(super) fn take_greeting(
        &mut self,
        buffer: &mut [u8],
        read: fn(&[u8]) -> Option<Result<usize, String>>,
    ) -> Option<Result<(), String>> {
        let server = self.server.as_ref()?;
        let count = match self.down.peek(server, buffer) {
            Ok(Peeked::Nothing) => return None,
            Ok(Peeked::End) => return Some(Err("it ends the connection".to_owned())),
            Ok(Peeked::Bytes(count)) => count,
            Err(error) => return Some(Err(error.to_string())),
        };
        Some(match read(&buffer[..count])? {
            Ok(length) => discard(server, &mut buffer[..length]).map_err(|error| error.to_string()),
            Err(why) => Err(why),
        })
    }

    /// The address that the server has; none before there is a server.
    pub(super) fn server_address(&self) -> Option<IpAddr> {
        Some(self.server.as_ref()?.peer_addr().ok()?.ip())
    }
}

/// Makes closing `stream` a reset: the other side learns at once that nothing will come.
pub(super) fn reset(stream: &TcpStream) {
    // Without it the other side learns at the end of its own patience.
    drop(netns::close_by_reset(stream));
}

fn note(flags: EpollFlags, from: &mut Flow, to: &mut Flow) {
    let broken = flags.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP);
    from.readable |= broken || flags.intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP);
    from.ending |= broken || flags.contains(EpollFlags::EPOLLRDHUP);
    to.writable |= broken || flags.contains(EpollFlags::EPOLLOUT);
}

fn purpose<'a>(goal: &'a Goal, rules: &'a [NetRule]) -> Purpose<'a> {
    let name = match goal {
        Goal::Outside(Host::Name(name), _) => Some(name.as_str()),
        Goal::Unsaid | Goal::Outside(Host::Ip(_), _) | Goal::Service(_) | Goal::Published(_) => {
            None
        }
    };
    Purpose {
        rules,
        name,
        port: goal.port(),
    }
}
