//! What the broker tells: each refusal, with a reason that a person or a model can act on.

use std::fmt;
use std::net::IpAddr;

use super::guard::Class;
use crate::policy::origin::Origin;

/// One refusal, or one thing that could not be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The name that was asked for, or the address when there was none.
    pub host: String,
    /// The port; none for a question about the name alone.
    pub port: Option<u16>,
    /// The rule that decided, if one did.
    pub rule: Option<Origin>,
    /// Why.
    pub reason: Reason,
    /// How often it happened again since it was told last.
    pub repeats: u32,
}

/// Why something was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// No rule allows it.
    NotAllowed,
    /// A rule denies it.
    Denied,
    /// It leads to an address that a name alone does not open.
    Guarded(IpAddr, Class),
    /// The name cannot be a host's.
    BadName,
    /// Only TCP and DNS are carried.
    Udp,
    /// The port is allowed and cannot be served in this run.
    PortNotServed,
    /// TLS asks for another server.
    ServerName(String),
    /// TLS asks for no server by name.
    NoServerName,
    /// The first bytes are a TLS handshake that cannot be read.
    TlsMalformed,
    /// HTTP asks for another host.
    HttpHost(String),
    /// A proxy is asked to go on to a host that is not allowed.
    Forward(String),
    /// HTTP that two servers could read differently.
    HttpMalformed(&'static str),
    /// HTTP/2 without TLS.
    ClearHttp2,
    /// A SOCKS proxy hides where it goes.
    Socks,
    /// A client of the front door does not show what the run was given.
    Stranger,
    /// No such name outside.
    NoSuchName,
    /// The name could not be looked up.
    LookupFailed(String),
    /// The host could not be reached.
    Unreachable(String),
    /// The corporate proxy refused.
    Proxy(String),
    /// A bound of the broker was reached.
    Full(&'static str),
    /// A port could not be opened.
    NotServed(String),
}

impl Reason {
    /// Whether policy refused, rather than the network.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        !matches!(
            self,
            Reason::NoSuchName
                | Reason::LookupFailed(_)
                | Reason::Unreachable(_)
                | Reason::Proxy(_)
                | Reason::NotServed(_)
        )
    }
}

impl Event {
    /// An event that has not happened before.
    #[must_use]
    pub fn new(host: String, port: Option<u16>, rule: Option<Origin>, reason: Reason) -> Self {
        Event {
            host,
            port,
            rule,
            reason,
            repeats: 0,
        }
    }

    /// The rule that would open it, if one would.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match &self.reason {
            Reason::NotAllowed | Reason::PortNotServed => Some(self.endpoint()),
            Reason::Guarded(ip, _) => {
                let address = Event::new(ip.to_string(), self.port, None, Reason::Denied);
                Some(address.endpoint())
            }
            _ => None,
        }
    }

    /// The host, with the port if there is one.
    #[must_use]
    pub fn endpoint(&self) -> String {
        match self.port {
            Some(port) if self.host.contains(':') => format!("[{}]:{port}", self.host),
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.endpoint())?;
        let remedy = self.remedy().unwrap_or_default();
        match &self.reason {
            Reason::NotAllowed => {
                write!(
                    f,
                    "not in allow_net; to allow it: aigate allow net {remedy}"
                )
            }
            Reason::Denied => match &self.rule {
                Some(rule) => write!(f, "denied by {rule}"),
                None => f.write_str("denied"),
            },
            Reason::Guarded(ip, class) => write!(
                f,
                "leads to {ip}, {class}, which a rule must name as an address; \
                 to allow it: aigate allow net {remedy}"
            ),
            Reason::PortNotServed => write!(
                f,
                "the rule names no port and this one is not among the common ones; \
                 name it: aigate allow net {remedy}"
            ),
            reason => f.write_str(&reason.words()),
        }
    }
}

impl Reason {
    /// The reasons that need nothing of the event.
    fn words(&self) -> String {
        match self {
            Reason::NotAllowed | Reason::Denied | Reason::PortNotServed => "not allowed".into(),
            Reason::Guarded(ip, class) => format!("leads to {ip}, {class}"),
            Reason::BadName => "not a host name".into(),
            Reason::Udp => "UDP is not carried, only TCP and DNS; programs fall back to TCP".into(),
            Reason::ServerName(name) => {
                format!("TLS asks for `{name}` on a connection to another host")
            }
            Reason::NoServerName => {
                "TLS without a server name; connect by name with a client that sends it".into()
            }
            Reason::TlsMalformed => "the TLS handshake cannot be read".into(),
            Reason::HttpHost(host) => {
                format!("HTTP asks for `{host}` on a connection to another host")
            }
            Reason::Forward(target) => {
                format!("asks the server to go on to `{target}`, which is not in allow_net")
            }
            Reason::HttpMalformed(what) => format!("not plain HTTP/1: {what}"),
            Reason::ClearHttp2 => "HTTP/2 without TLS hides its hosts; use TLS".into(),
            Reason::Socks => "a SOCKS proxy hides where it goes; connect directly".into(),
            Reason::Stranger => "a program asks with a password that is not this run's".into(),
            Reason::NoSuchName => "no such name outside".into(),
            Reason::LookupFailed(why) => format!("cannot be looked up outside: {why}"),
            Reason::Unreachable(why) => format!("cannot be reached from outside: {why}"),
            Reason::Proxy(why) => format!("the host's proxy does not connect: {why}"),
            Reason::Full(what) => format!("{what}; close some and try again"),
            Reason::NotServed(why) => format!("the port cannot be served: {why}"),
        }
    }
}
