//! The whole way: `aigate exec` with a configuration, in a world whose host names are the test's.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::proxies::proxy;
use crate::support::{place, process};
use crate::world::*;

const GET: &str = "curl -sS -m 20";

/// A home with this configuration, and a host that knows some names.
struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new(config: &str) -> Self {
        World::loopback();
        // Not in /tmp, which the sandbox replaces.
        let dir = tempfile::tempdir_in(place::base()).expect("directory");
        std::fs::create_dir_all(dir.path().join(".aigate")).expect("directory");
        std::fs::create_dir_all(dir.path().join("app")).expect("directory");
        let home = Home { dir };
        home.configure(config);
        let names = format!(
            "127.0.0.1 localhost\n{SERVER} a.example\n{OTHER} b.example\n127.0.0.1 rebind.example\n"
        );
        std::fs::write(home.path("hosts"), names).expect("hosts");
        let none = None::<&str>;
        nix::mount::mount(
            Some(&home.path("hosts")),
            "/etc/hosts",
            none,
            nix::mount::MsFlags::MS_BIND,
            none,
        )
        .expect("the hosts file of the world");
        home
    }

    fn configure(&self, text: &str) {
        std::fs::write(self.path(".aigate/config.yaml"), text).expect("configuration");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn aigate(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(place::binary());
        command
            .args(arguments)
            .env("HOME", self.dir.path())
            .current_dir(self.path("app"))
            .stdin(Stdio::null());
        command
    }

    /// Runs `script` in the sandbox; what it printed.
    fn run(&self, script: &str) -> String {
        let output = self
            .aigate(&["exec", "--", "sh", "-c", script])
            .output()
            .expect("aigate");
        text(&[output.stdout, output.stderr].concat())
    }

    fn start(&self, script: &str) -> Run {
        let mut command = self.aigate(&["exec", "--", "sh", "-c", script]);
        Run(command.stdout(Stdio::piped()).spawn().expect("aigate"))
    }
}

/// A run that does not outlive its test.
struct Run(Child);

impl Run {
    /// Waits for its end; what it printed.
    fn finish(mut self) -> String {
        let mut printed = String::new();
        let stdout = self.0.stdout.as_mut().expect("a pipe");
        stdout.read_to_string(&mut printed).expect("text");
        printed.trim().to_owned()
    }

    fn id(&self) -> u32 {
        self.0.id()
    }

    fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("state").is_some()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

#[test]
fn the_proxy_of_the_host_is_used_outside_and_not_named_inside() {
    in_a_world!();
    let home = Home::new("allow_net: [hidden.example]\n");
    web(&format!("{SERVER}:80"), "server a");
    let requests = proxy("127.0.0.1:3128");
    let mut command = home.aigate(&["exec", "--", "sh", "-c"]);
    command
        .arg(format!(
            "{GET} http://hidden.example/ | head -1; env | grep -i _proxy"
        ))
        .env("http_proxy", "http://me:secret@127.0.0.1:3128")
        .env("ALL_PROXY", "http://127.0.0.1:3128");
    let output = command.output().expect("aigate");
    let printed = text(&[output.stdout, output.stderr].concat());
    assert_eq!(printed.trim(), "server a");
    assert_eq!(requests.lock().unwrap().len(), 1);
}

#[test]
fn a_configuration_opens_what_it_names_and_the_rest_is_told() {
    in_a_world!();
    web(&format!("{SERVER}:80"), "server a");
    web(&format!("{OTHER}:80"), "server b");
    web("127.0.0.1:3000", "service of the host");
    web("127.0.0.1:3001", "not for you");
    let home =
        Home::new("network: filtered\nallow_net: [a.example, 'localhost:3000', '*.example:9']\n");
    let printed = home.run(&format!(
        "{GET} http://a.example/ | head -1; {GET} http://127.0.0.1:3000/ | head -1; \
         {GET} http://b.example/ | head -1; {GET} http://{OTHER}/; {GET} http://127.0.0.1:3001/; \
         {GET} http://c.test/; ls /sys/class/net"
    ));
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[..2], ["server a", "service of the host"], "{printed}");
    assert!(
        lines[2].starts_with("aigate: b.example:80: not in allow_net"),
        "{printed}"
    );
    assert!(
        !printed.contains("server b") && !printed.contains("not for you"),
        "{printed}"
    );
    assert!(printed.contains("resolve host: c.test"), "{printed}");
    let status = home.aigate(&["status"]).output().expect("aigate");
    let status = text(&status.stdout);
    assert!(status.contains("c.test"), "{status}");
    assert!(status.contains("203.0.113.20"), "{status}");
}

#[test]
fn without_a_network_there_is_only_the_loopback() {
    in_a_world!();
    web(&format!("{SERVER}:80"), "server a");
    web("127.0.0.1:3000", "service of the host");
    let script = format!(
        "{GET} http://{SERVER}/ | head -1; {GET} http://a.example/ | head -1; \
         {GET} http://127.0.0.1:3000/ | head -1; echo end"
    );
    let home = Home::new("network: off\nallow_net: [a.example, 'localhost:3000']\n");
    let off = home.run(&script);
    assert!(
        off.matches("curl: (7)").count() == 3 && !off.contains("server a"),
        "{off}"
    );
    assert!(!off.contains("service of the host"), "{off}");
    home.configure("network: open\n");
    let open = home.run(&script);
    assert_eq!(
        open.matches("server a").count(),
        2,
        "the control arm: {open}"
    );
}

#[test]
fn rules_of_a_file_are_followed_while_a_program_runs() {
    in_a_world!();
    web(&format!("{SERVER}:80"), "server a");
    let home = Home::new("network: filtered\nallow_net: [b.example]\n");
    let child = home.start(&format!(
        "{GET} http://a.example/ 2>&1; for i in $(seq 100); do {GET} http://a.example/ 2>/dev/null \
         | grep -q 'server a' && echo open && exit; sleep 0.1; done; echo closed"
    ));
    thread::sleep(Duration::from_secs(1));
    let allowed = home
        .aigate(&["allow", "net", "a.example:80"])
        .output()
        .expect("aigate");
    assert!(allowed.status.success(), "{}", text(&allowed.stderr));
    let printed = child.finish();
    assert!(printed.contains("resolve host: a.example"), "{printed}");
    assert!(printed.ends_with("\nopen"), "{printed}");
}

#[test]
fn a_published_port_of_the_sandbox_is_reached_from_the_host() {
    in_a_world!();
    let home = Home::new("network: filtered\npublish_ports: [5199]\n");
    let child = home.start("exec timeout 20 /usr/bin/python3 -m http.server 5199 --bind 127.0.0.1");
    let mut printed = String::new();
    for _ in 0..100 {
        printed = outside(&format!("{GET} http://127.0.0.1:5199/ 2>&1"));
        if printed.contains("Directory listing") {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    drop(child);
    assert!(printed.contains("Directory listing"), "{printed}");
}

#[test]
fn a_name_that_leads_to_the_host_is_guarded_here_too() {
    in_a_world!();
    web("127.0.0.1:80", "service of the host");
    let home = Home::new("network: filtered\nallow_net: ['*.example']\n");
    let printed = home.run(&format!("{GET} http://rebind.example/"));
    let expected = "aigate: rebind.example:80: leads to 127.0.0.1, a loopback address";
    assert!(printed.starts_with(expected), "{printed}");
    let control = outside(&format!("{GET} http://rebind.example/"));
    assert!(control.starts_with("service of the host"), "{control}");
}

/// Asks until it is so; a busy machine needs its time.
#[track_caller]
fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..400 {
        if let Some(found) = ask() {
            return found;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("{what} did not come");
}

/// The process of a run that serves its network.
fn broker_of(supervisor: u32) -> Option<Pid> {
    let family = process::children(i32::try_from(supervisor).ok()?);
    let broker = family.into_iter().find(|id| process::is_broker(*id));
    broker.map(Pid::from_raw)
}

/// Sends a word to the published port; the connection and what came back.
fn say(word: &str) -> Option<(TcpStream, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", 5201)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .ok()?;
    stream.write_all(word.as_bytes()).ok()?;
    let mut buffer = [0; 99];
    let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
    Some((stream, text(&buffer[..count])))
}

/// Repeats what it hears; of a number, what the host's service on that port says.
const REPEATER: &str = r#"
import threading
def serve(peer):
    word = peer.recv(99)
    try:
        if word.isdigit():
            word = socket.create_connection(("127.0.0.1", int(word)), timeout=20).recv(99)
    except OSError as error:
        word = type(error).__name__.encode()
    peer.sendall(word)
    peer.recv(99)
server = socket.create_server(("127.0.0.1", 5201), backlog=100)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"#;

#[test]
fn the_broker_after_a_killed_one_goes_on_with_what_that_left() {
    in_a_world!();
    greet("127.0.0.1:3001", "service");
    let home = Home::new("network: filtered\npublish_ports: [5201]\n");
    let child = home.start(&python(REPEATER));
    wait_for("the server", || say("up").filter(|(_, said)| said == "up"));
    let (_, closed) = say("3001").expect("an answer");
    assert_eq!(closed, "ConnectionRefusedError");
    // A listener that is made while the program runs.
    let allowed = home.aigate(&["allow", "net", "localhost:3001"]).output();
    assert!(allowed.expect("aigate").status.success());
    let service = || say("3001").filter(|(_, said)| said == "service");
    wait_for("the service of the host", service);
    // Most of the sockets that lead inside are in use when the broker is killed, twice.
    for round in 0..2 {
        let mut held: Vec<_> = (0..40)
            .map(|n| wait_for("an echo", || say(&format!("word {round} {n}"))).0)
            .collect();
        let victim = wait_for("the broker", || broker_of(child.id()));
        kill(victim, Signal::SIGKILL).expect("kill");
        wait_for("another broker", || {
            broker_of(child.id()).filter(|id| *id != victim)
        });
        for stream in &mut held {
            let gone = stream.read(&mut [0; 9]);
            assert!(matches!(gone, Ok(0) | Err(_)), "a connection outlived it");
        }
        wait_for("the service of the host", service);
    }
}

#[test]
fn rules_that_change_before_anybody_asked_are_followed() {
    in_a_world!();
    web(&format!("{SERVER}:80"), "server a");
    let home = Home::new("network: filtered\nallow_net: [b.example]\n");
    let mut child = home.start(&format!(
        "echo ready > ready; while ! [ -e go ]; do sleep 0.05; done; for i in $(seq 100); do \
         {GET} http://{SERVER}/ 2>/dev/null | grep -q 'server a' && echo open && exit; sleep 0.1; done"
    ));
    wait_for("the program", || {
        home.path("app/ready").exists().then_some(())
    });
    assert_eq!(broker_of(child.id()), None, "nobody has asked");
    let allowed = home
        .aigate(&["allow", "net", &format!("{SERVER}:80")])
        .output();
    assert!(allowed.expect("aigate").status.success());
    std::fs::write(home.path("app/go"), "").expect("write");
    // Whoever watches the file may have begun after that change.
    let mut again = || {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(home.path(".aigate/config.yaml"));
        drop(file.as_mut().map(|file| file.write_all(b"# again\n")));
        thread::sleep(Duration::from_millis(200));
        child.has_ended()
    };
    wait_for("the end", || again().then_some(()));
    let printed = child.finish();
    assert_eq!(printed, "open");
}

/// What programs without libc do (Go's, musl's): they read resolv.conf and ask for themselves.
#[test]
fn a_resolver_of_its_own_finds_names_by_resolv_conf() {
    in_a_world!();
    web(&format!("{SERVER}:80"), "server a");
    let home = Home::new("network: filtered\nallow_net: [a.example]\n");
    let printed = home.run(&python(
        r#"
import struct
lines = [line.split() for line in open("/etc/resolv.conf")]
server = [words[1] for words in lines if words and words[0] == "nameserver"][0]
def question(name, kind):
    labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split("."))
    # Recursion desired, authentic data understood, and a larger size by EDNS, as Go asks.
    head = struct.pack("!HHHHHH", kind, 0x0120, 1, 0, 0, 1)
    return head + labels + b"\0" + struct.pack("!HH", kind, 1) + b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)
def answer(name, r):
    id, flags, asked, count = struct.unpack("!HHHH", r[:8])
    # An answer, and one of a server that looks further: else it is no answer to Go.
    assert flags & 0x8080 == 0x8080 and asked == 1, r
    at = 12 + len(name) + 2 + 4
    kind = struct.unpack("!H", r[at + 2:at + 4])[0] if count else None
    length = struct.unpack("!H", r[at + 10:at + 12])[0] if count else 0
    return id, flags & 15, kind, r[at + 12:at + 12 + length]
def by_udp(name):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5); s.connect((server, 53))
    for kind in (1, 28): s.send(question(name, kind))
    return sorted(answer(name, s.recv(1232)) for _ in range(2))
def by_tcp(name):
    found = []
    for kind in (1, 28):
        s = socket.create_connection((server, 53), timeout=20)
        q = question(name, kind)
        s.sendall(struct.pack("!H", len(q)) + q)
        f = s.makefile("rb")
        found.append(answer(name, f.read(struct.unpack("!H", f.read(2))[0])))
    return found
for ask in (by_udp, by_tcp):
    v4, v6 = ask("a.example")
    assert (v4[:3], v6[:3]) == ((1, 0, 1), (28, 0, 28)), (v4, v6)
    for family, found in ((socket.AF_INET, v4), (socket.AF_INET6, v6)):
        s = socket.create_connection((socket.inet_ntop(family, found[3]), 80), timeout=20)
        s.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        print("server a" in s.recv(999).decode())
    print([found[1] for found in ask("c.example")])
"#,
    ));
    let told: Vec<&str> = printed.lines().collect();
    let expected = ["True", "True", "[3, 3]", "True", "True", "[3, 3]"];
    assert!(told.starts_with(&expected), "{printed}");
}
