//! HTTP/1 requests on their way out, judged one by one without changing a byte.
//!
//! A connection is to one host, but each request on it says for itself which host it means, and can
//! ask the server to fetch from, or connect to, yet another. So the framing of every request is
//! followed, strictly: what two servers could read differently is refused.

pub(super) mod proxy;

/// Which host a request means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask<'a> {
    /// The one in its `Host` header.
    Host(&'a str),
    /// The one in its target: `GET http://HOST/` or `CONNECT HOST:PORT`.
    Forward(&'a str),
}

/// Why a request does not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It means a host that this connection is not for.
    Host(String),
    /// It asks the server to go on to a host that may not be reached.
    Forward(String),
    /// It is not HTTP/1 as the standard writes it.
    Malformed(&'static str),
    /// HTTP/2 without TLS hides which hosts it means.
    ClearHttp2,
}

/// What may be done with the bytes at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Send this many of them.
    Pass(usize),
    /// More bytes, or the server's answer, must come first.
    Wait,
    /// A tunnel to this authority begins: judge what follows as the start of a connection.
    Tunnel(String),
    /// The only request has ended: nothing that follows is for the server.
    End,
    /// Send none of them.
    Refuse(Fault),
}

/// What the first bytes of a connection can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guess {
    /// Not decided by so few bytes.
    Unknown,
    /// An HTTP request.
    Http,
    /// Something else.
    Other,
}

/// The longest request head and chunk line; below the smallest receive window.
const LONGEST_HEAD: usize = 32_768;
const LONGEST_METHOD: usize = 24;
const LONGEST_LINE: usize = 4096;
const TOO_LONG: Fault = Fault::Malformed("the head of a request is too long");

/// Whether a connection that starts with `bytes` speaks HTTP/1. Blank lines before a request do not
/// hide it, and neither does what some server might still take for a request.
#[must_use]
pub(super) fn guess(bytes: &[u8]) -> Guess {
    let start = bytes.iter().position(|b| !b"\r\n".contains(b));
    let bytes = &bytes[start.unwrap_or(bytes.len())..];
    let method = bytes.iter().take_while(|&&b| is_token(b)).count();
    let (method, rest) = bytes.split_at(method);
    match rest.first() {
        _ if method.len() > LONGEST_METHOD => Guess::Other,
        None => Guess::Unknown,
        Some(b' ' | b'\t') if !method.is_empty() => {
            let line = rest.iter().position(|&b| b == b'\n');
            match line {
                _ if KNOWN.contains(&method) => Guess::Http,
                Some(end) if mentions_http(&rest[..end]) => Guess::Http,
                // No server takes a method in lower case from so little.
                None if !method.iter().any(u8::is_ascii_lowercase)
                    && rest.len() <= LONGEST_LINE =>
                {
                    Guess::Unknown
                }
                _ => Guess::Other,
            }
        }
        Some(_) => Guess::Other,
    }
}

const KNOWN: [&[u8]; 10] = [
    b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT", b"PRI",
];

fn mentions_http(line: &[u8]) -> bool {
    line.windows(5).any(|w| w.eq_ignore_ascii_case(b"HTTP/"))
}

fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

/// What comes after the bytes that were granted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    Head,
    ChunkSize,
    ChunkEnd,
    Trailer,
    Tunnel(String),
    Anything,
}

/// The requests of one connection.
#[derive(Debug)]
pub(super) struct Requests {
    /// Bytes that may still be sent before `next` is judged.
    granted: u64,
    next: Next,
    first: bool,
    /// The last request asks for another protocol and the server has not answered.
    switching: bool,
    /// No request follows the one under way.
    only: bool,
}

/// A unit of the stream: how long it is and what follows.
type Unit = Result<Option<(u64, Next)>, Fault>;

impl Requests {
    /// The start of a connection.
    #[must_use]
    pub(super) fn new() -> Self {
        Requests {
            granted: 0,
            next: Next::Head,
            first: true,
            switching: false,
            only: false,
        }
    }

    /// Whether the server's next bytes decide what the client may send: see [`Requests::answered`].
    #[must_use]
    pub(super) fn awaits_answer(&self) -> bool {
        self.switching
    }

    /// Takes the start of the server's answer: at least 12 bytes, unless it ends before.
    pub(super) fn answered(&mut self, bytes: &[u8]) {
        self.switching = false;
        let switched = bytes.starts_with(b"HTTP/1.1 101") || bytes.starts_with(b"HTTP/1.0 101");
        if switched && self.next == Next::Head {
            self.next = Next::Anything;
        }
    }

    /// Judges `bytes`, which are the next of the stream. `permits` answers for each host meant.
    pub(super) fn judge(&mut self, bytes: &[u8], permits: &dyn Fn(Ask<'_>) -> bool) -> Step {
        loop {
            let granted = usize::try_from(self.granted).unwrap_or(usize::MAX);
            let Some(rest) = bytes.get(granted..).filter(|rest| !rest.is_empty()) else {
                return Step::Pass(bytes.len());
            };
            if self.next == Next::Anything {
                return Step::Pass(bytes.len());
            }
            let unit = self.unit(rest, permits);
            match unit {
                Ok(Some((length, next))) => {
                    self.granted = self.granted.saturating_add(length);
                    self.next = next;
                }
                // What was granted goes first; then the same question comes again.
                _ if granted > 0 => return Step::Pass(granted),
                Ok(None) => return self.nothing_yet(),
                Err(fault) => return Step::Refuse(fault),
            }
        }
    }

    fn nothing_yet(&self) -> Step {
        match &self.next {
            Next::Tunnel(authority) => Step::Tunnel(authority.clone()),
            Next::Head if self.only => Step::End,
            _ => Step::Wait,
        }
    }

    /// Takes note that `count` bytes were sent.
    pub(super) fn sent(&mut self, count: usize) {
        self.granted = self.granted.saturating_sub(count as u64);
    }

    fn unit(&mut self, bytes: &[u8], permits: &dyn Fn(Ask<'_>) -> bool) -> Unit {
        match &self.next {
            Next::Head if self.switching || self.only => Ok(None),
            Next::Head => self.head(bytes, permits),
            Next::ChunkSize => chunk(bytes),
            Next::ChunkEnd => match bytes {
                [b'\r', b'\n', ..] => Ok(Some((2, Next::ChunkSize))),
                [b'\r'] => Ok(None),
                _ => Err(Fault::Malformed("a chunk is longer than it says")),
            },
            Next::Trailer => trailer(bytes),
            Next::Tunnel(_) | Next::Anything => Ok(None),
        }
    }

    fn head(&mut self, bytes: &[u8], permits: &dyn Fn(Ask<'_>) -> bool) -> Unit {
        let blank = bytes.iter().position(|b| !b"\r\n".contains(b));
        let (blank, bytes) = bytes.split_at(blank.unwrap_or(bytes.len()));
        let Some(end) = end_of_head(bytes, LONGEST_HEAD.saturating_sub(blank.len()))? else {
            return Ok(None);
        };
        let head = Head::parse(&bytes[..end])?;
        head.check(permits)?;
        let length = (blank.len() + end + 4) as u64;
        if head.method == "CONNECT" {
            return Ok(Some((length, Next::Tunnel(head.target.to_owned()))));
        }
        if head.switches {
            if !self.first {
                return Err(Fault::Malformed(
                    "a later request asks for another protocol",
                ));
            }
            self.switching = true;
        }
        self.first = false;
        Ok(Some(match head.body {
            Body::Length(body) => (length.saturating_add(body), Next::Head),
            Body::Chunks => (length, Next::ChunkSize),
        }))
    }
}

/// Where the head at the start of `bytes` ends, without the blank line; none when it goes on and may.
fn end_of_head(bytes: &[u8], longest: usize) -> Result<Option<usize>, Fault> {
    let ends = bytes.windows(4).take(longest);
    match ends.into_iter().position(|w| w == b"\r\n\r\n") {
        Some(end) => Ok(Some(end)),
        None if bytes.len() < longest => early_fault(bytes).map_or(Ok(None), Err),
        None => Err(TOO_LONG),
    }
}

/// What can be said of a head that has not ended: nothing is gained by waiting for the rest.
fn early_fault(bytes: &[u8]) -> Option<Fault> {
    let bare = bytes.windows(2).any(|w| w[1] == b'\n' && w[0] != b'\r');
    bare.then_some(Fault::Malformed("a line ends without a carriage return"))
}

fn line(bytes: &[u8]) -> Result<Option<&[u8]>, Fault> {
    let end = bytes.iter().take(LONGEST_LINE).position(|&b| b == b'\n');
    match end {
        Some(end) => match bytes[..end].strip_suffix(b"\r") {
            Some(line) => Ok(Some(line)),
            None => Err(Fault::Malformed("a line ends without a carriage return")),
        },
        None if bytes.len() < LONGEST_LINE => Ok(None),
        None => Err(Fault::Malformed("a line is too long")),
    }
}

fn chunk(bytes: &[u8]) -> Unit {
    let Some(line) = line(bytes)? else {
        return Ok(None);
    };
    let bad = || Fault::Malformed("the size of a chunk is not a number");
    let size = line.split(|&b| b == b';').next().unwrap_or_default();
    let digits = !size.is_empty() && size.len() <= 15 && size.iter().all(u8::is_ascii_hexdigit);
    let size = std::str::from_utf8(size)
        .ok()
        .filter(|_| digits)
        .ok_or_else(bad)?;
    let size = u64::from_str_radix(size, 16).map_err(|_| bad())?;
    let length = (line.len() + 2) as u64;
    Ok(Some(if size == 0 {
        (length, Next::Trailer)
    } else {
        (length + size, Next::ChunkEnd)
    }))
}

fn trailer(bytes: &[u8]) -> Unit {
    let Some(line) = line(bytes)? else {
        return Ok(None);
    };
    let next = if line.is_empty() {
        Next::Head
    } else {
        Next::Trailer
    };
    Ok(Some(((line.len() + 2) as u64, next)))
}

enum Body {
    Length(u64),
    Chunks,
}

struct Head<'a> {
    method: &'a str,
    target: &'a str,
    host: Option<&'a str>,
    body: Body,
    switches: bool,
}

impl<'a> Head<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Fault> {
        let clean = |&b: &u8| b == b'\t' || b == b'\r' || b == b'\n' || (b >= 0x20 && b != 0x7f);
        if !bytes.iter().all(clean) {
            return Err(Fault::Malformed(
                "control characters in the head of a request",
            ));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Fault::Malformed("the head of a request is not text"))?;
        let mut lines = text.split("\r\n");
        let (method, target) = request_line(lines.next().unwrap_or_default())?;
        let mut fields = Fields::default();
        for line in lines {
            fields.add(line)?;
        }
        let body = fields.body()?;
        Ok(Head {
            method,
            target,
            host: fields.host,
            body,
            switches: fields.switches,
        })
    }

    /// Asks for every host that the request means.
    fn check(&self, permits: &dyn Fn(Ask<'_>) -> bool) -> Result<(), Fault> {
        let target = match self.target.split_once("://") {
            _ if self.method == "CONNECT" => Some(self.target),
            Some((scheme, rest)) if scheme.bytes().all(|b| b.is_ascii_alphabetic()) => {
                Some(rest.split(['/', '?', '#']).next().unwrap_or_default())
            }
            _ if self.target.starts_with('/') || self.target == "*" => None,
            _ => return Err(Fault::Malformed("the target is neither a path nor a URL")),
        };
        if let Some(target) = target.filter(|target| !permits(Ask::Forward(target))) {
            return Err(Fault::Forward(target.to_owned()));
        }
        match self.host {
            Some(host) if !permits(Ask::Host(host)) => Err(Fault::Host(host.to_owned())),
            _ => Ok(()),
        }
    }
}

fn request_line(line: &str) -> Result<(&str, &str), Fault> {
    let bad = Fault::Malformed("the request line is not `METHOD TARGET HTTP/1.x`");
    let mut parts = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(bad);
    };
    if method == "PRI" && version == "HTTP/2.0" {
        return Err(Fault::ClearHttp2);
    }
    let whole = !method.is_empty() && method.bytes().all(is_token) && !target.is_empty();
    // A server may fold the case of what it knows; then we would have judged another method.
    let plain = method.bytes().all(|b| !b.is_ascii_lowercase());
    let version = version == "HTTP/1.1" || version == "HTTP/1.0";
    if whole && plain && version && !line.contains(['\t', '\r', '\n']) {
        Ok((method, target))
    } else {
        Err(bad)
    }
}

/// The header fields that frame a request.
#[derive(Default)]
struct Fields<'a> {
    host: Option<&'a str>,
    length: Option<u64>,
    chunked: bool,
    switches: bool,
}

impl<'a> Fields<'a> {
    fn add(&mut self, line: &'a str) -> Result<(), Fault> {
        let bad = Fault::Malformed("a header line is not `NAME: VALUE`");
        let Some((name, value)) = line.split_once(':') else {
            return Err(bad);
        };
        if name.is_empty() || !name.bytes().all(is_token) || value.contains(['\r', '\n']) {
            return Err(bad);
        }
        let value = value.trim_matches([' ', '\t']);
        if name.eq_ignore_ascii_case("host") {
            if self.host.replace(value).is_some() {
                return Err(Fault::Malformed("two `Host` headers"));
            }
        } else if name.eq_ignore_ascii_case("content-length") {
            let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
            let length = value.parse().ok().filter(|_| digits);
            let length = length.ok_or(Fault::Malformed("`Content-Length` is not a number"))?;
            if self.length.replace(length).is_some() {
                return Err(Fault::Malformed("two `Content-Length` headers"));
            }
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            if self.chunked || !value.eq_ignore_ascii_case("chunked") {
                return Err(Fault::Malformed(
                    "a `Transfer-Encoding` other than `chunked`",
                ));
            }
            self.chunked = true;
        } else if name.eq_ignore_ascii_case("upgrade") {
            // After a switch to clear HTTP/2 the client must send a preface, which does not pass.
            self.switches |= !value.eq_ignore_ascii_case("h2c");
        }
        Ok(())
    }

    fn body(&self) -> Result<Body, Fault> {
        match (self.length, self.chunked) {
            (Some(_), true) => Err(Fault::Malformed("a length and chunks at once")),
            (None, true) => Ok(Body::Chunks),
            (length, false) => Ok(Body::Length(length.unwrap_or(0))),
        }
    }
}

#[cfg(test)]
mod tests;
