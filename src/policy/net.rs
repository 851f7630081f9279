//! Which hosts and ports may be reached.

use std::fmt;
use std::net::IpAddr;

use super::origin::{Layer, Origin};

/// A host as the broker sees it: canonical, so that two spellings compare equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A DNS name: lower case, ASCII, without the final dot.
    Name(String),
    /// An address.
    Ip(IpAddr),
}

impl Host {
    /// Reads a host name or an address (an IPv6 address may stand in brackets).
    #[must_use]
    pub fn parse(text: &str) -> Option<Host> {
        let inner = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if let Ok(ip) = inner.unwrap_or(text).parse::<IpAddr>() {
            return Some(Host::Ip(ip.to_canonical()));
        }
        if inner.is_some() {
            return None;
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        is_name(&name).then_some(Host::Name(name))
    }

    /// Whether this is the host's own loopback, which only an explicit rule opens.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Host::Name(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ip(ip) => ip.is_loopback() || ip.is_unspecified(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Ip(ip) => write!(f, "{ip}"),
        }
    }
}

fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A name of digits and dots only is a mistyped address, never a name.
    let numeric = name
        .rsplit('.')
        .next()
        .is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
    name.len() <= 253 && !numeric && name.split('.').all(label)
}

/// Which hosts a rule names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// `*`: any host but the loopback.
    Any,
    /// `*.example.org`: every name below it, not itself.
    Below(String),
    /// One host.
    Exact(Host),
    /// Addresses that share their first bits.
    Cidr(IpAddr, u8),
}

/// One host rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetRule {
    /// Which hosts.
    pub host: HostPattern,
    /// Which port; none means every port.
    pub port: Option<u16>,
    /// Whether it allows or denies.
    pub allows: bool,
    /// Which file it stands in.
    pub group: u16,
    /// Where it was written.
    pub origin: Origin,
}

/// What is wrong with a host rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// Holds `://` or a path.
    Url,
    /// Not a name, an address or a range.
    Host,
    /// The port is not between 1 and 65535.
    Port,
    /// `*` elsewhere than in front of a dot.
    Wildcard,
    /// The number of bits does not fit the address.
    Bits,
    /// Characters outside ASCII.
    NotAscii,
    /// The loopback without a port.
    LoopbackPort,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::Url => "write the host alone, as in `example.org` or `example.org:443`",
            Error::Host => "not a host name, an address or a range of addresses",
            Error::Port => "the port must be a number from 1 to 65535",
            Error::Wildcard => "`*` may stand alone or as the first label, as in `*.example.org`",
            Error::Bits => "the number of bits after `/` does not fit the address",
            Error::NotAscii => "write the name in its ASCII form (`xn--...`)",
            Error::LoopbackPort => "name the port of the host's service, as in `localhost:8080`",
        })
    }
}

impl NetRule {
    /// Reads `host`, `*.host`, `*`, an address or a range, each with `:port` if wanted.
    ///
    /// # Errors
    /// When the text is none of these.
    pub fn parse(text: &str, allows: bool, group: u16, origin: Origin) -> Result<NetRule, Error> {
        let (host, port) = parse(text)?;
        let loopback = match &host {
            HostPattern::Exact(host) => host.is_loopback(),
            HostPattern::Cidr(ip, _) => ip.is_loopback(),
            HostPattern::Any | HostPattern::Below(_) => false,
        };
        if allows && loopback && port.is_none() {
            return Err(Error::LoopbackPort);
        }
        Ok(NetRule {
            host,
            port,
            allows,
            group,
            origin,
        })
    }

    /// Whether the rule speaks about this endpoint.
    #[must_use]
    pub fn matches(&self, host: &Host, port: u16) -> bool {
        self.port.is_none_or(|own| own == port) && self.host.matches(host)
    }

    /// Whether the rule names an address or a range: only such a rule opens a private address.
    #[must_use]
    pub fn names_address(&self) -> bool {
        matches!(
            self.host,
            HostPattern::Cidr(..) | HostPattern::Exact(Host::Ip(_))
        )
    }
}

impl HostPattern {
    /// Whether `host` is one of them.
    #[must_use]
    pub fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (HostPattern::Any, host) => !host.is_loopback(),
            (HostPattern::Exact(own), host) => own == host,
            (HostPattern::Below(parent), Host::Name(name)) => name
                .strip_suffix(parent.as_str())
                .is_some_and(|rest| rest.ends_with('.')),
            (HostPattern::Cidr(base, bits), Host::Ip(ip)) => in_range(*base, *bits, *ip),
            (HostPattern::Below(_), Host::Ip(_)) | (HostPattern::Cidr(..), Host::Name(_)) => false,
        }
    }

    /// Whether every host of `other` is also one of ours.
    fn covers(&self, other: &HostPattern) -> bool {
        match (self, other) {
            (HostPattern::Any, _) => true,
            (_, HostPattern::Exact(host)) => self.matches(host),
            (HostPattern::Below(a), HostPattern::Below(b)) => {
                a == b
                    || b.strip_suffix(a.as_str())
                        .is_some_and(|rest| rest.ends_with('.'))
            }
            (HostPattern::Cidr(a, bits), HostPattern::Cidr(b, more)) => {
                bits <= more && in_range(*a, *bits, *b)
            }
            _ => false,
        }
    }
}

fn parse(text: &str) -> Result<(HostPattern, Option<u16>), Error> {
    if !text.is_ascii() {
        return Err(Error::NotAscii);
    }
    if text.contains("://") {
        return Err(Error::Url);
    }
    if let Some((base, bits)) = text.split_once('/') {
        return Ok((cidr(base, bits)?, None));
    }
    let (host, port) = split_port(text)?;
    if host == "*" {
        return Ok((HostPattern::Any, port));
    }
    if let Some(parent) = host.strip_prefix("*.") {
        let Some(Host::Name(parent)) = Host::parse(parent) else {
            return Err(Error::Wildcard);
        };
        return Ok((HostPattern::Below(parent), port));
    }
    if host.contains('*') {
        return Err(Error::Wildcard);
    }
    Ok((
        HostPattern::Exact(Host::parse(host).ok_or(Error::Host)?),
        port,
    ))
}

fn cidr(base: &str, bits: &str) -> Result<HostPattern, Error> {
    let Some(Host::Ip(ip)) = Host::parse(base) else {
        return Err(Error::Url);
    };
    let bits: u8 = bits.parse().map_err(|_| Error::Bits)?;
    let width = if ip.is_ipv4() { 32 } else { 128 };
    if bits > width {
        Err(Error::Bits)
    } else {
        Ok(HostPattern::Cidr(ip, bits))
    }
}

fn split_port(text: &str) -> Result<(&str, Option<u16>), Error> {
    let bracketed = text.starts_with('[');
    let Some((host, port)) = text.rsplit_once(':') else {
        return Ok((text, None));
    };
    if bracketed && text.ends_with(']') || !bracketed && host.contains(':') {
        return Ok((text, None));
    }
    if port == "*" {
        return Ok((host, None));
    }
    match port.parse::<u16>() {
        Ok(port) if port > 0 => Ok((host, Some(port))),
        _ => Err(Error::Port),
    }
}

fn in_range(base: IpAddr, bits: u8, ip: IpAddr) -> bool {
    let same = |a: u128, b: u128, width: u32| {
        let shift = width - u32::from(bits);
        shift >= width || (a >> shift) == (b >> shift)
    };
    match (base, ip) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}

/// The answer to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Decision<'a> {
    /// This rule allows it.
    Allow(&'a NetRule),
    /// This rule denies it; none when simply no rule allows it.
    Deny(Option<&'a NetRule>),
}

/// Judges one endpoint. A denial wins, unless a later layer allows something at least as narrow.
/// When the managed file lists hosts, only those can be reached whatever else is allowed.
pub fn decide<'a>(rules: &'a [NetRule], host: &Host, port: u16) -> Decision<'a> {
    let speaking = || rules.iter().filter(|rule| rule.matches(host, port));
    let cancelled = |deny: &NetRule| {
        deny.origin.layer != Layer::Managed
            && speaking()
                .any(|rule| rule.allows && rule.group > deny.group && deny.host.covers(&rule.host))
    };
    if let Some(deny) = speaking().find(|rule| !rule.allows && !cancelled(rule)) {
        return Decision::Deny(Some(deny));
    }
    let ceiling = |rule: &&NetRule| rule.allows && rule.origin.layer == Layer::Managed;
    if rules.iter().any(|rule| ceiling(&rule)) && !speaking().any(|rule| ceiling(&rule)) {
        return Decision::Deny(rules.iter().find(ceiling));
    }
    speaking()
        .find(|rule| rule.allows)
        .map_or(Decision::Deny(None), Decision::Allow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str, allows: bool, group: u16, layer: Layer) -> NetRule {
        let origin = Origin::without_file(layer, text);
        NetRule::parse(text, allows, group, origin).expect("host rule")
    }

    fn allowed(rules: &[NetRule], host: &str, port: u16) -> bool {
        let host = Host::parse(host).expect("host");
        matches!(decide(rules, &host, port), Decision::Allow(_))
    }

    #[test]
    fn a_rule_names_hosts_and_ports() {
        for (text, host, port, expected) in [
            ("example.org", "EXAMPLE.org.", 443, true),
            ("example.org", "www.example.org", 443, false),
            ("*.example.org", "a.b.example.org", 443, true),
            ("*.example.org", "example.org", 443, false),
            ("*.example.org", "badexample.org", 443, false),
            ("example.org:443", "example.org", 80, false),
            ("10.0.0.0/8", "10.1.2.3", 22, true),
            ("10.0.0.0/8", "11.1.2.3", 22, false),
            ("0.0.0.0/0", "11.1.2.3", 22, true),
            ("fd00::/8", "[fd12::1]", 22, true),
            ("[::1]:8080", "::1", 8080, true),
            ("::ffff:10.0.0.1", "10.0.0.1", 1, true),
            ("localhost:3000", "localhost", 3000, true),
            ("*", "localhost", 3000, false),
            ("*", "127.0.0.1", 3000, false),
            ("*", "example.org", 3000, true),
        ] {
            let rules = [rule(text, true, 0, Layer::User)];
            assert_eq!(
                allowed(&rules, host, port),
                expected,
                "{text} {host}:{port}"
            );
        }
    }

    #[test]
    fn a_bad_host_rule_is_refused_by_name() {
        for (text, error) in [
            ("https://example.org", Error::Url),
            ("example.org/path", Error::Url),
            ("exam ple", Error::Host),
            ("example.org:0", Error::Port),
            ("example.org:https", Error::Port),
            ("*example.org", Error::Wildcard),
            ("10.0.0.0/33", Error::Bits),
            ("bücher.example", Error::NotAscii),
            ("localhost", Error::LoopbackPort),
            ("127.0.0.0/8", Error::LoopbackPort),
            ("1.2.3", Error::Host),
            ("", Error::Host),
            ("a\0b", Error::Host),
        ] {
            let origin = Origin::without_file(Layer::User, text);
            assert_eq!(
                NetRule::parse(text, true, 0, origin).err(),
                Some(error),
                "{text}"
            );
        }
    }

    #[test]
    fn a_narrow_denial_outlives_a_wide_allowance() {
        let deny = rule("gist.example.org", false, 1, Layer::User);
        let wide = rule("*.example.org", true, 2, Layer::UserProject);
        let narrow = rule("gist.example.org", true, 3, Layer::UserProject);
        assert!(!allowed(
            &[deny.clone(), wide.clone()],
            "gist.example.org",
            443
        ));
        assert!(allowed(
            &[deny.clone(), wide.clone()],
            "api.example.org",
            443
        ));
        assert!(allowed(&[deny, wide, narrow], "gist.example.org", 443));
    }

    #[test]
    fn managed_hosts_are_a_ceiling() {
        let managed = rule("*.corp.example", true, 1, Layer::Managed);
        let user = rule("example.org", true, 2, Layer::User);
        assert!(allowed(
            &[managed.clone(), user.clone()],
            "git.corp.example",
            22
        ));
        assert!(!allowed(&[managed, user.clone()], "example.org", 22));
        assert!(allowed(&[user], "example.org", 22));
    }

    #[test]
    fn nothing_listed_allows_nothing() {
        let host = Host::parse("example.org").expect("host");
        assert_eq!(decide(&[], &host, 443), Decision::Deny(None));
    }
}
