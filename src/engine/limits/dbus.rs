//! As much of the D-Bus protocol as one method call needs: the wire format, and the greeting by which
//! the socket knows who calls.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A manager that does not answer is none.
const PATIENCE: Duration = Duration::from_secs(2);
/// No answer of ours is larger.
const LARGEST: usize = 1 << 16;

/// A value of a message, little-endian and aligned as the protocol wants it.
#[derive(Debug, Default)]
pub(super) struct Body {
    bytes: Vec<u8>,
}

impl Body {
    fn align(&mut self, to: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(to), 0);
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.align(4);
        self.bytes.extend(value.to_le_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.align(8);
        self.bytes.extend(value.to_le_bytes());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.u32(text.len() as u32);
        self.bytes.extend(text.as_bytes());
        self.bytes.push(0);
    }

    pub(super) fn signature(&mut self, signature: &str) {
        self.bytes.push(signature.len() as u8);
        self.bytes.extend(signature.as_bytes());
        self.bytes.push(0);
    }

    /// A list: its length in bytes, then its items, of which the first is aligned to `to`.
    pub(super) fn list(&mut self, to: usize, items: impl FnOnce(&mut Body)) {
        self.u32(0);
        let length = self.bytes.len() - 4;
        self.align(to);
        let start = self.bytes.len();
        items(self);
        let size = (self.bytes.len() - start) as u32;
        self.bytes[length..length + 4].copy_from_slice(&size.to_le_bytes());
    }

    /// A structure of several values.
    pub(super) fn structure(&mut self, values: impl FnOnce(&mut Body)) {
        self.align(8);
        values(self);
    }
}

/// A method to call.
pub(super) struct Call<'a> {
    pub(super) destination: &'a str,
    pub(super) path: &'a str,
    pub(super) interface: &'a str,
    pub(super) member: &'a str,
    pub(super) signature: &'a str,
}

impl Call<'_> {
    /// The whole message.
    fn message(&self, body: &Body) -> Vec<u8> {
        const METHOD_CALL: u8 = 1;
        const VERSION: u8 = 1;
        let mut message = Body {
            bytes: vec![b'l', METHOD_CALL, 0, VERSION],
        };
        message.u32(body.bytes.len() as u32);
        message.u32(1);
        message.list(8, |fields| {
            for (code, kind, value) in [
                (1, "o", self.path),
                (6, "s", self.destination),
                (2, "s", self.interface),
                (3, "s", self.member),
                (8, "g", self.signature),
            ] {
                fields.structure(|field| {
                    field.bytes.push(code);
                    field.signature(kind);
                    if kind == "g" {
                        field.signature(value);
                    } else {
                        field.text(value);
                    }
                });
            }
        });
        message.align(8);
        message.bytes.extend(&body.bytes);
        message.bytes
    }

    /// Calls the method at a peer that needs no bus, and waits for its answer.
    pub(super) fn call(&self, socket: &Path, body: &Body) -> io::Result<()> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut answers = BufReader::new(&stream);
        greet(&stream, &mut answers)?;
        (&stream).write_all(&self.message(body))?;
        loop {
            // Signals may come in between.
            if let Some(result) = answer(&mut answers)? {
                return result.map_err(io::Error::other);
            }
        }
    }
}

/// The peer knows our user from the socket; we only claim it.
fn greet(mut to: &UnixStream, from: &mut impl BufRead) -> io::Result<()> {
    let user = nix::unistd::geteuid().to_string();
    let claim: String = user.bytes().map(|digit| format!("{digit:02x}")).collect();
    write!(to, "\0AUTH EXTERNAL {claim}\r\n")?;
    let mut line = String::new();
    from.take(512).read_line(&mut line)?;
    if !line.starts_with("OK ") {
        return Err(io::Error::other(format!("refused: {}", line.trim_end())));
    }
    to.write_all(b"BEGIN\r\n")
}

/// Reads one message; what it says if it answers our call.
fn answer(from: &mut impl Read) -> io::Result<Option<Result<(), String>>> {
    const RETURN: u8 = 2;
    const ERROR: u8 = 3;
    let mut head = [0; 16];
    from.read_exact(&mut head)?;
    let number = |at: usize| {
        let bytes = [head[at], head[at + 1], head[at + 2], head[at + 3]];
        u32::from_le_bytes(bytes) as usize
    };
    let (body, fields) = (number(4), number(12));
    if head[0] != b'l' || body > LARGEST || fields > LARGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut rest = vec![0; fields.next_multiple_of(8) + body];
    from.read_exact(&mut rest)?;
    Ok(match head[1] {
        RETURN => Some(Ok(())),
        ERROR => Some(Err(error_text(&rest[fields.next_multiple_of(8)..]))),
        _ => None,
    })
}

/// An error's body starts with a text.
fn error_text(body: &[u8]) -> String {
    let text = body.get(4..).unwrap_or_default();
    let end = text
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(text.len());
    String::from_utf8_lossy(&text[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Laid out as the specification says: a header of 16 bytes, fields aligned to 8, then the body.
    #[test]
    fn a_message_has_the_bytes_of_the_protocol() {
        let call = Call {
            destination: "a.b",
            path: "/a",
            interface: "a.b.C",
            member: "M",
            signature: "sau",
        };
        let mut body = Body::default();
        body.text("x");
        body.list(4, |list| {
            list.u32(7);
            list.u32(8);
        });
        let message = call.message(&body);
        assert_eq!(&message[..4], b"l\x01\0\x01");
        assert_eq!(&message[4..8], 20_u32.to_le_bytes());
        let text = b"\x01\0\0\0x\0\0\0\x08\0\0\0\x07\0\0\0\x08\0\0\0";
        assert_eq!(&message[message.len() - 20..], text);
        assert_eq!((message.len() - 20) % 8, 0);
        assert_eq!(&message[16..26], b"\x01\x01o\0\x02\0\0\0/a");
    }
}
