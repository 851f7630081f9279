//! Names and addresses: what is reached, what is not, and what is told.

use crate::world::*;

const GET: &str = "curl -sS -m 20";

#[test]
fn an_allowed_name_is_reached_and_no_other() {
    in_a_world!();
    let world = World::new();
    web(&format!("{SERVER}:80"), "server a");
    web(&format!("{OTHER}:80"), "server b");
    let mut sandbox = world.sandbox(&["a.example"]);
    let script = format!("{GET} http://a.example/x; echo; {GET} http://b.example/; echo $?");
    let printed = sandbox.run(&script);
    let answered = "server a\nGET /x HTTP/1.1\r\nHost: a.example";
    assert!(printed.starts_with(answered), "{printed}");
    assert!(printed.contains("\n6\n"), "{printed}");
    assert!(printed.contains("resolve host: b.example"), "{printed}");
    assert!(!printed.contains("server b"), "{printed}");
    let told = "b.example: not in allow_net; to allow it: aigate allow net b.example";
    assert_eq!(sandbox.events(), [told]);
    let asked = world.asked();
    assert!(asked.iter().all(|name| name == "a.example"), "{asked:?}");
    // The control arm: the other server is there.
    let control = outside(&format!("{GET} http://{OTHER}/"));
    assert!(control.starts_with("server b"), "{control}");
}

#[test]
fn both_address_families_lead_to_a_server_of_either() {
    in_a_world!();
    let world = World::new();
    web(&format!("{SERVER}:80"), "server four");
    web("[2a00:db8::10]:80", "server six");
    let mut sandbox = world.sandbox(&["a.example", "v6.example"]);
    let mut script = String::new();
    for name in ["a.example", "v6.example"] {
        for family in ["-4", "-6"] {
            script += &format!("{GET} {family} http://{name}/ | head -1; ");
        }
    }
    let printed = sandbox.run(&script);
    let expected = "server four\nserver four\nserver six\nserver six";
    assert_eq!(printed, expected, "{:?}", sandbox.events());
}

/// Each of `endpoints` from inside, as `HOST PORT ANSWER`.
fn attempts(sandbox: &mut Sandbox, endpoints: &[(&str, u16)]) -> Vec<String> {
    let printed = sandbox.python(&format!(
        "
for host, port in {endpoints:?}:
    try:
        with socket.create_connection((host, port), timeout=20) as s:
            print(host, port, s.recv(9).decode().strip())
    except OSError as e:
        print(host, port, type(e).__name__)
"
    ));
    printed.lines().map(str::to_owned).collect()
}

const ENDPOINTS: [(&str, u16); 10] = [
    ("x.y.wild.example", 22),
    ("wild.example", 22),
    ("x.y.wild.example", 9000),
    ("a.example", 9000),
    ("a.example", 22),
    ("a.example", 22222),
    ("10.66.0.1", 5432),
    ("203.0.113.10", 22),
    ("203.0.113.10", 9000),
    ("203.0.113.10", 2222),
];

const RULES: [&str; 4] = [
    "*.wild.example:22",
    "a.example:9000",
    "10.66.0.0/16",
    "203.0.113.10:22",
];

fn world_of_ports() -> World {
    let world = World::new();
    world.name("x.y.wild.example", &[SERVER]);
    world.name("wild.example", &[SERVER]);
    for address in [SERVER, PRIVATE] {
        for port in [22, 5432, 9000, 22222] {
            echo(&format!("{address}:{port}"), "hello\n");
        }
    }
    world
}

#[test]
fn wildcards_ports_ranges_and_addresses_are_followed() {
    in_a_world!();
    let world = world_of_ports();
    let mut sandbox = world.sandbox(&RULES);
    assert_eq!(sandbox.shortfalls, [""; 0]);
    let expected = [
        "x.y.wild.example 22 hello",
        "wild.example 22 gaierror",
        "x.y.wild.example 9000 ConnectionResetError",
        "a.example 9000 hello",
        "a.example 22 ConnectionResetError",
        "a.example 22222 ConnectionRefusedError",
        "10.66.0.1 5432 hello",
        "203.0.113.10 22 hello",
        "203.0.113.10 9000 ConnectionRefusedError",
        "203.0.113.10 2222 ConnectionRefusedError",
    ];
    assert_eq!(attempts(&mut sandbox, &ENDPOINTS), expected);
    let refused = |endpoint: &str| {
        format!("{endpoint}: not in allow_net; to allow it: aigate allow net {endpoint}")
    };
    let expected = [
        "wild.example",
        "x.y.wild.example:9000",
        "a.example:22",
        "a.example:22222",
        "203.0.113.10:9000",
        "203.0.113.10:2222",
    ];
    assert_eq!(sandbox.events(), expected.map(refused));
}

#[test]
fn without_a_packet_filter_named_and_common_ports_are_served() {
    in_a_world!();
    let mut world = world_of_ports();
    world.without.filter = true;
    let mut sandbox = world.sandbox(&["a.example", "203.0.113.10:22222"]);
    assert!(sandbox.shortfalls[0].contains("only ports that a rule names"));
    let endpoints = [("a.example", 22), ("a.example", 22222), ("a.example", 9000)];
    let expected = [
        "a.example 22 hello",
        "a.example 22222 hello",
        "a.example 9000 ConnectionRefusedError",
    ];
    assert_eq!(attempts(&mut sandbox, &endpoints), expected);
    let told = "a.example:9000: the rule names no port and this one is not among the common \
                ones; name it: aigate allow net a.example:9000";
    assert_eq!(sandbox.events(), [told]);
}

#[test]
fn a_rule_without_a_port_opens_every_port() {
    in_a_world!();
    let world = world_of_ports();
    let mut sandbox = world.sandbox(&["*"]);
    let endpoints = [
        ("a.example", 22222),
        ("203.0.113.10", 9000),
        ("10.66.0.1", 22),
    ];
    let expected = [
        "a.example 22222 hello",
        "203.0.113.10 9000 hello",
        "10.66.0.1 22 ConnectionResetError",
    ];
    assert_eq!(attempts(&mut sandbox, &endpoints), expected);
    let told = "10.66.0.1:22: leads to 10.66.0.1, a private address, which a rule must name as \
                an address; to allow it: aigate allow net 10.66.0.1:22";
    assert_eq!(sandbox.events(), [told]);
}

#[test]
fn a_refusal_says_why_to_the_program_too() {
    in_a_world!();
    let world = World::new();
    let mut sandbox = world.sandbox(&["a.example:80", "b.example:443"]);
    let script = format!(
        "{GET} http://b.example/; {GET} https://a.example/; echo $?; \
         dig +tries=1 +time=3 c.example | grep EDE"
    );
    let printed = sandbox.run(&script);
    let web = "aigate: b.example:80: not in allow_net; to allow it: \
               aigate allow net b.example:80\n";
    assert!(printed.starts_with(web), "{printed}");
    assert!(printed.contains("\n35\n"), "a TLS alert: {printed}");
    assert!(printed.contains("access denied"), "{printed}");
    if std::path::Path::new("/usr/bin/dig").exists() {
        let why = "(Blocked): (c.example: not in allow_net";
        assert!(printed.contains(why), "{printed}");
    }
}

#[test]
fn rules_change_while_programs_run() {
    in_a_world!();
    let world = World::new();
    echo(&format!("{SERVER}:7000"), "hello\n");
    let told = tempfile::tempdir().expect("directory");
    let mut sandbox = world.sandbox(&["b.example"]);
    let script = r#"
import time
def attempt():
    try:
        s = socket.create_connection(("a.example", 7000), timeout=20)
        return s, s.recv(9)
    except OSError as e:
        return None, type(e).__name__
print(attempt()[1], flush=True)
open("TOLD/closed", "w")
for _ in range(400):
    s, seen = attempt()
    if s: break
    time.sleep(0.05)
print(seen, flush=True)
open("TOLD/open", "w")
try:
    print("kept", s.recv(9))
except OSError as e:
    print(type(e).__name__)
print(attempt()[1])
"#;
    let script = script.replace("TOLD", &told.path().display().to_string());
    sandbox.start(&python(&script));
    let wait_for = |name: &str| {
        while !told.path().join(name).exists() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    };
    wait_for("closed");
    let update = |texts: &[&str]| {
        let rules = aigate::egress::Rules {
            net: rules(texts),
            publish_ports: Vec::new(),
        };
        sandbox.broker.as_ref().expect("broker").update(rules);
    };
    update(&["b.example", "a.example:7000"]);
    wait_for("open");
    update(&["b.example"]);
    let printed = sandbox.finish();
    assert_eq!(
        printed,
        "gaierror\nb'hello\\n'\nConnectionResetError\ngaierror"
    );
}

#[test]
fn without_a_second_namespace_the_same_holds() {
    in_a_world!();
    without_veth(true);
}

#[test]
fn without_both_the_same_holds() {
    in_a_world!();
    without_veth(false);
}

fn without_veth(filter: bool) {
    let mut world = World::new();
    world.without.veth = true;
    world.without.filter = !filter;
    web(&format!("{SERVER}:80"), "server a");
    web(&format!("{OTHER}:80"), "server b");
    web("127.0.0.1:8080", "service of the host");
    let mut sandbox = world.sandbox(&["a.example", "localhost:8080"]);
    let shortfalls = sandbox.shortfalls.join("\n");
    let said = shortfalls.contains("cannot listen on the ports [22, 80");
    assert_eq!(said, !filter, "{shortfalls}");
    let script = format!(
        "{GET} http://a.example/ | head -1; {GET} -6 http://a.example/ | head -1; \
         {GET} http://b.example/; echo $?; {GET} http://127.0.0.1:8080/ | head -1; \
         {GET} http://127.0.0.1:8081/; echo $?; {GET} http://{OTHER}/; echo; echo $?"
    );
    let printed = sandbox.run(&script);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[..3], ["server a", "server a", "6"], "{printed}");
    assert_eq!(lines[3..5], ["service of the host", "7"], "{printed}");
    assert!(!printed.contains("server b"), "{printed}");
}
