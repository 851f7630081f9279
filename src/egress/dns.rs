//! DNS messages, as much as is needed: one question, and answers that hold addresses.
//!
//! Reads hostile bytes on both sides: questions from inside, answers from outside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::reader::Reader;

/// Record types.
pub(super) const A: u16 = 1;
/// A name for an address.
pub(super) const PTR: u16 = 12;
/// An IPv6 address.
pub(super) const AAAA: u16 = 28;
const OPT: u16 = 41;
const INTERNET: u16 = 1;
const LONGEST_NAME: usize = 253;
/// What both sides take in one datagram.
const DATAGRAM: u16 = 1232;
/// Seconds that a program inside may keep an answer. A rule that changes is felt this late.
const TTL: u32 = 5;

/// A question from inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    id: u16,
    recursion: bool,
    edns: bool,
    /// The question as it was sent, to be repeated in the answer.
    question: Vec<u8>,
    /// The name in lower case without the final dot; none when it cannot be a host's.
    pub name: Option<String>,
    /// The record type.
    pub kind: u16,
}

/// What to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The name exists and has these addresses, of the types asked for.
    Addresses(Option<Ipv4Addr>, Option<Ipv6Addr>),
    /// The name of an address.
    Name(String),
    /// The name exists, without a record of this type.
    Empty,
    /// There is no such name, for this reason.
    NoSuchName(String),
    /// It is not known whether the name exists.
    Failed(String),
}

/// Reads a question. The error is the answer to a message that cannot be read, if one is due.
pub(super) fn query(message: &[u8]) -> Result<Query, Option<Vec<u8>>> {
    let mut reader = Reader(message);
    let (Some(id), Some(flags)) = (reader.u16(), reader.u16()) else {
        return Err(None);
    };
    if flags & 0x8000 != 0 {
        return Err(None);
    }
    let refusal = |code: u16| {
        let mut bytes = id.to_be_bytes().to_vec();
        bytes.extend((0x8080 | flags & 0x7900 | code).to_be_bytes());
        bytes.extend([0; 8]);
        Err(Some(bytes))
    };
    if flags & 0x7800 != 0 {
        return refusal(4);
    }
    let counts = [reader.u16(), reader.u16(), reader.u16(), reader.u16()];
    let [Some(1), Some(0), Some(0), Some(extra)] = counts else {
        return refusal(1);
    };
    let start = reader.0;
    let name = reader.name();
    let (Some(name), Some(kind), Some(class)) = (name, reader.u16(), reader.u16()) else {
        return refusal(1);
    };
    if class != INTERNET {
        return refusal(5);
    }
    let question = start[..start.len() - reader.0.len()].to_vec();
    // An OPT record: root name, type.
    let edns = extra > 0 && reader.0.first() == Some(&0) && reader.0.get(1..3) == Some(&[0, 41]);
    Ok(Query {
        id,
        recursion: flags & 0x100 != 0,
        edns,
        question,
        name: name.host,
        kind,
    })
}

/// Writes the answer to `query`.
pub(super) fn answer(query: &Query, answer: &Answer) -> Vec<u8> {
    let records = match answer {
        Answer::Addresses(v4, v6) => match query.kind {
            A => v4.map(|ip| ip.octets().to_vec()),
            AAAA => v6.map(|ip| ip.octets().to_vec()),
            _ => None,
        },
        Answer::Name(name) => Some(encode(name)).filter(|_| query.kind == PTR),
        Answer::Empty | Answer::NoSuchName(_) | Answer::Failed(_) => None,
    };
    let (code, why) = match answer {
        Answer::NoSuchName(why) => (3, Some((15, why))),
        Answer::Failed(why) => (2, Some((23, why))),
        Answer::Addresses(..) | Answer::Name(_) | Answer::Empty => (0, None),
    };
    let mut bytes = query.id.to_be_bytes().to_vec();
    let flags = 0x8080 | u16::from(query.recursion) << 8 | code;
    for number in [
        flags,
        1,
        u16::from(records.is_some()),
        0,
        u16::from(query.edns),
    ] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(&query.question);
    if let Some(data) = records {
        // The name is the one at offset 12.
        for number in [0xc00c, query.kind, INTERNET] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(TTL.to_be_bytes());
        bytes.extend((data.len() as u16).to_be_bytes());
        bytes.extend(data);
    }
    if query.edns {
        bytes.extend(extended(why));
    }
    bytes
}

/// An OPT record with an extended error (RFC 8914): a code and words for it.
fn extended(error: Option<(u16, &String)>) -> Vec<u8> {
    let mut option = Vec::new();
    if let Some((code, words)) = error {
        let words: Vec<u8> = words.bytes().take(200).collect();
        for number in [15, words.len() as u16 + 2, code] {
            option.extend(number.to_be_bytes());
        }
        option.extend(words);
    }
    let mut record = vec![0];
    record.extend(OPT.to_be_bytes());
    record.extend(DATAGRAM.to_be_bytes());
    record.extend([0; 4]);
    record.extend((option.len() as u16).to_be_bytes());
    record.extend(option);
    record
}

/// Writes a question for a server outside.
pub(super) fn question(id: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut bytes = id.to_be_bytes().to_vec();
    for number in [0x0100u16, 1, 0, 0, 1] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(encode(name));
    bytes.extend(kind.to_be_bytes());
    bytes.extend(INTERNET.to_be_bytes());
    bytes.extend(extended(None));
    bytes
}

/// What a server outside answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// These addresses, to be kept for so many seconds; none when the name has no such record.
    Addresses(Vec<IpAddr>, u32),
    /// The name does not exist.
    NoSuchName,
    /// Ask again over TCP.
    Truncated,
    /// The server cannot tell; its response code.
    Failed(u16),
}

/// Reads the reply to `asked`; none when it is not one.
pub(super) fn reply(message: &[u8], asked: &[u8]) -> Option<Reply> {
    let mut reader = Reader(message);
    let id = reader.take(2)?;
    let flags = reader.u16()?;
    let (questions, answers) = (reader.u16()?, reader.u16()?);
    reader.take(4)?;
    let mut sent = Reader(asked.get(12..)?);
    let (name, kind) = (sent.name()?.host?, sent.u16()?);
    let same = reader.name()?.host? == name && reader.u16()? == kind;
    let class = reader.u16()?;
    let ours = id == asked.get(..2)? && questions == 1 && same && class == INTERNET;
    if !ours || flags & 0x8000 == 0 {
        return None;
    }
    match flags & 0xf {
        _ if flags & 0x200 != 0 => return Some(Reply::Truncated),
        0 => {}
        3 => return Some(Reply::NoSuchName),
        code => return Some(Reply::Failed(code)),
    }
    let (mut found, mut keep) = (Vec::new(), u32::MAX);
    for _ in 0..answers {
        let Some((record, ttl, data)) = reader.record() else {
            break;
        };
        let address = match (record == kind).then_some(data) {
            Some(data) if kind == A => <[u8; 4]>::try_from(data).ok().map(IpAddr::from),
            Some(data) if kind == AAAA => <[u8; 16]>::try_from(data).ok().map(IpAddr::from),
            _ => None,
        };
        found.extend(address);
        keep = keep.min(ttl);
    }
    Some(Reply::Addresses(
        found,
        if keep == u32::MAX { 0 } else { keep },
    ))
}

/// The address that a name below `in-addr.arpa` stands for.
pub(super) fn reverse(name: &str) -> Option<IpAddr> {
    let mut parts = name.strip_suffix(".in-addr.arpa")?.rsplit('.');
    let mut octet = || parts.next()?.parse::<u8>().ok();
    let address = Ipv4Addr::new(octet()?, octet()?, octet()?, octet()?);
    parts.next().is_none().then_some(address.into())
}

fn encode(name: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len() + 2);
    for label in name.split('.').filter(|label| !label.is_empty()) {
        let label = &label.as_bytes()[..label.len().min(63)];
        bytes.push(label.len() as u8);
        bytes.extend(label);
    }
    bytes.push(0);
    bytes
}

/// A name that was read: its text, if it can be a host's.
struct Name {
    host: Option<String>,
}

impl<'a> Reader<'a> {
    /// A name without compression; none when it is malformed.
    fn name(&mut self) -> Option<Name> {
        let (mut text, mut honest) = (String::new(), true);
        loop {
            let length = usize::from(self.u8()?);
            if length == 0 {
                let host = Some(text).filter(|text| honest && !text.is_empty());
                return Some(Name { host });
            }
            if length > 63 || text.len() + 1 + length > LONGEST_NAME {
                return None;
            }
            if !text.is_empty() {
                text.push('.');
            }
            for &byte in self.take(length)? {
                honest &= byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
                text.push(char::from(byte.to_ascii_lowercase()));
            }
        }
    }

    /// Passes over a name that may be compressed.
    fn skip_name(&mut self) -> Option<()> {
        loop {
            match self.u8()? {
                0 => return Some(()),
                pointer if pointer >= 0xc0 => return self.take(1).map(drop),
                length if length > 63 => return None,
                length => drop(self.take(usize::from(length))?),
            }
        }
    }

    /// The type, time to live and data of a record.
    fn record(&mut self) -> Option<(u16, u32, &'a [u8])> {
        self.skip_name()?;
        let kind = self.u16()?;
        self.u16()?;
        let ttl = self.u32()?;
        let length = usize::from(self.u16()?);
        Some((kind, ttl, self.take(length)?))
    }
}

#[cfg(test)]
mod tests;
