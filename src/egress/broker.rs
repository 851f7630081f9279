//! The loop that serves everything: one thread, woken by what has happened.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::connection::Connection;
use super::dns::Query;
use super::doors::Doors;
use super::event::Reason;
use super::front::Front;
use super::names::Names;
use super::pace::Pace;
use super::questions::{Asker, Stream};
use super::report::{Report, Sink};
use super::resolver::Resolver;
use super::slab::{Id, Slab};
use super::upstream::Upstream;
use super::{Rules, Settings};
use crate::sys::handover::BrokerSockets;

/// More connections than any tool opens; each costs two descriptors.
const MOST_CONNECTIONS: usize = 4096;
/// Left to the rest of the process.
const OTHER_DESCRIPTORS: u64 = 200;
pub(super) const MOST_STREAMS: usize = 64;
/// The largest piece that is passed on at once.
const PIECE: usize = 256 * 1024;
const EVENTS: usize = 256;

/// Who waits for a lookup.
pub(super) enum Waiter {
    Question(Box<(Query, Asker)>),
    Connection(Id),
    /// A connection that waits for the corporate proxy's own address.
    Proxied(Id),
}

/// What an epoll event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Wake,
    Dns,
    DnsListener,
    Watch,
    Door(u32),
    Client(Id),
    Server(Id),
    Stream(Id),
    Front,
}

impl Token {
    fn to_bits(self) -> u64 {
        let id =
            |kind: u64, id: Id| kind << 56 | u64::from(id.generation) << 32 | u64::from(id.index);
        match self {
            Token::Wake => 0,
            Token::Dns => 1 << 56,
            Token::DnsListener => 2 << 56,
            Token::Watch => 3 << 56,
            Token::Door(index) => 4 << 56 | u64::from(index),
            Token::Client(own) => id(5, own),
            Token::Server(own) => id(6, own),
            Token::Stream(own) => id(7, own),
            Token::Front => 8 << 56,
        }
    }

    fn from_bits(bits: u64) -> Token {
        let id = Id {
            index: bits as u32,
            generation: (bits >> 32) as u32 & 0x00ff_ffff,
        };
        match bits >> 56 {
            1 => Token::Dns,
            2 => Token::DnsListener,
            3 => Token::Watch,
            4 => Token::Door(bits as u32),
            5 => Token::Client(id),
            6 => Token::Server(id),
            7 => Token::Stream(id),
            8 => Token::Front,
            _ => Token::Wake,
        }
    }
}

/// Has epoll tell about `fd`.
pub(super) fn register(
    epoll: &Epoll,
    fd: impl AsFd,
    token: Token,
    flags: EpollFlags,
) -> io::Result<()> {
    Ok(epoll.add(fd, EpollEvent::new(flags, token.to_bits()))?)
}

/// What is told about a connection, each time it changes.
pub(super) fn both_ways() -> EpollFlags {
    EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET
}

/// Where connections come in.
pub(super) enum Entrance {
    /// To addresses of a network that the sandbox has for itself.
    Inside(BrokerSockets),
    /// To the one port that the sandbox reaches.
    Front(Front),
}

/// The sockets that names are asked for at.
pub(super) struct Dns {
    pub datagrams: OwnedFd,
    pub listener: TcpListener,
}

/// The state of the broker. The other modules add to it what they are about.
pub(super) struct Loop {
    pub epoll: Epoll,
    wake: Arc<EventFd>,
    updates: Receiver<Rules>,
    pub rules: Rules,
    pub upstream: Upstream,
    pub names: Names,
    pub resolver: Resolver<Waiter>,
    pub report: Report,
    pub connections: Slab<Connection>,
    /// How many connections each host has.
    pub crowds: HashMap<String, usize>,
    pub streams: Slab<Stream>,
    pub doors: Doors,
    /// What a sandbox with a network of its own asks.
    pub dns: Option<Dns>,
    /// What a sandbox without one asks.
    pub front: Option<Front>,
    /// How many questions are answered at all.
    pub questions: Pace,
    pub buffer: Vec<u8>,
    /// Connections that have more to pass on.
    pub again: Vec<Id>,
    timers: BinaryHeap<Reverse<(Instant, Id)>>,
    pub most: usize,
}

impl Loop {
    pub(super) fn new(
        entrance: Entrance,
        rules: Rules,
        settings: Settings,
        sink: Sink,
        updates: Receiver<Rules>,
        wake: Arc<EventFd>,
    ) -> io::Result<Self> {
        let (mut sockets, front) = match entrance {
            Entrance::Inside(sockets) => (sockets, None),
            Entrance::Front(front) => (BrokerSockets::default(), Some(front)),
        };
        let mut dns = std::mem::take(&mut sockets.dns).into_iter();
        let dns = match (dns.next(), dns.next()) {
            (Some(datagrams), Some(listener)) => Some(Dns {
                datagrams,
                listener: listener.into(),
            }),
            _ if front.is_some() => None,
            _ => {
                let why = "no sockets for DNS";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
            }
        };
        let mut this = Loop {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            updates,
            upstream: settings.upstream,
            names: Names::default(),
            resolver: Resolver::new(settings.files, wake.clone()),
            report: Report::new(sink),
            connections: Slab::new(),
            crowds: HashMap::new(),
            streams: Slab::new(),
            doors: Doors::new(sockets),
            rules,
            dns,
            front,
            questions: Pace::new(2000, 500),
            buffer: vec![0; PIECE],
            again: Vec::new(),
            timers: BinaryHeap::new(),
            most: most_connections(),
            wake,
        };
        this.add(this.wake.as_fd(), Token::Wake, EpollFlags::EPOLLIN)?;
        if let Some(dns) = &this.dns {
            this.add(&dns.datagrams, Token::Dns, EpollFlags::EPOLLIN)?;
            this.add(&dns.listener, Token::DnsListener, EpollFlags::EPOLLIN)?;
        }
        if let Some(front) = &this.front {
            this.add(&front.listener, Token::Front, EpollFlags::EPOLLIN)?;
        }
        if let Some(watch) = this.doors.watch() {
            this.add(watch, Token::Watch, EpollFlags::EPOLLIN)?;
        }
        this.open_doors(0)?;
        this.follow_rules(Instant::now())?;
        Ok(this)
    }

    fn add(&self, fd: impl AsFd, token: Token, flags: EpollFlags) -> io::Result<()> {
        register(&self.epoll, fd, token, flags)
    }

    fn open_doors(&self, from: usize) -> io::Result<()> {
        for (index, door) in self.doors.open.iter().enumerate().skip(from) {
            self.add(
                &door.listener,
                Token::Door(index as u32),
                EpollFlags::EPOLLIN,
            )?;
        }
        Ok(())
    }

    /// Opens the doors that the rules need.
    fn follow_rules(&mut self, now: Instant) -> io::Result<()> {
        if self.front.is_some() {
            // It is open for whatever they allow.
            return Ok(());
        }
        let before = self.doors.open.len();
        for closed in self.doors.follow(&self.rules) {
            self.report.closed(&closed, now);
        }
        self.open_doors(before)
    }

    /// Serves until whoever started it has gone.
    pub(super) fn run(mut self) {
        let mut events = vec![EpollEvent::empty(); EVENTS];
        loop {
            let count = match self.epoll.wait(&mut events, self.timeout()) {
                Ok(count) => count,
                Err(nix::Error::EINTR) => 0,
                Err(_) => return,
            };
            let now = Instant::now();
            for event in &events[..count] {
                let (token, flags) = (Token::from_bits(event.data()), event.events());
                if token == Token::Wake {
                    if self.woken(now).is_err() {
                        // What was refused at the very end is told too.
                        return self.watched(now);
                    }
                } else {
                    self.happened(token, flags, now);
                }
            }
            for id in std::mem::take(&mut self.again) {
                self.pump(id, now);
            }
            self.expire(now);
        }
    }

    fn happened(&mut self, token: Token, flags: EpollFlags, now: Instant) {
        match token {
            Token::Wake => {}
            Token::Dns => self.datagrams(now),
            Token::DnsListener => self.accept_streams(now),
            Token::Watch => self.watched(now),
            Token::Door(index) => self.accept(index as usize, now),
            Token::Client(id) => self.client_event(id, flags, now),
            Token::Server(id) => self.server_event(id, flags, now),
            Token::Stream(id) => self.stream(id, now),
            Token::Front => self.accept_at_the_front(now),
        }
    }

    /// Takes new rules and finished lookups. An error is the end.
    fn woken(&mut self, now: Instant) -> Result<(), TryRecvError> {
        // It says only that there is something.
        let _ = self.wake.read();
        for (name, outcome, waiters) in self.resolver.finished(now) {
            for waiter in waiters {
                match waiter {
                    Waiter::Question(_) => self.answer(&name, &outcome, waiter, now),
                    Waiter::Connection(id) => self.resolved(id, &outcome, now),
                    Waiter::Proxied(id) => self.proxy_resolved(id, &outcome, now),
                }
            }
        }
        loop {
            match self.updates.try_recv() {
                Ok(rules) => {
                    self.rules = rules;
                    if let Err(error) = self.follow_rules(now) {
                        let reason = Reason::NotServed(error.to_string());
                        self.report.tell("broker", None, reason, None, now);
                    }
                    self.judge_again(now);
                }
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(TryRecvError::Disconnected),
            }
        }
    }

    /// Calls the connection up when its time has come.
    pub(super) fn set_timer(&mut self, id: Id, at: Instant) {
        self.timers.push(Reverse((at, id)));
    }

    fn timeout(&self) -> EpollTimeout {
        if !self.again.is_empty() {
            return EpollTimeout::ZERO;
        }
        let Some(Reverse((at, _))) = self.timers.peek() else {
            return EpollTimeout::NONE;
        };
        let left = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
        EpollTimeout::try_from(left).unwrap_or(EpollTimeout::MAX)
    }

    fn expire(&mut self, now: Instant) {
        while let Some(Reverse((at, id))) = self.timers.peek().copied() {
            if at > now {
                return;
            }
            self.timers.pop();
            self.timed_out(id, now);
        }
    }
}

/// How many connections the process has descriptors for, after asking for as many as it may have.
fn most_connections() -> usize {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    let wanted = hard.min(2 * MOST_CONNECTIONS as u64 + OTHER_DESCRIPTORS);
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    if soft < wanted {
        // Then there are fewer connections.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, wanted, hard);
    }
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    let most = soft.saturating_sub(OTHER_DESCRIPTORS) / 2;
    usize::try_from(most)
        .unwrap_or(MOST_CONNECTIONS)
        .clamp(16, MOST_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_it_was() {
        let id = Id {
            index: u32::MAX,
            generation: 0x00ff_fffe,
        };
        for token in [
            Token::Wake,
            Token::Dns,
            Token::DnsListener,
            Token::Watch,
            Token::Door(7),
            Token::Client(id),
            Token::Server(id),
            Token::Stream(id),
            Token::Front,
        ] {
            assert_eq!(Token::from_bits(token.to_bits()), token);
        }
    }
}
