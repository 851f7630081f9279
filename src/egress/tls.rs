//! The server name in a TLS ClientHello, read without taking part in the handshake.

use super::reader::Reader;

/// What the first bytes of a TLS client say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Hello {
    /// It is not complete yet.
    Partial,
    /// It asks for this server; none when it names none.
    Name(Option<String>),
    /// It is not a ClientHello that could be read.
    Malformed,
}

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
/// A larger one is no honest client's.
const LONGEST: usize = 20_000;

/// Whether `bytes` can be the start of a TLS handshake record.
#[must_use]
pub(super) fn starts(bytes: &[u8]) -> bool {
    bytes.first() == Some(&HANDSHAKE) && bytes.get(1).is_none_or(|&major| major == 3)
}

/// Reads the ClientHello at the start of `bytes`.
#[must_use]
pub(super) fn client_hello(bytes: &[u8]) -> Hello {
    match handshake(bytes) {
        Err(hello) => hello,
        Ok(message) => server_name(&message).map_or(Hello::Malformed, Hello::Name),
    }
}

/// The body of the first handshake message, which may be spread over several records.
fn handshake(mut bytes: &[u8]) -> Result<Vec<u8>, Hello> {
    let mut message = Vec::new();
    loop {
        if let Some(&[kind, a, b, c]) = message.first_chunk::<4>() {
            let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            if kind != CLIENT_HELLO || length > LONGEST {
                return Err(Hello::Malformed);
            }
            if message.len() >= 4 + length {
                return Ok(message[4..4 + length].to_vec());
            }
        }
        let Some((&[kind, major, _, high, low], rest)) = bytes.split_first_chunk::<5>() else {
            return Err(if starts(bytes) || bytes.is_empty() {
                Hello::Partial
            } else {
                Hello::Malformed
            });
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if kind != HANDSHAKE || major != 3 || length == 0 || length > 1 << 14 {
            return Err(Hello::Malformed);
        }
        let there = rest.len().min(length);
        message.extend_from_slice(&rest[..there]);
        bytes = if there < length { &[] } else { &rest[there..] };
        if there < length && !complete(&message) {
            return Err(Hello::Partial);
        }
    }
}

fn complete(message: &[u8]) -> bool {
    message.first_chunk::<4>().is_some_and(|&[_, a, b, c]| {
        message.len() >= 4 + (usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c))
    })
}

/// The name in the body of a ClientHello: outer none when the body is malformed.
fn server_name(body: &[u8]) -> Option<Option<String>> {
    let mut body = Reader(body);
    body.take(2 + 32)?;
    body.short_vector()?;
    body.vector()?;
    body.short_vector()?;
    if body.0.is_empty() {
        return Some(None);
    }
    let mut extensions = Reader(body.vector()?);
    let mut name = None;
    while !extensions.0.is_empty() {
        let kind = extensions.u16()?;
        let value = extensions.vector()?;
        if kind == SERVER_NAME {
            if name.is_some() {
                return None;
            }
            name = Some(host_name(value)?);
        }
    }
    Some(name)
}

fn host_name(value: &[u8]) -> Option<String> {
    let mut list = Reader(Reader(value).vector()?);
    let kind = list.u8()?;
    let name = list.vector()?;
    // One name, of the only kind there is; more would let the server choose.
    let single = kind == 0 && list.0.is_empty() && !name.is_empty() && name.is_ascii();
    single.then(|| String::from_utf8_lossy(name).into_owned())
}

impl<'a> Reader<'a> {
    /// A vector whose length stands in front of it in one byte.
    fn short_vector(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.u8()?);
        self.take(length)
    }

    /// The same in two bytes.
    fn vector(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.u16()?);
        self.take(length)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A ClientHello record with these extensions' bytes.
    fn hello(extensions: &[u8]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0x13, 1, 1, 0]);
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        let mut message = vec![1, 0, (body.len() >> 8) as u8, body.len() as u8];
        message.extend(body);
        record(&message)
    }

    fn record(part: &[u8]) -> Vec<u8> {
        let mut record = vec![22, 3, 1, (part.len() >> 8) as u8, part.len() as u8];
        record.extend(part);
        record
    }

    fn extension(name: &[u8]) -> Vec<u8> {
        let n = name.len() as u16;
        let mut out = vec![0, 0];
        for number in [n + 5, n + 3] {
            out.extend(number.to_be_bytes());
        }
        out.push(0);
        out.extend(n.to_be_bytes());
        out.extend(name);
        out
    }

    /// The first record of a client that asks for `name`.
    pub(in crate::egress) fn asking_for(name: &str) -> Vec<u8> {
        hello(&extension(name.as_bytes()))
    }

    #[test]
    fn the_name_is_found_at_any_cut() {
        let whole = asking_for("a.example");
        let named = Hello::Name(Some("a.example".to_owned()));
        assert_eq!(client_hello(&whole), named);
        for cut in 1..whole.len() {
            assert_eq!(client_hello(&whole[..cut]), Hello::Partial, "{cut}");
        }
        let message = &whole[5..];
        let mut pieces = Vec::new();
        for byte in message {
            pieces.extend(record(&[*byte]));
        }
        assert_eq!(client_hello(&pieces), named);
    }

    #[test]
    fn no_name_is_said_and_tricks_are_malformed() {
        assert_eq!(client_hello(&hello(&[])), Hello::Name(None));
        let twice = [extension(b"a.example"), extension(b"b.example")].concat();
        assert_eq!(client_hello(&hello(&twice)), Hello::Malformed);
        assert_eq!(client_hello(&hello(&extension(b""))), Hello::Malformed);
        assert_eq!(client_hello(&hello(&extension(b"\xff"))), Hello::Malformed);
        assert_eq!(client_hello(&hello(&[0, 0, 0, 9, 1])), Hello::Malformed);
        assert_eq!(client_hello(&record(&[2, 0, 0, 0])), Hello::Malformed);
        assert_eq!(client_hello(b"GET / HTTP/1.1\r\n\r\n"), Hello::Malformed);
    }

    #[test]
    fn noise_never_panics_nor_names() {
        let mut seed = 9u64;
        for round in 0..20_000 {
            let mut bytes = asking_for("a.example");
            for _ in 0..=round % 4 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (seed >> 33) as usize % bytes.len();
                bytes[at] = (seed >> 25) as u8;
            }
            bytes.truncate((seed >> 40) as usize % (bytes.len() + 1));
            let _ = client_hello(&bytes);
        }
    }
}
