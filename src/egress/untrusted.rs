//! What the broker reads of programs and servers that it does not trust, for `fuzz/`: no input makes
//! it panic, and none makes it say more than it heard.

use super::dns;
use super::http::proxy::{Onward, Request};
use super::inspect::{Inspector, Purpose, Ruling};
use crate::policy::net::{Host, NetRule};

/// Judges what a client says on a connection that is for `name`, as it comes in `parts`. How much of
/// it is sent on, in bytes.
#[must_use]
pub fn client(parts: &[&[u8]], rules: &[NetRule], name: &str, port: u16) -> usize {
    let mut inspector = Inspector::new();
    let (mut held, mut sent) = (Vec::new(), 0);
    for part in parts {
        held.extend_from_slice(part);
        while !held.is_empty() {
            let name = Some(name);
            match inspector.judge(&held, Purpose { rules, name, port }) {
                Ruling::Pass(count) if count > 0 => {
                    inspector.sent(&held[..count]);
                    held.drain(..count);
                    sent += count;
                }
                Ruling::Pass(_) | Ruling::Wait | Ruling::End => break,
                Ruling::Refuse(_) => return sent,
            }
        }
        if inspector.awaits_answer() {
            inspector.answered(part);
        }
    }
    sent
}

/// Where a program that says `bytes` at the front door wants to go, and the head that the server gets if
/// it is to get one. None when that is not clear, or not said to the end.
#[must_use]
pub fn asked(bytes: &[u8]) -> Option<(Host, u16, Option<Vec<u8>>)> {
    let target = Request::parse(bytes).ok()??.target().ok()?;
    let head = match target.onward {
        Onward::Tunnel => None,
        Onward::Request(head, _) => Some(head),
    };
    Some((target.host, target.port, head))
}

/// Reads `message` as a program's question and as a server's reply to `asked`. What the program is
/// told when the name does not exist.
#[must_use]
pub fn datagram(message: &[u8], asked: &[u8]) -> Option<Vec<u8>> {
    drop(dns::reply(message, asked));
    let query = dns::query(message).ok()?;
    let none = dns::Answer::NoSuchName(String::new());
    Some(dns::answer(&query, &none))
}
