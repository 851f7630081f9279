//! Reads the head of a request. What is no plain HTTP/1.1 of modest size is no request.

use std::io::{self, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A longer head is refused.
const LARGEST: usize = 16 << 10;
const MOST_HEADERS: usize = 64;
/// Who takes longer to ask is not listened to.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    /// Without the query.
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, String)>,
}

impl Request {
    /// Reads one from a connection.
    ///
    /// # Errors
    /// When the connection ends or lingers, or what comes is no request.
    pub(super) fn read(connection: &mut TcpStream) -> io::Result<Request> {
        let end = Instant::now() + PATIENCE;
        let mut head = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            connection.set_read_timeout(Some(left))?;
            let mut block = [0; 4096];
            let length = connection.read(&mut block)?;
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            head.extend_from_slice(&block[..length]);
            if let Some(request) = Request::parse(&head)? {
                return Ok(request);
            }
            if head.len() > LARGEST {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
    }

    /// The request, or nothing while its head is not complete.
    fn parse(head: &[u8]) -> io::Result<Option<Request>> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut parsed = httparse::Request::new(&mut headers);
        let status = parsed.parse(head);
        let status = status.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if status.is_partial() {
            return Ok(None);
        }
        let target = parsed.path.unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Some(Request {
            method: parsed.method.unwrap_or_default().to_owned(),
            path: path.to_owned(),
            query: pairs
                .map(|(key, value)| (key.to_owned(), decoded(value)))
                .collect(),
            headers: parsed
                .headers
                .iter()
                .map(|header| (header.name.to_ascii_lowercase(), text(header.value)))
                .collect(),
        }))
    }

    /// The one header of this name, in small letters. Several are as good as none.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let first = found.next().map(|(_, value)| value.as_str());
        first.filter(|_| found.next().is_none())
    }

    /// Whether there is a header of this name at all.
    pub(super) fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known == name)
    }

    /// A value of the query; empty if there is none.
    pub(super) fn value(&self, key: &str) -> &str {
        let found = self.query.iter().find(|(known, _)| known == key);
        found.map_or("", |(_, value)| value)
    }
}

/// `%20` and `+` as what they stand for.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = |digit: u8| char::from(digit).to_digit(16);
        rest = after;
        match (first, after) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, tail @ ..]) if hex(*high).and(hex(*low)).is_some() => {
                let value = hex(*high)
                    .zip(hex(*low))
                    .map_or(0, |(high, low)| high * 16 + low);
                bytes.push(value as u8);
                rest = tail;
            }
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
impl Request {
    /// A request with these headers.
    pub(super) fn with(headers: &[(&str, &str)]) -> Request {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Request {
            method: "GET".to_owned(),
            path: "/api/summary".to_owned(),
            headers: headers.collect(),
            ..Request::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_is_meant() {
        let head = b"GET /api/events?text=a%20b%2Bc+d%zz&kind=blocked HTTP/1.1\r\nHOST: x\r\nA: 1\r\nA: 2\r\n\r\n";
        let request = Request::parse(head).unwrap().unwrap();
        assert_eq!((&*request.method, &*request.path), ("GET", "/api/events"));
        assert_eq!(request.value("text"), "a b+c d%zz");
        assert_eq!(request.value("kind"), "blocked");
        assert_eq!(request.value("none"), "");
        assert_eq!(request.header("host"), Some("x"));
        assert_eq!(request.header("a"), None, "which of both?");
        assert_eq!(Request::parse(&head[..60]).unwrap(), None);
        assert!(Request::parse(b"\x16\x03\x01\x02\x00\x01\x00").is_err());
    }
}
