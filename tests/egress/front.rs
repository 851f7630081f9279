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
pub(crate) struct Served {
    pub(crate) broker: Option<Broker>,
    pub(crate) events: Receiver<Event>,
    pub(crate) variables: Vec<(&'static str, String)>,
    pub(crate) port: u16,
}

pub(crate) fn serve_front(world: &World, texts: &[&str]) -> Served {
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
    pub(crate) fn run(&self, script: &str) -> String {
        let output = Command::new("sh")
            .args(["-c", script])
            .envs(self.variables.iter().cloned())
            .output()
            .expect("sh");
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).trim().to_owned()
    }

    /// What is shown to be let in.
    pub(crate) fn credential(&self) -> String {
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
    pub(crate) fn ask(&self, request: &str) -> String {
        let shown = format!("Proxy-Authorization: Basic {}\r\n", self.credential());
        self.say(&request.replace('@', &shown))
    }

    pub(crate) fn say(&self, request: &str) -> String {
        let mut stream = self.knock();
        stream.write_all(request.as_bytes()).expect("asked");
        // Nothing follows; it may have been refused already.
        drop(stream.shutdown(Shutdown::Write));
        answer(&mut stream)
    }

    pub(crate) fn knock(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the front door");
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).expect("a timeout");
        stream
    }

    /// The events so far, in words.
    pub(crate) fn events(&self) -> Vec<String> {
        let quiet = Duration::from_millis(250);
        std::iter::from_fn(|| self.events.recv_timeout(quiet).ok())
            .map(|event| event.to_string())
            .collect()
    }
}

/// What is heard until the other side ends.
pub(crate) fn answer(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    // A reset is an end as well.
    drop(stream.read_to_end(&mut heard));
    String::from_utf8_lossy(&heard).into_owned()
}

/// Says `request` to a server without any proxy: the control arm.
pub(crate) fn direct(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the server itself");
    stream.write_all(request.as_bytes()).expect("asked");
    stream.shutdown(Shutdown::Write).expect("end");
    answer(&mut stream)
}

pub(crate) fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

/// Answers one request and ends, as a server does that is told to.
pub(crate) fn once(address: &str, words: &'static str) {
    serve(address, move |mut stream| {
        let mut buffer = [0; 65536];
        let count = stream.read(&mut buffer).unwrap_or_default();
        let body = format!("{words}\n{}", String::from_utf8_lossy(&buffer[..count]));
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        drop(stream.write_all(format!("{head}{body}").as_bytes()));
    });
}

pub(crate) const GET_EVIL: &str =
    "GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n@\r\n";

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
