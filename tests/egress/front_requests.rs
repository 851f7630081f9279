//! What is asked for at the front door, in every spelling, and how it is judged.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use crate::front::*;
use crate::world::*;

/// Whom a client asks for, the status of the answer, and what is told of it.
const ASKS: [(&str, &str, &str); 16] = [
    ("a.example", "200", ""),
    ("A.EXAMPLE.", "200", ""),
    (OTHER, "200", ""),
    ("localhost:8080", "200", ""),
    ("127.0.0.1:8080", "200", ""),
    ("[::ffff:127.0.0.1]:8080", "200", ""),
    ("a.example:8080", "403", "a.example:8080: not in allow_net"),
    ("evil.example", "403", "evil.example:80: denied by"),
    ("EVIL.example.", "403", "evil.example:80: denied by"),
    (SERVER, "403", "203.0.113.10:80: not in allow_net"),
    ("localhost", "403", "localhost:80: not in allow_net"),
    (
        "rebind.example",
        "403",
        "rebind.example:80: leads to 127.0.0.1, a loopback address",
    ),
    (
        "inner.example",
        "403",
        "inner.example:80: leads to 10.66.0.1, a private address",
    ),
    (METADATA, "403", "169.254.169.254:80: not in allow_net"),
    (
        "metadata.example",
        "403",
        "metadata.example:80: leads to 169.254.169.254, a link-local",
    ),
    (
        "none.example",
        "502",
        "none.example:80: no such name outside",
    ),
];

#[test]
fn what_no_rule_allows_is_refused_and_told() {
    in_a_world!();
    let world = World::new();
    once(&format!("{SERVER}:80"), "server a");
    once(&format!("{OTHER}:80"), "server b");
    once(&format!("{PRIVATE}:80"), "server private");
    once(&format!("{METADATA}:80"), "metadata");
    once("127.0.0.1:80", "server of the host");
    once("127.0.0.1:8080", "other server of the host");
    let texts = [
        "a.example:80",
        "*.example:80",
        "!evil.example",
        "localhost:8080",
        "203.0.113.16/28",
    ];
    for (host, expected, told) in ASKS {
        let with_port = match host.rsplit_once(':') {
            Some((_, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host.to_owned(),
            _ => format!("{host}:80"),
        };
        let served = serve_front(&world, &texts);
        let url = served.ask(&format!("GET http://{host}/x HTTP/1.0\r\n@\r\n"));
        let tunnel = served.ask(&format!(
            "CONNECT {with_port} HTTP/1.1\r\nHost: {with_port}\r\n@\r\n"
        ));
        for answer in [&url, &tunnel] {
            assert_eq!(status(answer), expected, "{host}: {answer}");
            assert!(answer.contains(told), "{host}: {answer}");
        }
        let events = served.events();
        // Both are one event, which is told once in a while.
        let right = if told.is_empty() {
            events.is_empty()
        } else {
            events.len() == 1 && events[0].starts_with(told)
        };
        assert!(right, "{host}: {events:?}");
    }
    // The control: every server that was not reached is there.
    for (address, words) in [
        (OTHER, "server b"),
        (PRIVATE, "server private"),
        (METADATA, "metadata"),
        ("127.0.0.1", "server of the host"),
    ] {
        let heard = direct(
            &format!("{address}:80"),
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        );
        assert!(heard.contains(words), "{heard}");
    }
}

#[test]
fn no_address_is_a_public_one_because_everything_is_allowed() {
    in_a_world!();
    let world = World::new();
    once(&format!("{SERVER}:80"), "server a");
    let served = serve_front(&world, &["*"]);
    let control = served.ask(&format!("GET http://{SERVER}/ HTTP/1.1\r\n@\r\n"));
    assert!(control.contains("server a"), "{control}");
    for host in [
        METADATA,
        PRIVATE,
        "127.0.0.1",
        "[::1]",
        "0.0.0.0",
        "metadata.example",
        "mapped.example",
    ] {
        let answer = served.ask(&format!("GET http://{host}/ HTTP/1.1\r\n@\r\n"));
        assert_eq!(status(&answer), "403", "{host}: {answer}");
    }
}

#[test]
fn who_does_not_show_what_the_run_was_given_reaches_nothing() {
    in_a_world!();
    let world = World::new();
    once(&format!("{SERVER}:80"), "server a");
    let served = serve_front(&world, &["a.example"]);
    let other = serve_front(&world, &["a.example"]);
    let get = "GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n@\r\n";
    for request in [get, "CONNECT a.example:80 HTTP/1.1\r\n@\r\n"] {
        for shown in [
            String::new(),
            "Proxy-Authorization: Basic\r\n".to_owned(),
            "Proxy-Authorization: Basic YWlnYXRlOg==\r\n".to_owned(),
            format!("Proxy-Authorization: Bearer {}\r\n", served.credential()),
            format!("Proxy-Authorization: Basic {}\r\n", other.credential()),
            format!("Authorization: Basic {}\r\n", served.credential()),
        ] {
            let answer = served.say(&request.replace('@', &shown));
            assert_eq!(status(&answer), "407", "{shown}: {answer}");
            let asks = answer.contains("\r\nProxy-Authenticate: Basic");
            assert!(asks && !answer.contains("server a"), "{answer}");
        }
    }
    // Nobody looked the name up for them either.
    assert!(world.asked().is_empty(), "{:?}", world.asked());
    let events = served.events();
    assert_eq!(
        events,
        ["broker: a program asks with a password that is not this run's"]
    );
    // The control, and what a server is not told.
    let answer = served.ask(get);
    assert!(
        status(&answer) == "200" && answer.contains("server a"),
        "{answer}"
    );
    assert!(
        !answer.contains("Proxy-Auth") && !answer.contains(&served.credential()),
        "{answer}"
    );
    assert_eq!(
        status(&served.ask("CONNECT a.example:80 HTTP/1.1\r\n@\r\n")),
        "200"
    );
}

/// Requests that two readers could take for two, and the status of the answer.
const AMBIGUOUS: [(&str, &str); 12] = [
    (
        "GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nHost: evil.example\r\n@\r\n",
        "400",
    ),
    (
        "GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n evil.example\r\n@\r\n",
        "400",
    ),
    (
        "GET http://a.example/ HTTP/1.1\r\nHost: evil.example\r\n@\r\n",
        "403",
    ),
    (
        "CONNECT a.example:80 HTTP/1.1\r\nHost: evil.example:80\r\n@\r\n",
        "403",
    ),
    ("GET http://a.example/ HTTP/1.1\r\nX: y\n@\r\n", "400"),
    (
        "GET http://a.example/ HTTP/1.1\r\nX: y\r\rHost: evil.example\r\n@\r\n",
        "400",
    ),
    ("GET / HTTP/1.1\r\nHost: a.example\r\n@\r\n", "400"),
    (
        "GET https://a.example/ HTTP/1.1\r\nHost: a.example\r\n@\r\n",
        "400",
    ),
    ("CONNECT a.example HTTP/1.1\r\n@\r\n", "400"),
    ("CONNECT 2130706433:80 HTTP/1.1\r\n@\r\n", "400"),
    (
        "CONNECT a.example:80 HTTP/1.1\r\n@Content-Length: 1\r\n\r\nx",
        "400",
    ),
    (
        "POST http://a.example/ HTTP/1.1\r\n@Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "400",
    ),
];

#[test]
fn two_readings_of_a_request_are_refused() {
    in_a_world!();
    let world = World::new();
    once(&format!("{SERVER}:80"), "server a");
    once(&format!("{OTHER}:80"), "server b");
    let served = serve_front(&world, &["a.example"]);
    let smuggled = "GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    let long = "x".repeat(1 << 16);
    let long = format!("GET http://a.example/ HTTP/1.1\r\nX: {long}\r\n@\r\n");
    for (request, expected) in AMBIGUOUS.into_iter().chain([(&*long, "400")]) {
        let answer = served.ask(request);
        assert_eq!(status(&answer), expected, "{request}: {answer}");
        assert!(!answer.contains("server"), "{answer}");
    }
    for user in [
        "CONNECT evil.example:80@a.example:80",
        "CONNECT u:p@a.example:80",
        "GET http://u@a.example/",
    ] {
        let shown = served.credential();
        let request = format!("{user} HTTP/1.1\r\nProxy-Authorization: Basic {shown}\r\n\r\n");
        assert_eq!(status(&served.say(&request)), "400", "{user}");
    }
    let events = served.events();
    assert!(
        events.iter().any(|e| e.contains("two `Host` headers")),
        "{events:?}"
    );
    assert!(
        events.iter().any(|e| e.contains("`evil.example`")),
        "{events:?}"
    );
    // One request passes alone, and what is put behind it goes nowhere.
    let body = format!("POST http://a.example/ HTTP/1.1\r\n@Content-Length: 2\r\n\r\nhi{smuggled}");
    let get = format!("GET http://a.example/ HTTP/1.1\r\n@\r\n{smuggled}");
    for request in [body, get] {
        let answer = served.ask(&request);
        assert!(
            !answer.contains("evil") && !answer.contains("server b"),
            "{answer}"
        );
    }
    // The control: the same, alone and to the other server itself.
    let answer = served.ask("GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n@\r\n");
    assert!(answer.contains("server a"), "{answer}");
    assert!(direct(&format!("{OTHER}:80"), smuggled).contains("server b"));
}

#[test]
fn what_is_said_in_a_tunnel_is_judged_as_ever() {
    in_a_world!();
    let world = World::new();
    web(&format!("{SERVER}:80"), "server a");
    web(&format!("{SERVER}:443"), "server a");
    let served = serve_front(&world, &["a.example"]);
    let within = |port: u16, words: &str| {
        let mut stream = served.knock();
        let shown = served.credential();
        let head = format!(
            "CONNECT a.example:{port} HTTP/1.1\r\nProxy-Authorization: Basic {shown}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("asked");
        let mut told = [0; 39];
        stream.read_exact(&mut told).expect("an answer");
        assert!(
            told.starts_with(b"HTTP/1.1 200 ") && told.ends_with(b"\r\n\r\n"),
            "{told:?}"
        );
        stream.write_all(words.as_bytes()).expect("said");
        stream.shutdown(Shutdown::Write).expect("end");
        answer(&mut stream)
    };
    let own = within(80, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert!(own.contains("server a"), "{own}");
    let other = within(80, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    assert!(
        status(&other) == "403" && !other.contains("server a"),
        "{other}"
    );
    let hello = format!(
        "openssl s_client -connect a.example:443 -servername evil.example -proxy 127.0.0.1:{} \
         -proxy_user aigate -proxy_pass env:PASSWORD </dev/null 2>&1",
        served.port
    );
    let password = "PASSWORD=$(printf %s \"$https_proxy\" | sed 's/.*aigate://; s/@.*//')";
    let refused = served.run(&format!("export {password}; {hello}"));
    assert!(refused.contains("alert"), "{refused}");
    let events = served.events();
    for told in [
        "HTTP asks for `evil.example`",
        "TLS asks for `evil.example`",
    ] {
        assert!(
            events.iter().any(|event| event.contains(told)),
            "{events:?}"
        );
    }
}

#[test]
fn a_body_goes_through_however_it_is_framed_and_an_early_end_is_one() {
    in_a_world!();
    let world = World::new();
    serve(&format!("{SERVER}:80"), |mut stream| {
        let mut heard = Vec::new();
        let mut buffer = [0; 65536];
        while !heard.windows(5).any(|w| w == b"-end-") {
            match stream.read(&mut buffer) {
                Ok(count @ 1..) => heard.extend_from_slice(&buffer[..count]),
                _ => return,
            }
        }
        let body = format!("heard {} bytes", heard.len());
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        drop(stream.write_all(answer.as_bytes()));
    });
    let served = serve_front(&world, &["a.example"]);
    let body = format!("{}-end-", "x".repeat(3 << 20));
    let dir = tempfile::tempdir().expect("directory");
    let file = dir.path().join("body");
    std::fs::write(&file, &body).expect("write");
    for framing in ["", "-H 'Transfer-Encoding: chunked'"] {
        let post = format!(
            "curl -sS -m 20 {framing} --data-binary @{} http://a.example/",
            file.display()
        );
        let printed = served.run(&post);
        assert!(printed.starts_with("heard 31"), "{framing}: {printed}");
    }
    // Who ends before the head is whole is let go at once.
    let mut stream = served.knock();
    stream
        .write_all(b"CONNECT a.example:80 HTTP/1.1\r\n")
        .expect("said");
    stream.shutdown(Shutdown::Write).expect("end");
    let since = Instant::now();
    assert_eq!(answer(&mut stream), "");
    assert!(since.elapsed() < Duration::from_secs(5));
}
