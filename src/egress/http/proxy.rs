//! One request to a proxy: whom it is for, who asks, and how it goes on from here.
//!
//! A request to go on is written anew, with the host that was judged and without what was meant for
//! the proxy, and it is the only one of its connection: what a server reads cannot mean another host.

use std::net::IpAddr;

use super::{Body, Fault, Head, LONGEST_HEAD, LONGEST_METHOD, Next, Requests, end_of_head};
use crate::policy::net::Host;

/// A request of which nothing but its form was judged.
pub(in crate::egress) struct Request<'a> {
    head: Head<'a>,
    version: &'a str,
    fields: &'a str,
    /// How long its head is, in bytes.
    pub length: usize,
    /// What its client shows to be let in.
    pub authorization: Option<&'a str>,
}

/// Where a request wants to go.
#[derive(Debug)]
pub(in crate::egress) struct Target {
    pub host: Host,
    pub port: u16,
    pub onward: Onward,
}

/// What is sent there.
#[derive(Debug)]
pub(in crate::egress) enum Onward {
    /// Whatever the client says once it is there.
    Tunnel,
    /// This head, and what of the request follows it.
    Request(Vec<u8>, Requests),
}

/// Fields that are meant for the proxy, would make the server expect more, or are written anew.
const NOT_PASSED: [&str; 8] = [
    "connection",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "upgrade",
];

/// The port of `http://` without one.
const HTTP: u16 = 80;

impl<'a> Request<'a> {
    /// Reads the request at the start of `bytes`; none when its head goes on.
    pub(in crate::egress) fn parse(bytes: &'a [u8]) -> Result<Option<Self>, Fault> {
        let Some(end) = end_of_head(bytes, LONGEST_HEAD)? else {
            return Ok(None);
        };
        let head = Head::parse(&bytes[..end])?;
        if head.method.len() > LONGEST_METHOD {
            // Behind the door it would be taken for no request.
            return Err(Fault::Malformed("the method is too long"));
        }
        let text = std::str::from_utf8(&bytes[..end]).unwrap_or_default();
        let (line, fields) = text.split_once("\r\n").unwrap_or((text, ""));
        let mut shown = each(fields).filter(|(name, _)| is(name, "proxy-authorization"));
        let authorization = shown.next().map(|(_, value)| value);
        if shown.next().is_some() {
            return Err(Fault::Malformed("two `Proxy-Authorization` headers"));
        }
        Ok(Some(Request {
            head,
            version: line.rsplit(' ').next().unwrap_or_default(),
            fields,
            length: end + 4,
            authorization,
        }))
    }

    /// Whom it is for, if all of it says the same.
    pub(in crate::egress) fn target(self) -> Result<Target, Fault> {
        if self.head.method == "CONNECT" {
            let (host, port) = authority(self.head.target, None)?;
            self.agrees(&host, port, port)?;
            return match self.head.body {
                Body::Length(0) => Ok(Target {
                    host,
                    port,
                    onward: Onward::Tunnel,
                }),
                _ => Err(Fault::Malformed("a `CONNECT` with a body")),
            };
        }
        let (authority_text, path) = url(self.head.target)?;
        let (host, port) = authority(authority_text, Some(HTTP))?;
        self.agrees(&host, port, HTTP)?;
        let head = self.anew(&host, port, path);
        Ok(Target {
            host,
            port,
            onward: Onward::Request(head, self.rest()),
        })
    }

    /// A server could go by the `Host` header as well as by the target.
    fn agrees(&self, host: &Host, port: u16, unsaid: u16) -> Result<(), Fault> {
        match self.head.host {
            Some(text) if authority(text, Some(unsaid))? != (host.clone(), port) => {
                Err(Fault::Host(text.to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn anew(&self, host: &Host, port: u16, path: &str) -> Vec<u8> {
        let host = match host {
            Host::Ip(IpAddr::V6(ip)) => format!("[{ip}]"),
            host => host.to_string(),
        };
        let port = match port {
            HTTP => String::new(),
            port => format!(":{port}"),
        };
        let slash = if path.starts_with('/') { "" } else { "/" };
        let (method, version) = (self.head.method, self.version);
        let mut text = format!(
            "{method} {slash}{path} {version}\r\nHost: {host}{port}\r\nConnection: close\r\n"
        );
        for (name, value) in each(self.fields) {
            if !NOT_PASSED.iter().any(|own| is(name, own)) {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        text.push_str("\r\n");
        text.into_bytes()
    }

    fn rest(&self) -> Requests {
        let (granted, next) = match self.head.body {
            Body::Length(length) => (length, Next::Head),
            Body::Chunks => (0, Next::ChunkSize),
        };
        Requests {
            granted,
            next,
            first: false,
            switching: false,
            only: true,
        }
    }
}

/// The names and values of header lines, which are known to have both.
fn each(fields: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = fields.split("\r\n").filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name, value.trim_matches([' ', '\t'])))
}

fn is(name: &str, own: &str) -> bool {
    name.eq_ignore_ascii_case(own)
}

/// The authority and the rest of an `http://` URL.
fn url(target: &str) -> Result<(&str, &str), Fault> {
    let (scheme, rest) = target.split_once("://").unwrap_or_default();
    if !is(scheme, "http") {
        return Err(Fault::Malformed(
            "a proxy is asked by `CONNECT HOST:PORT` or for an `http://` URL",
        ));
    }
    if rest.contains('#') {
        return Err(Fault::Malformed("a URL with a fragment"));
    }
    Ok(rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len())))
}

/// Reads `HOST:PORT`, strictly: what another reader could cut elsewhere is none.
fn authority(text: &str, unsaid: Option<u16>) -> Result<(Host, u16), Fault> {
    if text.contains('@') {
        return Err(Fault::Malformed("a user in front of the host"));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let number = |port: &str| {
        let digits = port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
        port.parse().ok().filter(|port| digits && *port != 0)
    };
    let port = port.map_or(unsaid, number);
    let port = port.ok_or(Fault::Malformed("no port, or none that exists"))?;
    let bare = host.contains(':') && !host.starts_with('[');
    let host = Host::parse(host).filter(|_| !bare);
    let host = host.ok_or(Fault::Malformed("what is asked for is not a host"))?;
    Ok((host, port))
}

#[cfg(test)]
mod tests;
