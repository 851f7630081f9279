//! The packet filter (nf_tables), for one thing: connections to ranges of addresses, on any port,
//! are given to one listener, which still sees from its sockets where they were going (tproxy).

use std::net::IpAddr;

use super::netlink::{ACKNOWLEDGE, Netlink, Refused, Request};

/// Some addresses, as the first one and how many leading bits count (none means all), on one port
/// (none means all).
pub type Range = (Option<(IpAddr, u8)>, Option<u16>);

// linux/netfilter/nf_tables.h and nfnetlink.h; not in libc for every target.
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const NEW_TABLE: u16 = 0xa00;
const NEW_CHAIN: u16 = 0xa03;
const NEW_RULE: u16 = 0xa06;
const DELETE_RULE: u16 = 0xa08;
const CREATE: u16 = ACKNOWLEDGE | libc::NLM_F_CREATE as u16;
const APPEND: u16 = CREATE | libc::NLM_F_APPEND as u16;
const FAMILY_INET: u8 = 1;
const HOOK_PREROUTING: u32 = 0;
const PRIORITY_MANGLE: i32 = -150;
const ACCEPT: u32 = 1;
const REGISTER: u32 = 1;
const VERDICT: u32 = 0;
const META_FAMILY: u32 = 15;
const META_PROTOCOL: u32 = 16;
const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;
const NAME: &[u8] = b"aigate\0";

/// Sets the filter up in a fresh namespace: TCP to `ranges` goes to the listener on port `to`, which
/// must be transparent; TCP to `kept` does not.
pub fn set_up(netlink: &Netlink, kept: &[Range], ranges: &[Range], to: u16) -> Result<(), Refused> {
    let mut table = request("packet filter table", NEW_TABLE, CREATE);
    table.attribute(1, NAME);
    let mut chain = request("packet filter chain", NEW_CHAIN, CREATE);
    chain.attribute(1, NAME);
    chain.attribute(3, NAME);
    chain.nest(4, |hook| {
        hook.number(1, HOOK_PREROUTING);
        hook.attribute(2, &PRIORITY_MANGLE.to_be_bytes());
    });
    chain.attribute(7, b"filter\0");
    let mut batch = vec![begin(), table, chain];
    batch.extend(rules(kept, ranges, to));
    batch.push(end());
    netlink.run(&batch)
}

/// Replaces the ranges of [`set_up`].
pub fn change(netlink: &Netlink, kept: &[Range], ranges: &[Range], to: u16) -> Result<(), Refused> {
    let mut clear = request("packet filter rules", DELETE_RULE, ACKNOWLEDGE);
    clear.attribute(1, NAME);
    clear.attribute(2, NAME);
    let mut batch = vec![begin(), clear];
    batch.extend(rules(kept, ranges, to));
    batch.push(end());
    netlink.run(&batch)
}

fn begin() -> Request {
    edge(BATCH_BEGIN)
}

fn end() -> Request {
    edge(BATCH_END)
}

/// The start or end of a transaction; its resource is the number of nf_tables.
fn edge(kind: u16) -> Request {
    Request::new(
        "packet filter",
        kind,
        libc::NLM_F_REQUEST as u16,
        &[0, 0, 0, 10],
    )
}

fn request(what: &'static str, kind: u16, flags: u16) -> Request {
    Request::new(what, kind, flags, &[FAMILY_INET, 0, 0, 0])
}

fn rules(kept: &[Range], ranges: &[Range], to: u16) -> Vec<Request> {
    let mut rules = Vec::new();
    let families = |range: &Range| match range.0 {
        Some((IpAddr::V4(_), _)) => vec![libc::AF_INET],
        Some((IpAddr::V6(_), _)) => vec![libc::AF_INET6],
        None => vec![libc::AF_INET, libc::AF_INET6],
    };
    for range in kept {
        rules.extend(
            families(range)
                .into_iter()
                .map(|family| rule(range, family, None)),
        );
    }
    for range in ranges {
        rules.extend(
            families(range)
                .into_iter()
                .map(|family| rule(range, family, Some(to))),
        );
    }
    rules
}

/// `[range] accept`, or `[range] tproxy to :PORT accept`.
fn rule(range: &Range, family: libc::c_int, to: Option<u16>) -> Request {
    let mut rule = request("packet filter rule", NEW_RULE, APPEND);
    rule.attribute(1, NAME);
    rule.attribute(2, NAME);
    rule.nest(4, |list| {
        list.meta_is(META_FAMILY, family as u8);
        list.meta_is(META_PROTOCOL, libc::IPPROTO_TCP as u8);
        match range.0 {
            Some((_, 0)) | None => {}
            Some((IpAddr::V4(v4), bits)) => {
                list.masked(16, &v4.octets(), &mask(u32::MAX, bits, 32).to_be_bytes());
            }
            Some((IpAddr::V6(v6), bits)) => {
                list.masked(24, &v6.octets(), &mask(u128::MAX, bits, 128).to_be_bytes());
            }
        }
        if let Some(port) = range.1 {
            list.load(TRANSPORT_HEADER, 2, 2);
            list.compare(&port.to_be_bytes());
        }
        if let Some(to) = to {
            list.immediate(REGISTER, |data| data.attribute(1, &to.to_be_bytes()));
            list.expression(b"tproxy\0", |tproxy| {
                tproxy.number(1, family as u32);
                tproxy.number(3, REGISTER);
            });
        }
        list.immediate(VERDICT, |data| {
            data.nest(2, |verdict| verdict.number(1, ACCEPT))
        });
    });
    rule
}

/// The first `bits` of `width` ones.
fn mask<T>(ones: T, bits: u8, width: u8) -> T
where
    T: std::ops::Shl<u32, Output = T> + Default,
{
    match u32::from(width.saturating_sub(bits)) {
        shift if shift >= u32::from(width) => T::default(),
        shift => ones << shift,
    }
}

/// Expressions of a rule.
impl Request {
    fn number(&mut self, kind: u16, value: u32) {
        self.attribute(kind, &value.to_be_bytes());
    }

    fn expression(&mut self, name: &[u8], fill: impl FnOnce(&mut Self)) {
        self.nest(1, |element| {
            element.attribute(1, name);
            element.nest(2, fill);
        });
    }

    fn meta_is(&mut self, key: u32, value: u8) {
        self.expression(b"meta\0", |meta| {
            meta.number(1, REGISTER);
            meta.number(2, key);
        });
        self.compare(&[value]);
    }

    /// Loads `length` bytes at `offset` of a header.
    fn load(&mut self, header: u32, offset: u32, length: u32) {
        self.expression(b"payload\0", |payload| {
            payload.number(1, REGISTER);
            payload.number(2, header);
            payload.number(3, offset);
            payload.number(4, length);
        });
    }

    fn compare(&mut self, value: &[u8]) {
        self.expression(b"cmp\0", |cmp| {
            cmp.number(1, REGISTER);
            cmp.number(2, 0);
            cmp.nest(3, |data| data.attribute(1, value));
        });
    }

    /// The network header at `offset`, under `mask`, is `value` under `mask`.
    fn masked(&mut self, offset: u32, value: &[u8], mask: &[u8]) {
        let length = value.len() as u32;
        self.load(NETWORK_HEADER, offset, length);
        self.expression(b"bitwise\0", |bitwise| {
            bitwise.number(1, REGISTER);
            bitwise.number(2, REGISTER);
            bitwise.number(3, length);
            bitwise.nest(4, |data| data.attribute(1, mask));
            bitwise.nest(5, |data| data.attribute(1, &vec![0; value.len()]));
        });
        let value: Vec<u8> = value.iter().zip(mask).map(|(v, m)| v & m).collect();
        self.compare(&value);
    }

    fn immediate(&mut self, register: u32, fill: impl FnOnce(&mut Self)) {
        self.expression(b"immediate\0", |immediate| {
            immediate.number(1, register);
            immediate.nest(2, fill);
        });
    }
}
