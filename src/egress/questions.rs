//! DNS for the programs inside: over UDP, over TCP.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::broker::{Loop, Waiter};
use super::dns::{self, A, AAAA, Answer, PTR, Query};
use super::event::{Event, Reason};
use super::judge;
use super::lookup::Failure;
use super::resolver::{Asked, Outcome};
use super::slab::Id;
use crate::policy::net::Host;
use crate::policy::reach;
use crate::sys::datagram::{self, Peer};
use crate::sys::socket::Families;

/// The host itself, for programs that need a name for it.
pub(super) const HOST_NAME: &str = "host.aigate.internal";
/// Questions for one turn.
const TURNS: usize = 64;
const LONGEST_QUESTION: usize = 512;
const STREAM_PATIENCE: Duration = Duration::from_secs(10);

/// A question that was asked over TCP.
#[derive(Debug)]
pub(super) struct Stream {
    stream: TcpStream,
    got: Vec<u8>,
    pub until: Instant,
}

/// Where an answer goes.
pub(super) enum Asker {
    Datagram(Box<Peer>),
    Stream(Id),
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Stream {
    pub(super) fn new(stream: TcpStream, now: Instant) -> Self {
        Stream {
            stream,
            got: Vec::new(),
            until: now + STREAM_PATIENCE,
        }
    }

    /// The next whole question. An error ends the stream.
    fn question(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut buffer = [0; LONGEST_QUESTION + 2];
        loop {
            if let Some((head, rest)) = self.got.split_first_chunk::<2>() {
                let length = usize::from(u16::from_be_bytes(*head));
                if length > LONGEST_QUESTION {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                if rest.len() >= length {
                    let question = rest[..length].to_vec();
                    self.got.drain(..2 + length);
                    return Ok(Some(question));
                }
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.got.extend(&buffer[..count]),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    fn answer(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut message = (bytes.len() as u16).to_be_bytes().to_vec();
        message.extend(bytes);
        self.stream.write_all(&message)
    }
}

impl Loop {
    /// Answers what has come over UDP.
    pub(super) fn datagrams(&mut self, now: Instant) {
        let mut buffer = [0; LONGEST_QUESTION];
        for _ in 0..TURNS {
            let Some(dns) = &self.dns else { return };
            match datagram::receive(dns.datagrams.as_fd(), &mut buffer) {
                Ok((length, Some(peer))) => {
                    self.question(&buffer[..length], Asker::Datagram(Box::new(peer)), now);
                }
                Ok((_, None)) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// Answers what has come over one TCP connection.
    pub(super) fn stream(&mut self, id: Id, now: Instant) {
        loop {
            let Some(stream) = self.streams.get_mut(id) else {
                return;
            };
            match stream.question() {
                Ok(Some(question)) => self.question(&question, Asker::Stream(id), now),
                Ok(None) => return,
                Err(_) => {
                    self.streams.remove(id);
                    return;
                }
            }
        }
    }

    fn question(&mut self, message: &[u8], asker: Asker, now: Instant) {
        match dns::query(message) {
            Ok(query) if self.questions.allows(now) => self.resolve(query, asker, now),
            Ok(query) => {
                let reason = Reason::Full("too many questions for names at once");
                let host = query.name.clone().unwrap_or_default();
                let answer = Answer::Failed(self.tell_name(&host, reason, now));
                self.reply(&asker, &dns::answer(&query, &answer));
            }
            Err(Some(refusal)) => self.reply(&asker, &refusal),
            Err(None) => {}
        }
    }

    fn resolve(&mut self, query: Query, asker: Asker, now: Instant) {
        let answer = match self.known(&query, now) {
            Some(answer) => answer,
            None => {
                let name = query.name.clone().unwrap_or_default();
                let waiter = Waiter::Question(Box::new((query, asker)));
                match self.resolver.ask(&name, waiter, now) {
                    Asked::Pending => return,
                    Asked::Known(outcome, waiter) => {
                        return self.answer(&name, &outcome, waiter, now);
                    }
                    Asked::Refused(waiter) => {
                        let busy = Failure::Unknown("too many lookups at once".to_owned());
                        return self.answer(&name, &Err(busy), waiter, now);
                    }
                }
            }
        };
        self.reply(&asker, &dns::answer(&query, &answer));
    }

    /// The answer, as far as nobody outside must be asked.
    fn known(&mut self, query: &Query, now: Instant) -> Option<Answer> {
        let Some(name) = &query.name else {
            let why = self.tell_name("(a name with odd characters)", Reason::BadName, now);
            return Some(Answer::NoSuchName(why));
        };
        if let Some(address) = dns::reverse(name).filter(|_| query.kind == PTR) {
            let found = self.names.find(address, now).map(str::to_owned);
            return Some(found.map_or_else(|| Answer::NoSuchName(String::new()), Answer::Name));
        }
        let Some(host) = Host::parse(name).filter(|host| matches!(host, Host::Name(_))) else {
            return Some(Answer::NoSuchName(self.tell_name(
                name,
                Reason::BadName,
                now,
            )));
        };
        if host.is_loopback() {
            return Some(Answer::Addresses(
                Some(Ipv4Addr::LOCALHOST),
                Some(Ipv6Addr::LOCALHOST),
            ));
        }
        if name == HOST_NAME && !reach::host_ports(&self.rules.net).is_empty() {
            return Some(self.place(name, now));
        }
        if !reach::on_some_port(&self.rules.net, &host) {
            let (reason, rule) = judge::endpoint(&self.rules.net, &host, 0)
                .err()
                .unwrap_or((Reason::NotAllowed, None));
            let event = Event::new(name.clone(), None, rule.clone(), reason.clone());
            self.report.tell(name, None, reason, rule, now);
            return Some(Answer::NoSuchName(event.to_string()));
        }
        if query.kind != A && query.kind != AAAA {
            return Some(Answer::Empty);
        }
        // Perhaps only the proxy knows the name.
        let proxied = [443, 80]
            .iter()
            .any(|port| self.upstream.proxy_for(&host, *port).is_some());
        proxied.then(|| self.place(name, now))
    }

    fn place(&mut self, name: &str, now: Instant) -> Answer {
        match self.names.assign(name, now) {
            Some((v4, v6)) => {
                let both = self.doors.families() == Families::Both;
                Answer::Addresses(Some(v4), both.then_some(v6))
            }
            None => {
                let reason = Reason::Full("too many names in use");
                Answer::Failed(self.tell_name(name, reason, now))
            }
        }
    }

    /// Answers a question whose lookup has ended.
    pub(super) fn answer(&mut self, name: &str, outcome: &Outcome, waiter: Waiter, now: Instant) {
        let Waiter::Question(question) = waiter else {
            return;
        };
        let (query, asker) = *question;
        let answer = match outcome {
            Ok(_) => self.place(name, now),
            // Programs ask for names that do not exist all the time.
            Err(Failure::NoSuchName) => Answer::NoSuchName("no such name outside".to_owned()),
            Err(Failure::Unknown(why)) => {
                Answer::Failed(self.tell_name(name, Reason::LookupFailed(why.clone()), now))
            }
        };
        self.reply(&asker, &dns::answer(&query, &answer));
    }

    fn reply(&mut self, asker: &Asker, bytes: &[u8]) {
        match asker {
            // A lost answer is asked for again, as on any network.
            Asker::Datagram(peer) => {
                let dns = self.dns.as_ref();
                drop(dns.map(|dns| datagram::answer(dns.datagrams.as_fd(), bytes, peer)));
            }
            Asker::Stream(id) => {
                let failed = self
                    .streams
                    .get_mut(*id)
                    .is_some_and(|s| s.answer(bytes).is_err());
                if failed {
                    self.streams.remove(*id);
                }
            }
        }
    }

    /// Tells an event about a name, and returns its words.
    fn tell_name(&mut self, name: &str, reason: Reason, now: Instant) -> String {
        let words = Event::new(name.to_owned(), None, None, reason.clone()).to_string();
        self.report.tell(name, None, reason, None, now);
        words
    }
}
