//! Which addresses a name may resolve to.
//!
//! A name is allowed for the service it stands for on the internet. Whoever answers for it could
//! point it at this machine, its network or its cloud's metadata service; such addresses are reached
//! only when a rule names them as addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is special about an address that is not a public one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The host itself.
    Loopback,
    /// The local network of an organisation or a home.
    Private,
    /// The link; clouds keep their metadata service there.
    LinkLocal,
    /// A cloud's metadata service outside the link-local range.
    Metadata,
    /// Shared by a provider's customers and by overlay networks.
    Shared,
    /// Many receivers at once.
    Multicast,
    /// Not to be used as a destination.
    Reserved,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Loopback => "a loopback address",
            Class::Private => "a private address",
            Class::LinkLocal => "a link-local address",
            Class::Metadata => "the address of a cloud metadata service",
            Class::Shared => "an address of a shared range",
            Class::Multicast => "a multicast address",
            Class::Reserved => "a reserved address",
        })
    }
}

/// What is special about `address`; none for a public one. Forms that carry an IPv4 address are
/// judged by the address they carry.
#[must_use]
pub(super) fn class(address: IpAddr) -> Option<Class> {
    match address {
        IpAddr::V4(v4) => class_v4(v4),
        IpAddr::V6(v6) => class_v6(v6),
    }
}

fn class_v4(address: Ipv4Addr) -> Option<Class> {
    match address.octets() {
        [168, 63, 129, 16] | [192, 0, 0, 192] | [100, 100, 100, 200] => Some(Class::Metadata),
        [127, ..] => Some(Class::Loopback),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some(Class::Private),
        [169, 254, ..] => Some(Class::LinkLocal),
        [100, 64..=127, ..] => Some(Class::Shared),
        [224..=239, ..] => Some(Class::Multicast),
        // This network, protocol assignments, 6to4 relays, benchmarks (ours inside), the future.
        [0, ..] | [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] | [240..=255, ..] => {
            Some(Class::Reserved)
        }
        _ => None,
    }
}

fn class_v6(address: Ipv6Addr) -> Option<Class> {
    let s = address.segments();
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match s {
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(Class::Loopback),
        [0, 0, 0, 0, 0, 0, 0, 0] => Some(Class::Reserved),
        // Mapped, compatible, translated (SIIT), NAT64, ISATAP.
        [0, 0, 0, 0, 0, 0 | 0xffff, a, b]
        | [0, 0, 0, 0, 0xffff, 0, a, b]
        | [0x64, 0xff9b, 0, 0, 0, 0, a, b] => class_v4(v4(a, b)),
        [_, _, _, _, 0 | 0x200, 0x5efe, a, b] if class_v4(v4(a, b)).is_some() => class_v4(v4(a, b)),
        [0x64, 0xff9b, 1, ..] => Some(Class::Private),
        [0x2002, a, b, ..] => class_v4(v4(a, b)),
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] => Some(Class::Metadata),
        // Teredo carries an address that its relay would reach.
        [0x2001, 0, ..] | [0x100, 0, 0, 0, ..] => Some(Class::Reserved),
        [0xfe80..=0xfebf, ..] => Some(Class::LinkLocal),
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Some(Class::Private),
        [0xff00..=0xffff, ..] => Some(Class::Multicast),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_it_leads_to() {
        for (text, expected) in [
            ("127.0.0.1", Some(Class::Loopback)),
            ("127.255.255.254", Some(Class::Loopback)),
            ("0.0.0.0", Some(Class::Reserved)),
            ("10.0.0.1", Some(Class::Private)),
            ("172.31.255.255", Some(Class::Private)),
            ("172.32.0.1", None),
            ("192.168.1.1", Some(Class::Private)),
            ("169.254.169.254", Some(Class::LinkLocal)),
            ("100.100.100.200", Some(Class::Metadata)),
            ("100.64.0.1", Some(Class::Shared)),
            ("168.63.129.16", Some(Class::Metadata)),
            ("192.0.0.192", Some(Class::Metadata)),
            ("198.18.1.1", Some(Class::Reserved)),
            ("255.255.255.255", Some(Class::Reserved)),
            ("224.0.0.1", Some(Class::Multicast)),
            ("1.1.1.1", None),
            ("::1", Some(Class::Loopback)),
            ("::", Some(Class::Reserved)),
            ("::ffff:127.0.0.1", Some(Class::Loopback)),
            ("::ffff:8.8.8.8", None),
            ("::127.0.0.1", Some(Class::Loopback)),
            ("::ffff:0:10.0.0.1", Some(Class::Private)),
            ("64:ff9b::169.254.169.254", Some(Class::LinkLocal)),
            ("64:ff9b::8.8.8.8", None),
            ("64:ff9b:1::1", Some(Class::Private)),
            ("2002:7f00:1::", Some(Class::Loopback)),
            ("2002:808:808::1", None),
            ("2001:db8::5efe:192.168.1.1", Some(Class::Private)),
            ("2001:0:4136:e378::1", Some(Class::Reserved)),
            ("fe80::1", Some(Class::LinkLocal)),
            ("fd00:ec2::254", Some(Class::Metadata)),
            ("fd12::1", Some(Class::Private)),
            ("fec0::1", Some(Class::Private)),
            ("ff02::1", Some(Class::Multicast)),
            ("2606:4700::1", None),
        ] {
            assert_eq!(class(text.parse().expect("address")), expected, "{text}");
        }
    }
}
