//! The front door: a proxy on the loopback, for engines that give a sandbox no network of its own.
//!
//! Any program of the host can knock there, so a client must show what this run alone was given. What
//! it then asks for is judged and carried like a connection that came to an address inside; there are
//! no other rules here.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use super::broker::Loop;
use super::connection::{Goal, Peeked, Stage};
use super::event::{Event, Reason};
use super::http::Fault;
use super::http::proxy::{Request, Target};
use super::inspect;
use super::questions::HOST_NAME;
use super::slab::Id;
use super::upstream::base64;
use crate::policy::env::PROXIES;
use crate::policy::net::Host;

/// See the module.
pub struct Front {
    pub(super) listener: TcpListener,
    port: u16,
    password: String,
}

const USER: &str = "aigate";
/// Connections for one turn.
const TURNS: usize = 64;
/// For a client to say where it goes.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a client is told that asked for a tunnel, once it is there.
pub(super) const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Front({})", self.port)
    }
}

impl Front {
    /// Opens it, on a port that the system chooses. Nobody answers before a broker serves it.
    ///
    /// # Errors
    /// When the system gives no port or no random numbers.
    pub fn open() -> io::Result<Front> {
        let mut random = [0; 16];
        File::open("/dev/urandom")?.read_exact(&mut random)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        Ok(Front {
            port: listener.local_addr()?.port(),
            listener,
            password: random.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }

    /// Where it is, on the loopback.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The variables by which programs find it. Nothing is exempt: what is not asked for here is
    /// reached by nobody, the host's own loopback included.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let url = format!("http://{USER}:{}@127.0.0.1:{}", self.password, self.port);
        let value = |name: &str| match name {
            "no_proxy" | "NO_PROXY" => String::new(),
            _ => url.clone(),
        };
        let proxies = PROXIES.map(|name| (name, value(name)));
        // Node's own `fetch` looks for the others only when it is told to.
        let node = [("NODE_USE_ENV_PROXY", "1".to_owned())];
        proxies.into_iter().chain(node).collect()
    }

    /// Compares in a time that does not tell how much is right.
    fn admits(&self, shown: &str) -> bool {
        let own = base64(format!("{USER}:{}", self.password).as_bytes());
        let (scheme, shown) = shown.split_once(' ').unwrap_or_default();
        let pairs = own.bytes().zip(shown.bytes());
        scheme.eq_ignore_ascii_case("basic")
            && own.len() == shown.len()
            && pairs.fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
    }

    /// What a client says that has said `bytes` so far.
    fn hear(&self, bytes: &[u8]) -> Heard {
        let request = match Request::parse(bytes) {
            Ok(Some(request)) => request,
            Ok(None) => return Heard::Nothing,
            Err(fault) => return Heard::Fault(fault),
        };
        match request.authorization {
            None => return Heard::Unannounced,
            Some(shown) if !self.admits(shown) => return Heard::Stranger,
            Some(_) => {}
        }
        let length = request.length;
        match request.target() {
            Ok(target) => Heard::Asked(length, target),
            Err(fault) => Heard::Fault(fault),
        }
    }
}

enum Heard {
    /// The request goes on.
    Nothing,
    /// It says whom it is for, in so many bytes.
    Asked(usize, Target),
    /// It can be read in more than one way, or in none.
    Fault(Fault),
    /// Its client shows nothing, as some do before they are asked.
    Unannounced,
    /// Its client shows something else than this run was given.
    Stranger,
}

impl Loop {
    /// Accepts those who have come to the front door.
    pub(super) fn accept_at_the_front(&mut self, now: Instant) {
        for _ in 0..TURNS {
            let Some(front) = &self.front else { return };
            match front.listener.accept() {
                Ok((client, _)) => self.admit(client, Goal::Unsaid, now),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // Nobody left, or one that broke off before it was accepted.
                Err(_) => return,
            }
        }
    }

    /// Gives a client the time to say where it goes.
    pub(super) fn wait_for_a_goal(&mut self, id: Id, now: Instant) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.stage = Stage::Asking(now + PATIENCE);
            self.set_timer(id, now + PATIENCE);
        }
        self.hear(id, now);
    }

    /// Reads what a client has said so far about where it goes.
    pub(super) fn hear(&mut self, id: Id, now: Instant) {
        let (Some(front), Some(connection)) = (&self.front, self.connections.get_mut(id)) else {
            return;
        };
        let heard = match connection.up.peek(&connection.client, &mut self.buffer) {
            Ok(Peeked::Nothing) => return,
            Ok(Peeked::Bytes(count)) => front.hear(&self.buffer[..count]),
            Ok(Peeked::End) | Err(_) => return self.close(id),
        };
        match heard {
            Heard::Nothing if connection.up.ending => self.close(id),
            Heard::Nothing => {}
            Heard::Asked(length, target) => self.go(id, length, target, now),
            Heard::Fault(fault) => self.refuse(id, inspect::reason(fault), None, now),
            Heard::Stranger => self.refuse(id, Reason::Stranger, None, now),
            // It may be about to ask again: that is no refusal yet.
            Heard::Unannounced => {
                let told = answer(UNANNOUNCED, "this proxy serves one sandbox alone");
                self.turn_away(id, &told, now);
            }
        }
    }

    fn go(&mut self, id: Id, length: usize, target: Target, now: Instant) {
        let goal = match target.host {
            host if host.is_loopback() => Goal::Service(target.port),
            Host::Name(name) if name == HOST_NAME => Goal::Service(target.port),
            host => Goal::Outside(host, target.port),
        };
        let host = goal.host();
        if let Some(full) = self.is_full(&host) {
            return self.fail(id, Reason::Full(full), now);
        }
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.take(&mut self.buffer[..length]).is_err() {
            return self.close(id);
        }
        let before = std::mem::replace(&mut connection.goal, goal).host();
        connection.asked = Some(Box::new(target.onward));
        connection.stage = Stage::Lookup;
        self.leave_crowd(&before);
        *self.crowds.entry(host).or_default() += 1;
        self.set_out(id, now);
    }
}

/// The status of those who show nothing.
const UNANNOUNCED: &str = "407 Proxy Authentication Required";
/// The status of those who take too long.
const SLOW: &str = "408 Request Timeout";

/// What a client is told that did not say in time where it goes.
pub(super) fn too_slow() -> Vec<u8> {
    answer(SLOW, "the head of the request did not come in time")
}

/// What a client is told whose request led nowhere. Programs that show no more of a proxy's answer
/// than its first line say why all the same.
pub(super) fn words(event: &Event) -> Vec<u8> {
    let told = format!("aigate: {event}");
    let status = match &event.reason {
        Reason::Stranger => return answer(UNANNOUNCED, &told),
        Reason::HttpMalformed(_) => 400,
        Reason::Full(_) => 503,
        reason if reason.is_refusal() => 403,
        _ => 502,
    };
    let plain = |c: &char| c.is_ascii() && !c.is_ascii_control();
    let line: String = told.chars().filter(plain).collect();
    answer(&format!("{status} {line}"), &told)
}

fn answer(status: &str, told: &str) -> Vec<u8> {
    let asks = match status {
        UNANNOUNCED => "Proxy-Authenticate: Basic realm=\"aigate\"\r\n",
        _ => "",
    };
    let length = told.len() + 1;
    format!(
        "HTTP/1.1 {status}\r\n{asks}Content-Type: text/plain\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{told}\n"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_shows_what_the_run_was_given_is_admitted() {
        let front = Front::open().expect("a port");
        let variables = front.variables();
        let url = &variables
            .iter()
            .find(|(name, _)| *name == "HTTPS_PROXY")
            .expect("a proxy")
            .1;
        let (user, place) = url
            .strip_prefix("http://")
            .and_then(|url| url.split_once('@'))
            .expect("a user");
        assert_eq!(place, format!("127.0.0.1:{}", front.port()));
        let own = base64(user.as_bytes());
        for scheme in ["Basic", "basic", "BASIC"] {
            assert!(front.admits(&format!("{scheme} {own}")));
        }
        let other = Front::open().expect("a port");
        for shown in [
            String::new(),
            own.clone(),
            "Basic".to_owned(),
            "Basic ".to_owned(),
            format!("Bearer {own}"),
            format!("Basic {}", &own[1..]),
            format!("Basic {own}A"),
            format!("Basic {}", own.to_ascii_lowercase()),
            format!("Basic {}", base64(format!("{USER}:").as_bytes())),
            format!(
                "Basic {}",
                base64(format!("{USER}:{}", other.password).as_bytes())
            ),
        ] {
            assert!(!front.admits(&shown), "{shown}");
        }
        assert!(!format!("{front:?}").contains(&front.password));
    }

    #[test]
    fn a_name_cannot_write_into_the_answer() {
        let odd = "x\r\nSet-Cookie: a\u{e9}".to_owned();
        let event = Event::new("a.example".into(), Some(80), None, Reason::HttpHost(odd));
        let told = String::from_utf8(words(&event)).expect("text");
        let (head, _) = told.split_once("\r\n\r\n").expect("a head");
        assert_eq!(head.lines().count(), 4, "{told}");
        assert!(
            head.starts_with("HTTP/1.1 403 aigate: a.example:80: HTTP asks"),
            "{told}"
        );
    }
}
