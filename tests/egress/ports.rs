//! Services of the host, the sandbox's own servers, and those that it publishes.

use crate::world::*;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const GET: &str = "curl -sS -m 20";

#[test]
fn a_service_of_the_host_is_at_the_same_place_inside() {
    in_a_world!();
    let world = World::new();
    web("127.0.0.1:3000", "service of the host");
    web("[::1]:3001", "service on six");
    web("127.0.0.1:3002", "not for you");
    let mut sandbox = world.sandbox(&["localhost:3000", "localhost:3001", "a.example"]);
    let script = format!(
        "{GET} http://127.0.0.1:3000/ | head -1; {GET} http://localhost:3000/ | head -1; \
         {GET} http://[::1]:3000/ | head -1; {GET} http://host.aigate.internal:3000/ | head -1; \
         {GET} http://127.0.0.1:3001/ | head -1; {GET} http://127.0.0.1:3002/; echo $?; \
         {GET} http://host.aigate.internal:3002/; echo $?"
    );
    let printed = sandbox.run(&script);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[..4], ["service of the host"; 4], "{printed}");
    assert_eq!(lines[4..6], ["service on six", "7"], "{printed}");
    assert!(!printed.contains("not for you"), "{printed}");
    let control = outside(&format!("{GET} http://127.0.0.1:3002/"));
    assert!(control.starts_with("not for you"), "{control}");
}

#[test]
fn the_sandbox_listens_on_any_port_of_its_own() {
    in_a_world!();
    let world = World::new();
    web(&format!("{SERVER}:80"), "server a");
    let mut sandbox = world.sandbox(&["a.example"]);
    let printed = sandbox.python(
        r#"
import threading
for port in (80, 443, 22, 3000):
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.create_server((address, port), family=family) as server:
            with socket.create_connection((address, port)) as client:
                peer, _ = server.accept()
                peer.sendall(b"mine")
                assert client.recv(9) == b"mine"
with socket.create_server(("0.0.0.0", 80)) as server:
    s = socket.create_connection(("a.example", 80), timeout=20)
    s.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    assert b"server a" in s.recv(999)
print("all")
"#,
    );
    assert_eq!(printed, "all");
}

#[test]
fn a_published_port_is_reached_from_the_host() {
    in_a_world!();
    let mut world = World::new();
    world.publish = vec![5173, 5174];
    let mut sandbox = world.sandbox(&["a.example"]);
    sandbox.start(&python(
        r#"
import threading
def serve(address, port, family):
    server = socket.create_server((address, port), family=family)
    while True:
        peer, _ = server.accept()
        peer.sendall(b"dev " + peer.recv(99))
        peer.close()
threading.Thread(target=serve, args=("127.0.0.1", 5173, socket.AF_INET), daemon=True).start()
threading.Thread(target=serve, args=("::1", 5174, socket.AF_INET6), daemon=True).start()
import time
time.sleep(3)
"#,
    ));
    let ask = |port: u16, word: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("published");
        drop(stream.write_all(word.as_bytes()));
        let mut text = String::new();
        drop(stream.read_to_string(&mut text));
        text
    };
    for _ in 0..100 {
        if ask(5173, "up") == "dev up" && ask(5174, "up") == "dev up" {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // More often than there are sockets: they are used again.
    for round in 0..200 {
        let word = format!("hello {round}");
        assert_eq!(ask(5173, &word), format!("dev {word}"));
        assert_eq!(ask(5174, &word), format!("dev {word}"));
    }
    let elsewhere = TcpStream::connect((SERVER, 5173));
    assert!(elsewhere.is_err(), "published on the loopback alone");
    sandbox.finish();
}
