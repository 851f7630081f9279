//! The first words of a client: does it talk to the host that the connection is for?

use std::borrow::Cow;

use super::event::Reason;
use super::http::{Ask, Fault, Guess, Requests, Step, guess};
use super::judge;
use super::tls::{self, Hello};
use crate::policy::net::{Host, NetRule};

/// What may be done with the client's bytes at hand.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// Send this many of them.
    Pass(usize),
    /// More must come first.
    Wait,
    /// Send none.
    Refuse(Reason),
    /// Send none, for the one request of this connection has ended.
    End,
}

/// What the connection is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purpose<'a> {
    /// The rules of now.
    pub rules: &'a [NetRule],
    /// The name that was asked for; none when the connection is to an address or to a service of the
    /// host, where any name is right.
    pub name: Option<&'a str>,
    /// The port.
    pub port: u16,
}

/// How far one client has been judged.
#[derive(Debug)]
pub(super) enum Inspector {
    /// It is not clear yet what it speaks.
    First(Heard),
    /// It speaks HTTP/1, and every request is judged.
    Http(Box<Requests>, Heard),
    /// What follows is hidden or harmless.
    Passed,
}

/// What is remembered of a client.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The host of the tunnel that its words are in, if any.
    tunnel: Option<Box<str>>,
    /// The start of a line that passed before it was clear whether it is HTTP: a client may wait for
    /// the answer to one word. No server acts on half a line.
    passed: Vec<u8>,
}

impl Inspector {
    /// A client that has said nothing.
    pub(super) fn new() -> Self {
        Inspector::First(Heard::default())
    }

    /// A client of whose one request only this is left.
    pub(super) fn only(rest: Requests) -> Self {
        Inspector::Http(Box::new(rest), Heard::default())
    }

    /// Whether the server's next bytes decide what the client may send.
    pub(super) fn awaits_answer(&self) -> bool {
        matches!(self, Inspector::Http(requests, _) if requests.awaits_answer())
    }

    /// Takes the start of the server's answer.
    pub(super) fn answered(&mut self, bytes: &[u8]) {
        if let Inspector::Http(requests, _) = self {
            requests.answered(bytes);
        }
    }

    /// Takes note that `bytes`, the first of those that were judged, were sent.
    pub(super) fn sent(&mut self, bytes: &[u8]) {
        match self {
            Inspector::First(heard) => heard.passed.extend_from_slice(bytes),
            Inspector::Http(requests, heard) if !bytes.is_empty() => {
                let before = std::mem::take(&mut heard.passed).len();
                requests.sent(before + bytes.len());
            }
            Inspector::Http(..) | Inspector::Passed => {}
        }
    }

    /// Judges the client's next bytes, which are not empty.
    pub(super) fn judge(&mut self, bytes: &[u8], purpose: Purpose<'_>) -> Ruling {
        loop {
            match self {
                Inspector::Passed => return Ruling::Pass(bytes.len()),
                Inspector::First(heard) => {
                    let line = heard.with(bytes);
                    match first(&line, purpose.within(&heard.tunnel)) {
                        First::Http => {
                            let heard = std::mem::take(heard);
                            *self = Inspector::Http(Box::new(Requests::new()), heard);
                        }
                        First::Harmless => *self = Inspector::Passed,
                        First::HalfLine => return Ruling::Pass(bytes.len()),
                        First::Unknown => return Ruling::Wait,
                        First::Refuse(reason) => return Ruling::Refuse(reason),
                    }
                }
                Inspector::Http(requests, heard) => {
                    let purpose = purpose.within(&heard.tunnel);
                    let step = requests.judge(&heard.with(bytes), &|ask| permits(ask, purpose));
                    match step {
                        Step::Pass(count) => {
                            return Ruling::Pass(count.saturating_sub(heard.passed.len()));
                        }
                        Step::Wait => return Ruling::Wait,
                        Step::End => return Ruling::End,
                        Step::Refuse(fault) => return Ruling::Refuse(reason(fault)),
                        Step::Tunnel(authority) => {
                            let name = split_port(&authority).0.to_ascii_lowercase();
                            let tunnel = Some(name.into());
                            *self = Inspector::First(Heard {
                                tunnel,
                                passed: Vec::new(),
                            });
                        }
                    }
                }
            }
        }
    }
}

impl Heard {
    /// What passed already and `bytes` as one.
    fn with<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        if self.passed.is_empty() {
            Cow::Borrowed(bytes)
        } else {
            Cow::Owned([&self.passed, bytes].concat())
        }
    }
}

impl<'a> Purpose<'a> {
    fn within(self, tunnel: &'a Option<Box<str>>) -> Self {
        Purpose {
            name: tunnel.as_deref().or(self.name),
            ..self
        }
    }
}

pub(super) fn reason(fault: Fault) -> Reason {
    match fault {
        Fault::Host(host) => Reason::HttpHost(host),
        Fault::Forward(target) => Reason::Forward(target),
        Fault::Malformed(what) => Reason::HttpMalformed(what),
        Fault::ClearHttp2 => Reason::ClearHttp2,
    }
}

enum First {
    Http,
    Harmless,
    HalfLine,
    Unknown,
    Refuse(Reason),
}

fn first(bytes: &[u8], purpose: Purpose<'_>) -> First {
    if tls::starts(bytes) {
        return match tls::client_hello(bytes) {
            Hello::Partial => First::Unknown,
            Hello::Malformed => First::Refuse(Reason::TlsMalformed),
            Hello::Name(asked) => server_name(asked, purpose),
        };
    }
    match socks(bytes) {
        Some(true) => return First::Refuse(Reason::Socks),
        Some(false) => {}
        None => return First::Unknown,
    }
    match guess(bytes) {
        Guess::Http => First::Http,
        Guess::Other => First::Harmless,
        Guess::Unknown => First::HalfLine,
    }
}

/// Whether `bytes` greet a SOCKS proxy; none when more are needed.
fn socks(bytes: &[u8]) -> Option<bool> {
    match bytes {
        [4 | 5] | [5, 1..=9] => None,
        [5, 1..=9, method, ..] => Some(*method < 10 || *method >= 0x80),
        [4, 1 | 2, ..] => Some(true),
        _ => Some(false),
    }
}

fn server_name(asked: Option<String>, purpose: Purpose<'_>) -> First {
    let Some(own) = purpose.name else {
        return First::Harmless;
    };
    match asked {
        Some(asked) if means(&asked, purpose, own) => First::Harmless,
        Some(asked) => First::Refuse(Reason::ServerName(asked)),
        // Some clients leave out a name without dots.
        None if !own.contains('.') => First::Harmless,
        None => First::Refuse(Reason::NoServerName),
    }
}

/// Whether `asked` is the connection's own host, or one that is allowed as well.
fn means(asked: &str, purpose: Purpose<'_>, own: &str) -> bool {
    Host::parse(asked).is_some_and(|host| {
        host == Host::Name(own.to_owned())
            || judge::endpoint(purpose.rules, &host, purpose.port).is_ok()
    })
}

fn permits(ask: Ask<'_>, purpose: Purpose<'_>) -> bool {
    match (ask, purpose.name) {
        (Ask::Host(_), None) => true,
        (Ask::Host(authority), Some(own)) => means(split_port(authority).0, purpose, own),
        (Ask::Forward(authority), own) => {
            let (host, port) = split_port(authority);
            let port = port.unwrap_or(80);
            Host::parse(host).is_some_and(|host| {
                let itself = own.is_some_and(|own| host == Host::Name(own.to_owned()));
                (itself && port == purpose.port)
                    || judge::endpoint(purpose.rules, &host, port).is_ok()
            })
        }
    }
}

fn split_port(authority: &str) -> (&str, Option<u16>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, port.parse().ok())
        }
        _ => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::judge::tests::rules;
    use crate::egress::tls::tests::asking_for;

    fn judge(name: Option<&str>, bytes: &[u8]) -> Ruling {
        let rules = rules(&["a.example", "b.example:443"]);
        let purpose = Purpose {
            rules: &rules,
            name,
            port: 443,
        };
        Inspector::new().judge(bytes, purpose)
    }

    #[test]
    fn tls_must_ask_for_the_host_or_another_allowed_one() {
        let own = Some("a.example");
        for (asked, passes) in [
            ("a.example", true),
            ("A.Example", true),
            ("b.example", true),
            ("evil.example", false),
        ] {
            let bytes = asking_for(asked);
            let whole = Ruling::Pass(bytes.len());
            assert_eq!(judge(own, &bytes) == whole, passes, "{asked}");
            assert_eq!(judge(None, &bytes), whole, "by address: {asked}");
        }
        let nul = asking_for("a.example\u{0}.evil.example");
        assert!(matches!(
            judge(own, &nul),
            Ruling::Refuse(Reason::ServerName(_))
        ));
    }

    #[test]
    fn a_proxy_is_asked_for_allowed_hosts_only() {
        for name in [Some("a.example"), None] {
            for (line, passes) in [
                ("CONNECT b.example:443 HTTP/1.1\r\n\r\n", true),
                ("CONNECT b.example:22 HTTP/1.1\r\n\r\n", false),
                ("CONNECT evil.example:443 HTTP/1.1\r\n\r\n", false),
                ("CONNECT 169.254.169.254:80 HTTP/1.1\r\n\r\n", false),
                ("CONNECT evil.example:443@a.example HTTP/1.1\r\n\r\n", false),
                ("GET http://evil.example/ HTTP/1.1\r\n\r\n", false),
            ] {
                let passed = judge(name, line.as_bytes()) == Ruling::Pass(line.len());
                assert_eq!(passed, passes, "{line}");
            }
        }
        for greeting in [&[5, 1, 0][..], &[5, 2, 0, 2], &[4, 1, 0, 80, 1, 2, 3, 4, 0]] {
            assert_eq!(judge(None, greeting), Ruling::Refuse(Reason::Socks));
            assert_eq!(judge(None, &greeting[..1]), Ruling::Wait);
        }
    }

    #[test]
    fn half_a_line_passes_and_is_not_forgotten() {
        let rules = rules(&["a.example"]);
        let purpose = Purpose {
            rules: &rules,
            name: Some("a.example"),
            port: 80,
        };
        for (host, passes) in [("a.example", true), ("evil.example", false)] {
            let text = format!("PROPFIND / HTTP/1.1\r\nHost: {host}\r\n\r\n");
            for cut in 1..text.len() {
                let mut inspector = Inspector::new();
                let (mut start, mut end) = (0, cut);
                loop {
                    match inspector.judge(&text.as_bytes()[start..end], purpose) {
                        Ruling::Pass(count) => {
                            inspector.sent(&text.as_bytes()[start..start + count]);
                            start += count;
                        }
                        Ruling::Wait => {}
                        Ruling::Refuse(_) | Ruling::End => break,
                    }
                    if start == text.len() {
                        break;
                    }
                    end = text.len();
                }
                assert_eq!(start == text.len(), passes, "{host} {cut}");
                assert!(
                    passes || start < text.find("Host").expect("host"),
                    "{start}"
                );
            }
        }
    }

    #[test]
    fn inside_a_tunnel_the_tunnels_host_counts() {
        let rules = rules(&["a.example", "b.example:443"]);
        let purpose = Purpose {
            rules: &rules,
            name: None,
            port: 443,
        };
        let connect = b"CONNECT b.example:443 HTTP/1.1\r\n\r\n";
        for (asked, passes) in [("b.example", true), ("evil.example", false)] {
            let mut inspector = Inspector::new();
            let whole = Ruling::Pass(connect.len());
            assert_eq!(inspector.judge(connect, purpose), whole);
            inspector.sent(connect);
            let bytes = asking_for(asked);
            let passed = inspector.judge(&bytes, purpose) == Ruling::Pass(bytes.len());
            assert_eq!(passed, passes, "{asked}");
        }
    }
}
