//! What somebody has to take connections for so that the host rules can be followed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::net::{Decision, Host, HostPattern, NetRule, decide};

/// What is listened on for a rule that names no port, where a kernel cannot listen on all of them:
/// the ports of the web, of Git, of mail and of databases.
pub const COMMON_PORTS: [u16; 16] = [
    22, 80, 443, 587, 853, 993, 3306, 5432, 5672, 6379, 6443, 8080, 8443, 9092, 9418, 27017,
];

/// Served by the broker itself.
const DNS: u16 = 53;

/// Addresses inside that stand for names, each for one: of a range kept for benchmarks, and of a
/// private one. The first `/24` and `/64` are the link's own.
pub const NAMES: [(IpAddr, u8); 2] = [
    (IpAddr::V4(Ipv4Addr::new(198, 18, 0, 0)), 15),
    (
        IpAddr::V6(Ipv6Addr::new(0xfdaa, 0x19a7, 0, 0, 0, 0, 0, 0)),
        32,
    ),
];

/// Some addresses, as the first one and how many leading bits count (none means all), on one port
/// (none means all).
pub type Range = (Option<(IpAddr, u8)>, Option<u16>);

/// What is never taken, even when everything is: the link's own addresses, the loopback, DNS.
pub const KEPT: [Range; 5] = [
    (Some((IpAddr::V4(Ipv4Addr::new(198, 18, 0, 0)), 24)), None),
    (
        Some((
            IpAddr::V6(Ipv6Addr::new(0xfdaa, 0x19a7, 0, 0, 0, 0, 0, 0)),
            64,
        )),
        None,
    ),
    (Some((IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8)), None),
    (Some((IpAddr::V6(Ipv6Addr::LOCALHOST), 128)), None),
    (None, Some(DNS)),
];

/// More than these and everything is taken: what comes in is judged anyway.
const MOST_RANGES: usize = 256;

/// The addresses to take connections for.
#[must_use]
pub fn ranges(rules: &[NetRule]) -> Vec<Range> {
    let everything = |port| (None, port);
    let mut ranges: Vec<Range> = Vec::new();
    for rule in rules.iter().filter(|rule| rule.allows) {
        let port = rule.port;
        let network = |network: (IpAddr, u8)| (Some(network), port);
        match &rule.host {
            HostPattern::Any => ranges.push(everything(port)),
            HostPattern::Cidr(ip, bits) => ranges.push(network((*ip, *bits))),
            // A service of the host has a name as well.
            host if is_loopback(host) => ranges.extend(NAMES.map(network)),
            HostPattern::Exact(Host::Ip(ip)) => ranges.push(network((*ip, width(*ip)))),
            HostPattern::Exact(Host::Name(_)) | HostPattern::Below(_) => {
                ranges.extend(NAMES.map(network));
            }
        }
    }
    let all = ranges.clone();
    let covered = |range: &Range| {
        let wider = |other: &Range| {
            other != range
                && (other.0.is_none() || other.0 == range.0)
                && (other.1.is_none() || other.1 == range.1)
        };
        all.iter().any(wider)
    };
    ranges.retain(|range| !covered(range));
    let mut single: Vec<Range> = Vec::new();
    for range in ranges {
        if !single.contains(&range) {
            single.push(range);
        }
    }
    if single.len() > MOST_RANGES {
        single = vec![everything(None)];
    }
    single
}

/// Whether a connection to `ip` on `port` is among `ranges`.
#[must_use]
pub fn takes(ranges: &[Range], ip: IpAddr, port: u16) -> bool {
    let within = |(base, bits)| HostPattern::Cidr(base, bits).matches(&Host::Ip(ip));
    let taken =
        |&(network, own): &Range| own.is_none_or(|own| own == port) && network.is_none_or(within);
    ranges.iter().any(taken)
}

/// What connections to names are taken on: these ports, or all when there are none.
#[must_use]
pub fn name_ports(ranges: &[Range]) -> Vec<u16> {
    let names = ranges
        .iter()
        .filter(|r| r.0.is_none_or(|network| NAMES.contains(&network)));
    let mut ports: Vec<u16> = Vec::new();
    for range in names {
        match range.1 {
            Some(port) => ports.push(port),
            None => return Vec::new(),
        }
    }
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn width(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn is_loopback(host: &HostPattern) -> bool {
    match host {
        HostPattern::Exact(host) => host.is_loopback(),
        HostPattern::Cidr(ip, _) => ip.is_loopback(),
        HostPattern::Any | HostPattern::Below(_) => false,
    }
}

/// The ports to listen on, sorted.
#[must_use]
pub fn ports(rules: &[NetRule]) -> Vec<u16> {
    let allowing = || rules.iter().filter(|rule| rule.allows);
    let mut ports: Vec<u16> = allowing().filter_map(|rule| rule.port).collect();
    if allowing().any(|rule| rule.port.is_none()) {
        ports.extend(COMMON_PORTS);
    }
    ports.sort_unstable();
    ports.dedup();
    ports.retain(|port| *port != DNS);
    ports
}

/// The ports of services on the host's own loopback that are open, sorted.
#[must_use]
pub fn host_ports(rules: &[NetRule]) -> Vec<u16> {
    let loopback = |rule: &&NetRule| is_loopback(&rule.host);
    let mut ports: Vec<u16> = rules
        .iter()
        .filter(loopback)
        .filter_map(|rule| rule.port)
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports.retain(|port| host_service(rules, *port).is_some());
    ports
}

/// The rule that opens the host's own service on `port`, by whichever spelling of the loopback.
#[must_use]
pub fn host_service(rules: &[NetRule], port: u16) -> Option<&NetRule> {
    let hosts = [
        Host::Name("localhost".to_owned()),
        Host::Ip(Ipv4Addr::LOCALHOST.into()),
        Host::Ip(Ipv6Addr::LOCALHOST.into()),
    ];
    hosts
        .iter()
        .find_map(|host| match decide(rules, host, port) {
            Decision::Allow(rule) => Some(rule),
            Decision::Deny(_) => None,
        })
}

/// Whether `host` can be reached on some port: then its name may be looked up.
#[must_use]
pub fn on_some_port(rules: &[NetRule], host: &Host) -> bool {
    let named = rules.iter().filter_map(|rule| rule.port);
    // No rule names port 0, so it stands for all that are not named.
    named
        .chain([0])
        .any(|port| matches!(decide(rules, host, port), Decision::Allow(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::origin::{Layer, Origin};

    fn rules(allowed: &[&str], denied: &[&str]) -> Vec<NetRule> {
        let rule = |text: &&str, allows| {
            let origin = Origin::without_file(Layer::User, *text);
            NetRule::parse(text, allows, u16::from(!allows), origin).expect("rule")
        };
        let allowed = allowed.iter().map(|text| rule(text, true));
        allowed
            .chain(denied.iter().map(|text| rule(text, false)))
            .collect()
    }

    #[test]
    fn a_rule_without_a_port_brings_the_common_ones() {
        assert_eq!(
            ports(&rules(&["a.example:9999", "10.0.0.0/8"], &[]))[..3],
            [22, 80, 443]
        );
        assert!(ports(&rules(&["a.example"], &[])).contains(&5432));
        assert_eq!(
            ports(&rules(
                &["a.example:9999", "b.example:53"],
                &["c.example:1"]
            )),
            [9999]
        );
        assert!(ports(&[]).is_empty());
    }

    #[test]
    fn connections_are_taken_where_a_rule_may_allow_them() {
        let texts = |allowed: &[&str]| -> Vec<String> {
            let show = |range: &Range| match *range {
                (Some((ip, bits)), port) => format!("{ip}/{bits} {port:?}"),
                (None, port) => format!("all {port:?}"),
            };
            ranges(&rules(allowed, &[])).iter().map(show).collect()
        };
        let names = |port: &str| {
            NAMES
                .map(|(ip, bits)| format!("{ip}/{bits} {port}"))
                .to_vec()
        };
        assert_eq!(
            texts(&["a.example:443", "b.example:443"]),
            names("Some(443)")
        );
        assert_eq!(texts(&["a.example:443", "*.b.example"]), names("None"));
        assert_eq!(texts(&["localhost:3000"]), names("Some(3000)"));
        assert_eq!(
            texts(&["10.0.0.0/8", "192.0.2.1:22"]),
            ["10.0.0.0/8 None", "192.0.2.1/32 Some(22)"]
        );
        assert_eq!(texts(&["*:443", "a.example:443"]), ["all Some(443)"]);
        assert_eq!(texts(&["*", "a.example:443", "10.0.0.0/8"]), ["all None"]);
        assert!(texts(&[]).is_empty());
        let many: Vec<String> = (0..300).map(|n| format!("192.0.2.1:{}", n + 1)).collect();
        assert_eq!(
            texts(&many.iter().map(String::as_str).collect::<Vec<_>>()),
            ["all None"]
        );
    }

    #[test]
    fn every_spelling_of_the_loopback_opens_a_service() {
        let some = rules(
            &[
                "localhost:1",
                "127.0.0.1:2",
                "[::1]:3",
                "a.example:4",
                "*:5",
            ],
            &[],
        );
        assert_eq!(host_ports(&some), [1, 2, 3]);
        assert!(host_service(&some, 4).is_none());
        assert!(host_ports(&rules(&["localhost:1"], &["localhost:1"])).is_empty());
    }

    #[test]
    fn a_name_is_looked_up_when_some_port_is_open() {
        let some = rules(&["a.example:9999", "*.b.example"], &["x.b.example"]);
        let ask = |name: &str| on_some_port(&some, &Host::Name(name.to_owned()));
        assert!(ask("a.example") && ask("y.b.example"));
        assert!(!ask("x.b.example") && !ask("b.example") && !ask("c.example"));
    }
}
