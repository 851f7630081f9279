//! The host's own way out through a proxy, as its environment variables state it.

use std::net::IpAddr;

use crate::policy::net::{Host, HostPattern, NetRule};
use crate::policy::origin::{Layer, Origin};

const LONGEST_ANSWER: usize = 8192;

/// An HTTP proxy that takes CONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proxy {
    pub host: Host,
    pub port: u16,
    /// `user:password` in base64.
    credentials: Option<String>,
}

/// Which proxy to use for which host.
#[derive(Debug, Clone, Default)]
pub struct Upstream {
    https: Option<Proxy>,
    http: Option<Proxy>,
    direct: Vec<HostPattern>,
    everything_direct: bool,
}

impl Upstream {
    /// Reads the variables through `get`. Lower case counts before upper case.
    ///
    /// # Errors
    /// Names the variable that cannot be used.
    pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let value = |lower: &str| {
            let value = get(lower).or_else(|| get(&lower.to_ascii_uppercase()));
            value.filter(|value| !value.trim().is_empty())
        };
        let proxy = |names: [&str; 2]| {
            let found = names.iter().find_map(|name| Some((*name, value(name)?)));
            found
                .map(|(name, text)| parse(&text).map_err(|e| format!("{name}: {e}")))
                .transpose()
        };
        let mut upstream = Upstream {
            https: proxy(["https_proxy", "all_proxy"])?,
            http: proxy(["http_proxy", "all_proxy"])?,
            ..Upstream::default()
        };
        for word in value("no_proxy").unwrap_or_default().split([',', ' ']) {
            upstream.exempt(word.trim());
        }
        Ok(upstream)
    }

    fn exempt(&mut self, word: &str) {
        if word == "*" {
            self.everything_direct = true;
            return;
        }
        // `.example.org` and `example.org` both mean the name and all below it.
        let word = word
            .strip_prefix("*.")
            .or(word.strip_prefix('.'))
            .unwrap_or(word);
        for text in [word.to_owned(), format!("*.{word}")] {
            let origin = Origin::without_file(Layer::User, "no_proxy");
            self.direct
                .extend(NetRule::parse(&text, false, 0, origin).map(|rule| rule.host));
        }
    }

    /// The proxy for connections to `host`; none when they go directly.
    pub(super) fn proxy_for(&self, host: &Host, port: u16) -> Option<&Proxy> {
        let direct = self.everything_direct
            || host.is_loopback()
            || self.direct.iter().any(|pattern| pattern.matches(host));
        let proxy = if port == 80 { &self.http } else { &self.https };
        proxy.as_ref().filter(|_| !direct)
    }
}

fn parse(text: &str) -> Result<Proxy, String> {
    let rest = match text.split_once("://") {
        None => text,
        Some(("http", rest)) => rest,
        Some((scheme, _)) => {
            return Err(format!("only http:// proxies can be used, not {scheme}://"));
        }
    };
    let rest = rest.split('/').next().unwrap_or_default();
    let (user, address) = match rest.rsplit_once('@') {
        Some((user, address)) => (Some(user), address),
        None => (None, rest),
    };
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (
            host,
            port.parse()
                .map_err(|_| format!("`{port}` is not a port"))?,
        ),
        _ => (address, 3128),
    };
    let host = Host::parse(host).ok_or_else(|| format!("`{host}` is not a host"))?;
    let credentials = user.map(|user| base64(&percent_decoded(user)));
    Ok(Proxy {
        host,
        port,
        credentials,
    })
}

impl Proxy {
    /// The request that opens a tunnel.
    pub(super) fn request(&self, host: &Host, port: u16) -> Vec<u8> {
        let target = match host {
            Host::Ip(IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
            host => format!("{host}:{port}"),
        };
        let mut text = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        if let Some(credentials) = &self.credentials {
            text.push_str(&format!("Proxy-Authorization: Basic {credentials}\r\n"));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}

/// Reads the proxy's answer: how long it is, or why there is no tunnel. None when it is not whole.
pub(super) fn answer(bytes: &[u8]) -> Option<Result<usize, String>> {
    let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
        let long = bytes.len() >= LONGEST_ANSWER;
        return long.then(|| Err("its answer is too long".to_owned()));
    };
    let line = bytes.split(|&b| b == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.splitn(2, ' ');
    let http = words
        .next()
        .is_some_and(|version| version.starts_with("HTTP/1."));
    let status = words.next().unwrap_or_default();
    let agreed = http && status.starts_with('2') && status.as_bytes().get(3) == Some(&b' ');
    Some(if agreed || (http && status == "200") {
        Ok(end + 4)
    } else {
        Err(status
            .chars()
            .filter(|c| !c.is_control())
            .take(80)
            .collect())
    })
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| byte == b'%');
        let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    bytes
}

pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .fold(0u32, |word, &byte| word << 8 | u32::from(byte))
            << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let index = (word >> (18 - 6 * digit)) as usize & 63;
            text.push(if digit <= chunk.len() {
                char::from(DIGITS[index])
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(variables: &[(&str, &str)]) -> Result<Upstream, String> {
        Upstream::from_variables(|name| {
            let found = variables.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_host_goes_through_the_proxy_unless_exempt() {
        let upstream = upstream(&[
            ("HTTPS_PROXY", "http://me:p%40ss@proxy.corp:8080/"),
            ("no_proxy", "localhost,.corp, other.example:443,10.0.0.0/8"),
        ])
        .expect("usable");
        for (host, proxied) in [
            ("a.example", true),
            ("git.corp", false),
            ("corp", false),
            ("xcorp", true),
            ("other.example", false),
            ("10.1.2.3", false),
            ("11.1.2.3", true),
            ("127.0.0.1", false),
        ] {
            let host = Host::parse(host).expect("host");
            assert_eq!(upstream.proxy_for(&host, 443).is_some(), proxied, "{host}");
            assert!(upstream.proxy_for(&host, 80).is_none());
        }
        let host = Host::parse("a.example").expect("host");
        let proxy = upstream.proxy_for(&host, 443).expect("proxy");
        assert_eq!(
            (proxy.host.to_string().as_str(), proxy.port),
            ("proxy.corp", 8080)
        );
        let request = String::from_utf8(proxy.request(&host, 443)).expect("text");
        assert!(request.starts_with("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n"));
        assert!(
            request.contains("Authorization: Basic bWU6cEBzcw==\r\n"),
            "{request}"
        );
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        assert!(upstream(&[("https_proxy", "socks5://a:1")]).is_err_and(|e| e.contains("socks5")));
        assert!(upstream(&[("ALL_PROXY", "http://a:x")]).is_err());
        assert!(upstream(&[("https_proxy", "")]).is_ok());
        let all = upstream(&[("all_proxy", "p:1"), ("no_proxy", "*")]).expect("usable");
        assert!(
            all.proxy_for(&Host::parse("a.example").expect("host"), 80)
                .is_none()
        );
    }

    #[test]
    fn only_a_whole_agreement_opens_the_tunnel() {
        assert_eq!(answer(b"HTTP/1.1 200 OK\r\nA: b\r\n"), None);
        assert_eq!(answer(b"HTTP/1.1 200 OK\r\n\r\nmore"), Some(Ok(19)));
        assert_eq!(answer(b"HTTP/1.0 200\r\n\r\n"), Some(Ok(16)));
        let denied = answer(b"HTTP/1.1 403 Forbidden\r\n\r\n");
        assert_eq!(denied, Some(Err("403 Forbidden".to_owned())));
        assert!(answer(&[b'x'; LONGEST_ANSWER]).is_some_and(|answer| answer.is_err()));
    }
}
