use super::super::Step;
use super::*;

fn target(text: &str) -> Result<Target, Fault> {
    let request = Request::parse(text.as_bytes())?;
    request.expect("a whole head").target()
}

#[track_caller]
fn goes(text: &str) -> (String, u16) {
    let target = target(text).unwrap_or_else(|fault| panic!("{fault:?}: {text}"));
    (target.host.to_string(), target.port)
}

#[track_caller]
fn onward(text: &str) -> (String, Requests) {
    match target(text).map(|target| target.onward) {
        Ok(Onward::Request(head, rest)) => (String::from_utf8(head).expect("text"), rest),
        other => panic!("{other:?}: {text}"),
    }
}

#[test]
fn a_target_is_read_in_each_spelling_of_it() {
    for (text, host, port) in [
        (
            "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n",
            "a.example",
            443,
        ),
        ("CONNECT A.Example.:443 HTTP/1.0\r\n\r\n", "a.example", 443),
        (
            "CONNECT a.example:8443 HTTP/1.1\r\nHost: a.example\r\n\r\n",
            "a.example",
            8443,
        ),
        ("CONNECT [::1]:22 HTTP/1.1\r\n\r\n", "::1", 22),
        (
            "CONNECT [::ffff:10.0.0.1]:22 HTTP/1.1\r\n\r\n",
            "10.0.0.1",
            22,
        ),
        (
            "GET http://a.example/ HTTP/1.1\r\nHost: A.EXAMPLE.\r\n\r\n",
            "a.example",
            80,
        ),
        (
            "GET HTTP://a.example:81?x HTTP/1.1\r\nHost: a.example:81\r\n\r\n",
            "a.example",
            81,
        ),
        (
            "GET http://169.254.169.254/x HTTP/1.0\r\n\r\n",
            "169.254.169.254",
            80,
        ),
        // What stands in the path is the server's to read.
        (
            "GET http://a.example/http://b@c:1/ HTTP/1.1\r\n\r\n",
            "a.example",
            80,
        ),
    ] {
        assert_eq!(goes(text), (host.to_owned(), port), "{text}");
    }
}

#[test]
fn what_could_be_read_as_another_target_is_none() {
    for line in [
        "CONNECT a.example HTTP/1.1\r\n",
        "CONNECT a.example: HTTP/1.1\r\n",
        "CONNECT a.example:0 HTTP/1.1\r\n",
        "CONNECT a.example:65979 HTTP/1.1\r\n",
        "CONNECT a.example:+443 HTTP/1.1\r\n",
        "CONNECT a.example:443:443 HTTP/1.1\r\n",
        "CONNECT ::1:443 HTTP/1.1\r\n",
        "CONNECT [::1%25lo]:443 HTTP/1.1\r\n",
        "CONNECT b.example@a.example:443 HTTP/1.1\r\n",
        "CONNECT a.example:443@b.example:443 HTTP/1.1\r\n",
        "CONNECT http://a.example:443 HTTP/1.1\r\n",
        "CONNECT a.example:443/ HTTP/1.1\r\n",
        "CONNECT 2130706433:80 HTTP/1.1\r\n",
        "CONNECT 127.1:80 HTTP/1.1\r\n",
        "CONNECT a.example:443 HTTP/1.1\r\nContent-Length: 3\r\n",
        "CONNECT a.example:443 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
        "GET / HTTP/1.1\r\nHost: a.example\r\n",
        "GET a.example:443 HTTP/1.1\r\n",
        "GET https://a.example/ HTTP/1.1\r\n",
        "GET http:///x HTTP/1.1\r\n",
        "GET http://a.example\\@b.example/ HTTP/1.1\r\n",
        "GET http://a.example#@b.example/ HTTP/1.1\r\n",
        "GET http://me:pw@a.example/ HTTP/1.1\r\n",
        "GET http://a.example/ HTTP/1.1\r\nHost: me@a.example\r\n",
        "GET http://a.example/ HTTP/1.1\r\nHost:\r\n",
        "GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nhost: a.example\r\n",
        "GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\tb.example\r\n",
        "GET http://a.example/ HTTP/1.1\r\nHost : a.example\r\n",
        "GET http://a.example/ HTTP/1.1\r\nX: y\r\rHost: b.example\r\n",
        "GET http://a.example/ HTTP/1.1 HTTP/1.1\r\n",
        "GET  http://a.example/ HTTP/1.1\r\n",
        "GETGETGETGETGETGETGETGETGET http://a.example/ HTTP/1.1\r\n",
        "GET http://a.example/ HTTP/2.0\r\n",
        "connect a.example:443 HTTP/1.1\r\n",
        "\r\nCONNECT a.example:443 HTTP/1.1\r\n",
        "POST http://a.example/ HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "POST http://a.example/ HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n",
        "GET http://a.example/ HTTP/1.1\r\nProxy-Authorization: a\r\nproxy-authorization: a\r\n",
    ] {
        let read = target(&format!("{line}\r\n"));
        assert!(
            matches!(read, Err(Fault::Malformed(_))),
            "{line:?}: {read:?}"
        );
    }
    for (line, named) in [
        (
            "CONNECT a.example:443 HTTP/1.1\r\nHost: b.example\r\n",
            "b.example",
        ),
        (
            "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:80\r\n",
            "a.example:80",
        ),
        (
            "GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n",
            "b.example",
        ),
        (
            "GET http://a.example:81/ HTTP/1.1\r\nHost: a.example\r\n",
            "a.example",
        ),
    ] {
        let fault = target(&format!("{line}\r\n")).expect_err(line);
        assert_eq!(fault, Fault::Host(named.to_owned()));
    }
}

#[test]
fn a_head_is_waited_for_up_to_its_bound() {
    let whole = "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n";
    for cut in 0..whole.len() {
        let read = Request::parse(&whole.as_bytes()[..cut]);
        assert!(matches!(read, Ok(None)), "{cut}");
    }
    let long = |length| format!("GET http://a.example/{} HTTP/1.1\r\n", "x".repeat(length));
    assert!(matches!(
        Request::parse(long(LONGEST_HEAD / 2).as_bytes()),
        Ok(None)
    ));
    let too_long = Request::parse(long(LONGEST_HEAD).as_bytes()).err();
    assert_eq!(too_long, Some(super::super::TOO_LONG));
    assert!(Request::parse(b"GET http://a.example/ HTTP/1.1\nHost: a.example\n").is_err());
}

#[test]
fn a_request_goes_on_in_our_words() {
    let (head, _) = onward(
        "GET http://A.example.:80?x=http://b.example HTTP/1.1\r\nhost: a.example\r\n\
         Proxy-Authorization: Basic c2VjcmV0\r\nConnection: keep-alive, X\r\nTE: trailers\r\n\
         Proxy-Connection: keep-alive\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\nCookie:  a=b\r\n\r\n",
    );
    let expected = "GET /?x=http://b.example HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\
                    Cookie: a=b\r\n\r\n";
    assert_eq!(head, expected);
    let (head, _) = onward("GET http://[::1]:8080 HTTP/1.0\r\n\r\n");
    let expected = "GET / HTTP/1.0\r\nHost: [::1]:8080\r\nConnection: close\r\n\r\n";
    assert_eq!(head, expected);
}

#[test]
fn nothing_follows_the_only_request() {
    let smuggled = "GET / HTTP/1.1\r\nHost: b.example\r\n\r\n";
    for (fields, body) in [
        ("", ""),
        ("Content-Length: 5\r\n", "hello"),
        (
            "Transfer-Encoding: chunked\r\n",
            "5\r\nhello\r\n0\r\nX: y\r\n\r\n",
        ),
    ] {
        let (_, mut rest) = onward(&format!("POST http://a.example/ HTTP/1.1\r\n{fields}\r\n"));
        let bytes = format!("{body}{smuggled}");
        let permits = |_: super::super::Ask<'_>| true;
        if !body.is_empty() {
            let step = rest.judge(bytes.as_bytes(), &permits);
            assert_eq!(step, Step::Pass(body.len()), "{fields}");
            rest.sent(body.len());
        }
        assert_eq!(
            rest.judge(smuggled.as_bytes(), &permits),
            Step::End,
            "{fields}"
        );
    }
    let (_, mut rest) =
        onward("POST http://a.example/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    let step = rest.judge(b"0x5\r\nhello", &|_| true);
    assert!(
        matches!(step, Step::Refuse(Fault::Malformed(_))),
        "{step:?}"
    );
}

/// What `fuzz/fuzz_targets/front.rs` tries, on mangled requests.
#[test]
fn noise_never_means_two_hosts() {
    use crate::egress::untrusted::{asked, client};
    let pieces: [&[u8]; 12] = [
        b"GET http://a.example/x HTTP/1.1\r\n",
        b"CONNECT a.example:443 HTTP/1.1\r\n",
        b"POST http://b.example:81?q HTTP/1.0\r\n",
        b"Host: a.example\r\n",
        b"Host: b.example:81\r\n",
        b"Connection: Host\r\n",
        b"Content-Length: 4\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"X: y\r\n z\r\n",
        b"\r\n",
        b"\r",
        b"@:/?#[] \t",
    ];
    let mut seed = 7u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % below
    };
    let mut read = 0;
    for _ in 0..60_000 {
        let mut bytes = pieces[next(3)].to_vec();
        (0..next(5)).for_each(|_| bytes.extend(pieces[next(pieces.len())]));
        bytes.extend(b"\r\n");
        for _ in 0..next(3) {
            let at = next(bytes.len());
            bytes[at] = next(256) as u8;
        }
        let whole = asked(&bytes);
        let cut = next(bytes.len());
        if let Some(early) = asked(&bytes[..cut]) {
            assert_eq!(Some(early), whole, "{}", bytes.escape_ascii());
        }
        if let Some((Host::Name(name), port, Some(head))) = whole {
            read += 1;
            assert_eq!(
                client(&[&head], &[], &name, port),
                head.len(),
                "{}",
                bytes.escape_ascii()
            );
            assert_eq!(
                client(&[&head], &[], &format!("{name}x"), port),
                0,
                "{}",
                bytes.escape_ascii()
            );
        }
    }
    assert!(read > 1000, "{read}");
}
