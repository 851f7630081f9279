//! Who may ask. Pure: a request in, a refusal out.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};

use super::request::Request;

/// A secret that is made anew each time.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn new() -> io::Result<Token> {
        let mut bytes = [0; 32];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(Token(
            bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        ))
    }

    /// Compares in a time that does not tell how much is right.
    fn is(&self, other: &str) -> bool {
        let pairs = self.0.bytes().zip(other.bytes());
        self.0.len() == other.len() && pairs.fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
    }

    /// The text for the user. It goes to nobody else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// This server changes nothing.
    Method,
    /// It was asked for by another name: a page elsewhere had its name lead here.
    Host,
    /// Another site asks.
    Origin,
    /// There is no such thing.
    Path,
    /// Without the token, or with another.
    Token,
}

/// Judges a request to the server at `port`. What is below `/api/` needs the token.
pub(super) fn check(request: &Request, port: u16, token: &Token) -> Result<(), Refused> {
    if request.method != "GET" {
        return Err(Refused::Method);
    }
    let own = ["127.0.0.1", "localhost"].map(|name| format!("{name}:{port}"));
    let host = request.header("host").unwrap_or_default();
    if !own.iter().any(|name| name == host) {
        return Err(Refused::Host);
    }
    let is_own = |origin: &str| origin.strip_prefix("http://") == Some(host);
    if request.has("origin") && !request.header("origin").is_some_and(is_own) {
        return Err(Refused::Origin);
    }
    // What a browser says of itself: typed, or asked for by our own page.
    let is_ours = |site: &str| ["same-origin", "none"].contains(&site);
    if request.has("sec-fetch-site") && !request.header("sec-fetch-site").is_some_and(is_ours) {
        return Err(Refused::Origin);
    }
    if !request.path.starts_with("/api/") {
        return Ok(());
    }
    let given = request.header("authorization").unwrap_or_default();
    match given.strip_prefix("Bearer ") {
        Some(given) if token.is(given) => Ok(()),
        _ => Err(Refused::Token),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_page_with_the_token_is_answered() {
        let token = Token::new().unwrap();
        let bearer = format!("Bearer {}", token.reveal());
        let other = format!("Bearer {}", Token::new().unwrap().reveal());
        let cut = &bearer[..bearer.len() - 1];
        let judge = |headers: &[(&str, &str)]| check(&Request::with(headers), 80, &token);
        let host = ("host", "127.0.0.1:80");
        let good = ("authorization", bearer.as_str());
        assert_eq!(judge(&[host, good]), Ok(()));
        assert_eq!(judge(&[("host", "localhost:80"), good]), Ok(()));
        assert_eq!(
            judge(&[host, good, ("origin", "http://127.0.0.1:80")]),
            Ok(())
        );
        assert_eq!(
            judge(&[host, good, ("sec-fetch-site", "same-origin")]),
            Ok(())
        );
        for headers in [
            &[good][..],
            &[("host", "evil.example:80"), good],
            &[("host", "127.0.0.1"), good],
            &[("host", "127.0.0.1:81"), good],
            &[host, host, good],
        ] {
            assert_eq!(judge(headers), Err(Refused::Host), "{headers:?}");
        }
        for extra in [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("origin", "https://127.0.0.1:80"),
            ("origin", "http://localhost:80"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert_eq!(
                judge(&[host, good, extra]),
                Err(Refused::Origin),
                "{extra:?}"
            );
        }
        for bad in [
            other.as_str(),
            cut,
            "Bearer ",
            "",
            "Basic x",
            &format!("{bearer}0"),
        ] {
            assert_eq!(
                judge(&[host, ("authorization", bad)]),
                Err(Refused::Token),
                "{bad}"
            );
        }
        assert_eq!(judge(&[host]), Err(Refused::Token));
        assert_eq!(judge(&[host, good, good]), Err(Refused::Token));
        let post = Request {
            method: "POST".to_owned(),
            ..Request::with(&[host, good])
        };
        assert_eq!(check(&post, 80, &token), Err(Refused::Method));
        assert!(!format!("{token:?}").contains(token.reveal()));
    }
}
