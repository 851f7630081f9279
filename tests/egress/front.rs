//! The front door of a broker, in the world of a test: real programs that honour a proxy, and those who
//! try to get by it. Here everything is in reach without it, which is what the control arms show.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use aigate::egress::{Broker, Event, Front, Rules, Upstream};

use crate::clients::{Server, served};
use crate::support::skip;
use crate::world::*;

/// A broker at its front door.
struct Served {
    broker: Option<Broker>,
    events: Receiver<Event>,
    variables: Vec<(&'static str, String)>,
    port: u16,
}

fn serve_front(world: &World, texts: &[&str]) -> Served {
    let front = Front::open().expect("a port");
    let (port, variables) = (front.port(), front.variables());
    let (sender, events) = channel();
    let rules = Rules {
        net: rules(texts),
        publish_ports: Vec::new(),
    };
    let sink = Box::new(move |event| drop(sender.send(event)));
    let broker = Broker::at(front, rules, world.settings(), sink).expect("broker");
    Served {
        broker: Some(broker),
        events,
        variables,
        port,
    }
}

impl Served {
    /// Runs `script` with the variables that a command gets; what it printed.
    fn run(&self, script: &str) -> String {
        let output = Command::new("sh")
            .args(["-c", script])
            .envs(self.variables.iter().cloned())
            .output()
            .expect("sh");
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).trim().to_owned()
    }

    /// What is shown to be let in.
    fn credential(&self) -> String {
        let found = self
            .variables
            .iter()
            .find(|(name, _)| *name == "https_proxy");
        let url = &found.expect("a proxy").1;
        let user = url
            .strip_prefix("http://")
            .and_then(|url| url.split_once('@'));
        let shown = Command::new("sh")
            .args([
                "-c",
                "printf %s \"$0\" | base64 -w0",
                user.expect("a user").0,
            ])
            .output()
            .expect("base64");
        String::from_utf8(shown.stdout).expect("text")
    }

    /// Says `request` with the credential in the place of `@`, in one piece; the whole answer.
    fn ask(&self, request: &str) -> String {
        let shown = format!("Proxy-Authorization: Basic {}\r\n", self.credential());
        self.say(&request.replace('@', &shown))
    }

    fn say(&self, request: &str) -> String {
        let mut stream = self.knock();
        stream.write_all(request.as_bytes()).expect("asked");
        // Nothing follows; it may have been refused already.
        drop(stream.shutdown(Shutdown::Write));
        answer(&mut stream)
    }

    fn knock(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the front door");
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).expect("a timeout");
        stream
    }

    /// The events so far, in words.
    fn events(&self) -> Vec<String> {
        let quiet = Duration::from_millis(250);
        std::iter::from_fn(|| self.events.recv_timeout(quiet).ok())
            .map(|event| event.to_string())
            .collect()
    }
}

/// What is heard until the other side ends.
fn answer(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    // A reset is an end as well.
    drop(stream.read_to_end(&mut heard));
    String::from_utf8_lossy(&heard).into_owned()
}

/// Says `request` to a server without any proxy: the control arm.
fn direct(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the server itself");
    stream.write_all(request.as_bytes()).expect("asked");
    stream.shutdown(Shutdown::Write).expect("end");
    answer(&mut stream)
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

/// Answers one request and ends, as a server does that is told to.
fn once(address: &str, words: &'static str) {
    serve(address, move |mut stream| {
        let mut buffer = [0; 65536];
        let count = stream.read(&mut buffer).unwrap_or_default();
        let body = format!("{words}\n{}", String::from_utf8_lossy(&buffer[..count]));
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        drop(stream.write_all(format!("{head}{body}").as_bytes()));
    });
}

const GET_EVIL: &str = "GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n@\r\n";

#[test]
fn programs_that_honour_a_proxy_get_to_allowed_hosts() {
    let server = served!();
    let world = World::new();
    let served = serve_front(&world, &["a.example"]);
    let cert = server.path("cert.pem");
    let (urllib, requests) = (
        "c = ssl.create_default_context(cafile=cert)
print(u.urlopen(\"https://a.example/\", context=c, timeout=20).read().decode().strip())",
        "print(requests.get(\"https://a.example/\", verify=cert, timeout=20).text.strip())",
    );
    let python = |what: &str, line: &str| {
        let import = format!("import ssl, sys, urllib.request as u\ncert = \"{cert}\"");
        format!("/usr/bin/python3 -c '{import}\n{what}\n{line}'")
    };
    let mut scripts = vec![
        (
            format!("curl -sS -m 20 --http1.1 --cacert {cert} https://a.example/"),
            "1.1",
        ),
        (
            format!("curl -sS -m 20 --http2 --cacert {cert} https://a.example/"),
            "2.0",
        ),
        // It asks without the credential first.
        (
            format!("curl -sS -m 20 --proxy-anyauth --http1.1 --cacert {cert} https://A.EXAMPLE./"),
            "1.1",
        ),
        (python("", urllib), "1.1"),
    ];
    if outside("/usr/bin/python3 -c 'import requests' && echo yes") == "yes" {
        scripts.push((python("import requests", requests), "1.1"));
    }
    for (script, version) in &scripts {
        assert_eq!(
            served.run(script),
            format!("hello over {version}"),
            "{script}"
        );
    }
    assert_eq!(served.events(), [""; 0]);
    // The control: without the variables nobody knows the name.
    for (script, _) in &scripts {
        assert!(!outside(script).contains("hello"), "{script}");
    }
}

#[test]
fn node_gets_there_by_its_own_fetch_where_it_can() {
    let server = served!();
    let world = World::new();
    let served = serve_front(&world, &["a.example"]);
    let fetch = format!(
        "NODE_EXTRA_CA_CERTS={} ${{AIGATE_TEST_NODE:-node}} -e '
fetch(process.argv[1]).then(r => r.text()).then(t => process.stdout.write(t),
  e => console.log(e.cause ? e.cause.message : e.message))'",
        server.path("cert.pem")
    );
    let can = outside("${AIGATE_TEST_NODE:-node} --use-env-proxy -e 'console.log(1)' 2>/dev/null");
    if can != "1" {
        skip!("this Node has no --use-env-proxy; AIGATE_TEST_NODE names another");
    }
    assert_eq!(
        served.run(&format!("{fetch} https://a.example/")),
        "hello over 1.1"
    );
    let refused = served.run(&format!("{fetch} https://evil.example/"));
    assert!(!refused.contains("hello"), "{refused}");
    let events = served.events();
    let told = "evil.example:443: not in allow_net";
    assert!(
        events.iter().any(|event| event.starts_with(told)),
        "{events:?}"
    );
    // Without the variable that tells it to look, it asks for the name itself and gets nowhere.
    let unset = served.run(&format!(
        "unset NODE_USE_ENV_PROXY; {fetch} https://a.example/"
    ));
    assert!(!unset.contains("hello"), "{unset}");
}

#[test]
fn git_clones_through_it() {
    let server = served!();
    let root = server.path("root");
    let made = outside(&format!(
        "cd {root} && git init -q work && cd work && echo text > file && git add file && \
         git -c user.name=t -c user.email=t@t commit -qm one && \
         git clone -q --bare . ../repo && cd ../repo && git update-server-info"
    ));
    assert_eq!(made, "");
    let world = World::new();
    let served = serve_front(&world, &["a.example"]);
    let clone = tempfile::tempdir().expect("directory");
    let script = format!(
        "cd {} && GIT_SSL_CAINFO={} git clone -q https://a.example/repo c && cat c/file",
        clone.path().display(),
        server.path("cert.pem")
    );
    assert!(!outside(&script).contains("text"));
    assert_eq!(served.run(&script), "text");
    // It asks without a password first, which is no refusal.
    assert_eq!(served.events(), [""; 0]);
}

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

#[test]
fn a_slow_head_is_not_waited_for() {
    in_a_world!();
    let world = World::new();
    let served = serve_front(&world, &["a.example"]);
    let mut stream = served.knock();
    let since = Instant::now();
    let mut slow = stream.try_clone().expect("dup");
    std::thread::spawn(move || {
        let head = b"GET http://a.example/ HTTP/1.1\r\nX: "
            .iter()
            .chain([b'x'; 60].iter());
        for byte in head {
            if slow.write_all(&[*byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    });
    let answer = answer(&mut stream);
    assert_eq!(status(&answer), "408", "{answer}");
    assert!(since.elapsed() < Duration::from_secs(15));
}

#[test]
fn a_crowd_of_strangers_leaves_room() {
    in_a_world!();
    let world = World::new();
    once(&format!("{SERVER}:80"), "server a");
    let served = serve_front(&world, &["a.example"]);
    let crowd: Vec<TcpStream> = (0..400).map(|_| served.knock()).collect();
    let answer = served.ask("GET http://a.example/ HTTP/1.1\r\n@\r\n");
    assert!(answer.contains("server a"), "{answer}");
    drop(crowd);
}

#[test]
fn it_goes_through_the_proxy_of_the_host() {
    in_a_world!();
    let mut world = World::new();
    once(&format!("{SERVER}:80"), "server a");
    let requests = crate::proxies::proxy("127.0.0.1:3128");
    world.upstream = Upstream::from_variables(|name| {
        let all = name == "all_proxy";
        all.then(|| "http://me:secret@127.0.0.1:3128".to_owned())
    })
    .expect("variables");
    let served = serve_front(&world, &["hidden.example"]);
    let printed =
        served.run("for p in '' -p; do curl -sS -m 20 $p http://hidden.example/ | head -1; done");
    assert_eq!(printed, "server a\nserver a");
    assert_eq!(status(&served.ask(GET_EVIL)), "403");
    let requests = requests.lock().expect("requests");
    assert_eq!(requests.len(), 2, "{requests:?}");
    for request in requests.iter() {
        assert!(
            request.starts_with("CONNECT hidden.example:80 HTTP/1.1"),
            "{request}"
        );
        assert!(request.contains("Basic bWU6c2VjcmV0\r\n"), "{request}");
    }
}

#[test]
fn with_the_broker_the_door_goes_and_rules_are_followed_until_then() {
    in_a_world!();
    let world = World::new();
    web(&format!("{SERVER}:80"), "server a");
    let mut served = serve_front(&world, &["a.example"]);
    let tunnel = "CONNECT a.example:80 HTTP/1.1\r\n@\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let mut open = served.knock();
    let shown = format!("Proxy-Authorization: Basic {}\r\n", served.credential());
    open.write_all(tunnel.replace('@', &shown).as_bytes())
        .expect("asked");
    let mut heard = [0; 50];
    open.read_exact(&mut heard).expect("an answer");
    let broker = served.broker.take().expect("a broker");
    broker.update(Rules::default());
    answer(&mut open);
    assert_eq!(
        status(&served.ask("CONNECT a.example:80 HTTP/1.1\r\n@\r\n")),
        "403"
    );
    drop(broker);
    assert!(TcpStream::connect(("127.0.0.1", served.port)).is_err());
}
