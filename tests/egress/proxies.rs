//! A host whose own way out is a proxy.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;

use aigate::egress::Upstream;

use crate::world::*;

pub(crate) type Requests = Arc<Mutex<Vec<String>>>;

/// A proxy that knows names nobody else knows, and notes what it is asked.
pub(crate) fn proxy(address: &str) -> Requests {
    let requests = Requests::default();
    let note = Arc::clone(&requests);
    serve(address, move |mut client| {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match client.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => return,
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        note.lock().unwrap().push(head);
        let Some(port) = target.strip_prefix("hidden.example:") else {
            drop(client.write_all(b"HTTP/1.1 403 Forbidden by the proxy\r\n\r\n"));
            return;
        };
        let Ok(server) = TcpStream::connect((SERVER, port.parse().unwrap_or(1))) else {
            return;
        };
        // The first bytes of the server stand right behind the answer.
        drop(client.write_all(b"HTTP/1.1 200 Connection established\r\nVia: p\r\n\r\n"));
        let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        thread::spawn(move || drop(std::io::copy(&mut from, &mut to)));
        drop(std::io::copy(&mut client, &mut &server));
    });
    requests
}

fn upstream(variables: &[(&str, &str)]) -> Upstream {
    let variables: HashMap<&str, &str> = variables.iter().copied().collect();
    Upstream::from_variables(|name| variables.get(name).map(|value| (*value).to_owned()))
        .expect("variables")
}

/// A reset that comes at once looks to curl like a failure to connect.
fn is_reset(line: &str) -> bool {
    ["curl: (7)", "curl: (55)", "curl: (56)"]
        .iter()
        .any(|code| line.starts_with(code))
}

fn get(url: &str) -> String {
    format!("curl -sS -m 20 {url} 2>&1 | head -1; ")
}

#[test]
fn allowed_names_go_through_the_proxy_of_the_host() {
    in_a_world!();
    let mut world = World::new();
    web(&format!("{SERVER}:80"), "server a");
    let requests = proxy("127.0.0.1:3128");
    world.upstream = upstream(&[
        ("http_proxy", "http://me:secret@127.0.0.1:3128"),
        ("no_proxy", "a.example"),
    ]);
    let mut sandbox = world.sandbox(&["hidden.example", "a.example", "c.example"]);
    let script = [
        get("http://hidden.example/"),
        get("http://a.example/"),
        get("http://c.example/"),
        get("http://b.example/"),
        get("-H 'Host: evil.example' http://hidden.example/"),
    ]
    .concat();
    let printed = sandbox.run(&script);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[..2], ["server a", "server a"], "{printed}");
    assert!(is_reset(lines[2]), "the proxy refuses: {printed}");
    assert!(lines[3].starts_with("curl: (6)"), "not allowed: {printed}");
    assert!(
        lines[4].starts_with("aigate: hidden.example:80: HTTP asks"),
        "{printed}"
    );
    let mut requests = requests.lock().unwrap().clone();
    // A client that is reset before it knows that it was connected tries the other address.
    requests.dedup();
    assert_eq!(requests.len(), 3, "{requests:?}");
    let expected = "CONNECT hidden.example:80 HTTP/1.1\r\nHost: hidden.example:80\r\n\
                    Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n";
    assert_eq!(requests[0], expected);
    assert!(requests[1].starts_with("CONNECT c.example:80 "));
    let events = sandbox.events();
    let told = "c.example:80: the host's proxy does not connect: 403 Forbidden by the proxy";
    assert!(events.contains(&told.to_owned()), "{events:?}");
    // Only the name that goes directly was looked up outside.
    assert!(world.asked().iter().all(|name| name == "a.example"));
}

#[test]
fn the_proxy_itself_is_out_of_reach_inside() {
    in_a_world!();
    let mut world = World::new();
    let requests = proxy("127.0.0.1:3128");
    world.name("proxy.example", &["127.0.0.1"]);
    world.upstream = upstream(&[("all_proxy", "http://proxy.example:3128")]);
    let mut sandbox = world.sandbox(&["a.example:80"]);
    let script = [
        get("http://127.0.0.1:3128/"),
        get("http://proxy.example:3128/"),
        get("-x http://127.0.0.1:3128 http://hidden.example/"),
    ]
    .concat();
    let printed = sandbox.run(&script);
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[0].starts_with("curl: (7)"), "{printed}");
    assert!(lines[1].starts_with("curl: (6)"), "{printed}");
    assert!(lines[2].starts_with("curl: (7)"), "{printed}");
    assert!(requests.lock().unwrap().is_empty());
    // The control arm: the broker gets there, by the proxy's name.
    let mut sandbox = world.sandbox(&["a.example:80"]);
    sandbox.run(&get("http://a.example/"));
    assert_eq!(requests.lock().unwrap().len(), 1);
}

#[test]
fn a_proxy_that_is_gone_is_told() {
    in_a_world!();
    let mut world = World::new();
    world.upstream = upstream(&[("all_proxy", "http://127.0.0.1:9")]);
    let mut sandbox = world.sandbox(&["a.example:80"]);
    let printed = sandbox.run(&get("http://a.example/"));
    assert!(is_reset(&printed), "{printed}");
    let events = sandbox.events();
    let told = "a.example:80: the host's proxy does not connect: Connection refused";
    assert!(events[0].starts_with(told), "{events:?}");
}
