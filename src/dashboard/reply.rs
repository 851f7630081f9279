//! Writes answers. Every one carries the headers that keep the page to itself.

use std::io::{self, Write};

use serde_json::Value;

use super::guard::Refused;

/// Nothing is loaded from elsewhere, nothing is sent elsewhere, nobody frames it, no script but its
/// own file runs.
const HEADERS: &str = "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; \
connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
require-trusted-types-for 'script'; trusted-types 'none'\r\n\
X-Content-Type-Options: nosniff\r\n\
X-Frame-Options: DENY\r\n\
Referrer-Policy: no-referrer\r\n\
Cross-Origin-Opener-Policy: same-origin\r\n\
Cross-Origin-Resource-Policy: same-origin\r\n\
Permissions-Policy: camera=(), geolocation=(), microphone=()\r\n\
Cache-Control: no-store\r\n\
Connection: close\r\n";

/// A file of the page.
pub(super) fn file(out: &mut impl Write, kind: &str, body: &str) -> io::Result<()> {
    whole(out, "200 OK", kind, body.as_bytes())
}

/// What the page asked for.
pub(super) fn json(out: &mut impl Write, value: &Value) -> io::Result<()> {
    whole(
        out,
        "200 OK",
        "application/json",
        value.to_string().as_bytes(),
    )
}

/// The log cannot be read.
pub(super) fn broken(out: &mut impl Write, error: &io::Error) -> io::Result<()> {
    let kind = "text/plain; charset=utf-8";
    whole(
        out,
        "500 Internal Server Error",
        kind,
        error.to_string().as_bytes(),
    )
}

/// Says no, and how to do better where a person may read it.
pub(super) fn refused(out: &mut impl Write, why: Refused) -> io::Result<()> {
    let (status, text) = match why {
        Refused::Method => (
            "405 Method Not Allowed\r\nAllow: GET",
            "only GET: nothing is changed here",
        ),
        Refused::Host => (
            "421 Misdirected Request",
            "open the address that `aigate serve` printed",
        ),
        Refused::Origin => ("403 Forbidden", "another site asks"),
        Refused::Path => ("404 Not Found", "there is nothing here"),
        Refused::Token => (
            "401 Unauthorized\r\nWWW-Authenticate: Bearer",
            "the token is missing or wrong",
        ),
    };
    whole(out, status, "text/plain; charset=utf-8", text.as_bytes())
}

/// Begins a stream of events.
pub(super) fn stream(out: &mut impl Write) -> io::Result<()> {
    write!(
        out,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{HEADERS}\r\n"
    )?;
    out.flush()
}

fn whole(out: &mut impl Write, status: &str, kind: &str, body: &[u8]) -> io::Result<()> {
    let length = body.len();
    write!(
        out,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{HEADERS}\r\n"
    )?;
    out.write_all(body)?;
    out.flush()
}
