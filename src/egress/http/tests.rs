use super::*;

fn only_a(ask: Ask<'_>) -> bool {
    let (Ask::Host(host) | Ask::Forward(host)) = ask;
    host.split(':').next() == Some("a.example")
}

/// Feeds `bytes` in pieces of `size`; the bytes that passed and the step that stopped them.
fn feed(bytes: &str, size: usize) -> (String, Step) {
    let mut requests = Requests::new();
    let (mut start, mut end) = (0, 0);
    loop {
        end = (end + size).min(bytes.len());
        let step = requests.judge(&bytes.as_bytes()[start..end], &only_a);
        match step {
            Step::Pass(count) => {
                // The kernel takes less than offered now and then.
                let count = if count > 3 { count - 1 } else { count };
                requests.sent(count);
                start += count;
                if start == bytes.len() {
                    return (bytes.to_owned(), Step::Wait);
                }
            }
            Step::Wait if end < bytes.len() => {}
            stop => return (bytes[..start].to_owned(), stop),
        }
    }
}

#[test]
fn honest_requests_pass_whole_however_they_are_cut() {
    for text in [
        "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "\r\nGET http://a.example:80/x HTTP/1.1\r\nhost:a.example\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello\
         GET / HTTP/1.0\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n\
         5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n\
         OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n\
         GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
    ] {
        for size in [1, 2, 7, 64, 4096] {
            assert_eq!(feed(text, size), (text.to_owned(), Step::Wait), "{size}");
        }
    }
}

#[test]
fn another_host_is_refused_on_any_request() {
    let first = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nok";
    let evil = Step::Refuse(Fault::Host("b.example".to_owned()));
    let forward = Step::Refuse(Fault::Forward("b.example".to_owned()));
    for (second, expected) in [
        ("GET / HTTP/1.1\r\nHost: b.example\r\n\r\n", &evil),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: b.example\r\n\r\n", &evil),
        (
            "GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
            &forward,
        ),
        (
            "GET HTTP://b.example?x HTTP/1.1\r\nHost: a.example\r\n\r\n",
            &forward,
        ),
        (
            "CONNECT b.example HTTP/1.1\r\nHost: a.example\r\n\r\n",
            &forward,
        ),
    ] {
        for size in [1, 5, 4096] {
            let (passed, stop) = feed(&format!("{first}{second}"), size);
            assert_eq!(&stop, expected, "{second:?}");
            assert_eq!(passed, first);
        }
        assert_eq!(&feed(second, 4096).1, expected, "alone: {second:?}");
    }
}

#[test]
fn two_readings_are_refused() {
    for text in [
        "GET / HTTP/1.1\nHost: a.example\n\n",
        "GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.example\r\n Host: b.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : b.example\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\nHost: b.example\r\n\r\n",
        "GET /\nX HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\u{0}\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "get / HTTP/1.1\r\n\r\n",
        "GET b.example HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloGET",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n",
    ] {
        let (_, stop) = feed(text, 4096);
        assert!(
            matches!(stop, Step::Refuse(Fault::Malformed(_))),
            "{text:?} {stop:?}"
        );
    }
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    assert_eq!(feed(preface, 64).1, Step::Refuse(Fault::ClearHttp2));
    let long = format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(LONGEST_HEAD));
    assert!(matches!(
        feed(&long, 4096).1,
        Step::Refuse(Fault::Malformed(_))
    ));
}

const WEBSOCKET: &str = "GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\n\r\n";

#[test]
fn another_protocol_passes_only_after_the_server_agreed() {
    for (answer, passes) in [
        ("HTTP/1.1 101 Switching", true),
        ("HTTP/1.1 200 OK\r\n", false),
        ("HTTP/1.1 100 Continue", false),
        ("", false),
    ] {
        let mut requests = Requests::new();
        let step = requests.judge(WEBSOCKET.as_bytes(), &only_a);
        assert_eq!(step, Step::Pass(WEBSOCKET.len()));
        requests.sent(WEBSOCKET.len());
        assert!(requests.awaits_answer());
        assert_eq!(requests.judge(b"Q\x85frames", &only_a), Step::Wait);
        requests.answered(answer.as_bytes());
        let step = requests.judge(b"Q\x85frames\r\n\r\n", &only_a);
        assert_eq!(step == Step::Pass(12), passes, "{answer} {step:?}");
    }
}

#[test]
fn a_later_request_cannot_switch() {
    let text = format!("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n{WEBSOCKET}");
    assert!(matches!(
        feed(&text, 4096).1,
        Step::Refuse(Fault::Malformed(_))
    ));
}

#[test]
fn an_allowed_tunnel_is_judged_anew() {
    let text = "CONNECT a.example:443 HTTP/1.1\r\n\r\nCONNECT b.example:443 HTTP/1.1\r\n\r\n";
    let (passed, stop) = feed(text, 4096);
    assert_eq!(passed, "CONNECT a.example:443 HTTP/1.1\r\n\r\n");
    assert_eq!(stop, Step::Tunnel("a.example:443".to_owned()));
}

#[test]
fn http_is_recognised_by_what_a_server_might_take_for_it() {
    for (text, expected) in [
        ("", Guess::Unknown),
        ("G", Guess::Unknown),
        ("\r\n\r\nGET ", Guess::Http),
        ("get / http/1.1\r\n", Guess::Http),
        ("get key", Guess::Other),
        ("some words", Guess::Other),
        ("PROPFIND /x HTTP/1.1\r\n", Guess::Http),
        ("PROPFIND /x", Guess::Unknown),
        ("EHLO me\r\n", Guess::Other),
        ("SSH-2.0-OpenSSH_9.2\r\n", Guess::Other),
        ("\u{16}\u{3}\u{1}", Guess::Other),
        ("\u{0}\u{0}", Guess::Other),
        ("A_VERY_LONG_WORD_THAT_IS_NO_METHOD ", Guess::Other),
    ] {
        assert_eq!(guess(text.as_bytes()), expected, "{text:?}");
    }
}

#[test]
fn noise_never_panics() {
    let text =
        b"POST /x HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello";
    let mut seed = 3u64;
    for _ in 0..20_000 {
        let mut bytes = text.to_vec();
        for _ in 0..3 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (seed >> 33) as usize % bytes.len();
            bytes[at] = (seed >> 25) as u8;
        }
        let _ = guess(&bytes);
        let mut requests = Requests::new();
        if let Step::Pass(count) = requests.judge(&bytes, &only_a) {
            requests.sent(count);
        }
    }
}
