//! The world of one test, see the module above.

use std::collections::HashMap;
use std::env;
use std::io::{Read, Write};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

pub(crate) use crate::servers::*;
use aigate::egress::{Broker, Event, HostFiles, Rules, Settings, Upstream};
use aigate::engine::linux::netns::{self, NetPlan, Without};
use aigate::policy::net::NetRule;
use aigate::policy::origin::{Layer, Origin};
use aigate::sys::handover::BrokerSockets;
use aigate::sys::netlink::{LOOPBACK, Netlink, Request, Subsystem};

/// A server that looks like one on the internet.
pub(crate) const SERVER: &str = "203.0.113.10";
/// Another.
pub(crate) const OTHER: &str = "203.0.113.20";
/// One on the local network.
pub(crate) const PRIVATE: &str = "10.66.0.1";
/// The metadata service of a cloud.
pub(crate) const METADATA: &str = "169.254.169.254";
const SERVER_V6: &str = "2a00:db8::10";
const WORLD: &str = "AIGATE_TEST_WORLD";
const INSIDE: &str = "AIGATE_TEST_INSIDE";
const REACHED: &str = "-- reached --";

/// Runs the rest of the test in a world of its own.
macro_rules! in_a_world {
    () => {
        if !$crate::world::is_here() {
            return $crate::world::go();
        }
    };
}
pub(crate) use in_a_world;

pub(crate) fn is_here() -> bool {
    env::var_os(WORLD).is_some()
}

/// Runs the calling test again, in namespaces of its own.
pub(crate) fn go() {
    let test = thread::current()
        .name()
        .expect("tests have names")
        .to_owned();
    let output = namespaces()
        .arg(env::current_exe().expect("own path"))
        .args(["--exact", &test, "--nocapture", "--test-threads=1"])
        .env(WORLD, "1")
        .output()
        .expect("unshare of util-linux");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}\n{errors}"
    );
    eprint!("{errors}");
}

fn namespaces() -> Command {
    let mut command = Command::new("unshare");
    command.args([
        "--user",
        "--map-current-user",
        "--net",
        "--mount",
        "--keep-caps",
        "--kill-child",
    ]);
    command
}

/// The rules that these texts state; `!` in front denies.
pub(crate) fn rules(texts: &[&str]) -> Vec<NetRule> {
    let rule = |(text, group): (&&str, u16)| {
        let denied = text.strip_prefix('!');
        let text = denied.unwrap_or(text);
        let origin = Origin::without_file(Layer::User, text);
        NetRule::parse(text, denied.is_none(), group, origin).expect("rule")
    };
    texts.iter().zip(0..).map(rule).collect()
}

pub(crate) type Zone = Arc<Mutex<HashMap<String, Vec<IpAddr>>>>;

/// See the module.
pub(crate) struct World {
    zone: Zone,
    asked: Arc<Mutex<Vec<String>>>,
    files: HostFiles,
    dir: tempfile::TempDir,
    pub(crate) upstream: Upstream,
    pub(crate) publish: Vec<u16>,
    pub(crate) without: Without,
}

impl World {
    /// Brings the loopback up, with the addresses of servers. Once is enough.
    pub(crate) fn loopback() {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            let netlink = Netlink::open(Subsystem::Route).expect("netlink");
            let address = |text: &str| {
                Request::address("test address", LOOPBACK, text.parse().expect("address"))
            };
            let addresses = [SERVER, OTHER, PRIVATE, METADATA, SERVER_V6].map(address);
            netlink
                .run(&[Request::link_up("lo", LOOPBACK)])
                .expect("lo up");
            netlink.run(&addresses).expect("addresses");
        });
    }

    pub(crate) fn new() -> Self {
        World::loopback();
        let (zone, asked) = (Zone::default(), Arc::default());
        let dns_port = serve_dns(Arc::clone(&zone), Arc::clone(&asked));
        let dir = tempfile::tempdir().expect("directory");
        let resolv_conf = dir.path().join("resolv.conf");
        std::fs::write(
            &resolv_conf,
            "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
        )
        .expect("write");
        let files = HostFiles {
            resolv_conf,
            hosts: dir.path().join("hosts"),
            dns_port,
        };
        let world = World {
            zone,
            asked,
            files,
            dir,
            upstream: Upstream::default(),
            publish: Vec::new(),
            without: Without::default(),
        };
        for (name, address) in [
            ("a.example", SERVER),
            ("b.example", OTHER),
            ("evil.example", OTHER),
            ("v6.example", SERVER_V6),
            ("inner.example", PRIVATE),
            ("rebind.example", "127.0.0.1"),
            ("metadata.example", "169.254.169.254"),
            ("mapped.example", "::ffff:127.0.0.1"),
        ] {
            world.name(name, &[address]);
        }
        world
    }

    /// Gives `name` these addresses outside.
    pub(crate) fn name(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses
            .iter()
            .map(|a| a.parse().expect("address"))
            .collect();
        self.zone.lock().unwrap().insert(name.to_owned(), addresses);
    }

    /// Where the DNS server of the world listens, on the loopback.
    pub(crate) fn dns_port(&self) -> u16 {
        self.files.dns_port
    }

    /// The names that were looked up outside.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// How the host of this world reaches the network.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            files: self.files.clone(),
            upstream: self.upstream.clone(),
        }
    }

    /// A sandbox with these rules, in which nothing runs yet.
    pub(crate) fn sandbox(&self, texts: &[&str]) -> Sandbox {
        let path = self.dir.path().join("handover");
        drop(std::fs::remove_file(&path));
        let listener = UnixListener::bind(&path).expect("socket");
        let plan = NetPlan::filtered(&rules(texts), &self.publish);
        let plan = NetPlan {
            without: self.without,
            ..plan
        };
        let mut child = namespaces()
            .arg(env::current_exe().expect("own path"))
            .args([
                "--exact",
                "world::inside",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(INSIDE, &path)
            .env("AIGATE_TEST_RULES", texts.join(" "))
            .env(
                "AIGATE_TEST_WITHOUT_VETH",
                if plan.without.veth { "1" } else { "" },
            )
            .env(
                "AIGATE_TEST_WITHOUT_FILTER",
                if plan.without.filter { "1" } else { "" },
            )
            .env("AIGATE_TEST_PUBLISH", if plan.publishes { "1" } else { "" })
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("unshare of util-linux");
        let stream = accept(&listener, &mut child);
        let sockets = BrokerSockets::receive(stream.as_fd()).expect("sockets");
        let shortfalls = sockets.shortfalls.clone();
        let (sender, events) = channel();
        let rules = Rules {
            net: rules(texts),
            publish_ports: self.publish.clone(),
        };
        let sink = Box::new(move |event| drop(sender.send(event)));
        let broker = Broker::start(sockets, rules, self.settings(), sink).expect("broker");
        Sandbox {
            stream,
            child: Some(child),
            broker: Some(broker),
            events,
            heard: Vec::new(),
            shortfalls,
        }
    }
}

fn accept(listener: &UnixListener, child: &mut Child) -> UnixStream {
    listener.set_nonblocking(true).expect("listener");
    for _ in 0..1000 {
        if let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(false).expect("stream");
            return stream;
        }
        if child.try_wait().expect("child").is_some() {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let mut text = String::new();
    drop(child.kill());
    drop(
        child
            .stdout
            .take()
            .map(|mut out| out.read_to_string(&mut text)),
    );
    drop(
        child
            .stderr
            .take()
            .map(|mut out| out.read_to_string(&mut text)),
    );
    panic!("no sandbox: {text}");
}

/// One sandbox and its broker.
pub(crate) struct Sandbox {
    stream: UnixStream,
    child: Option<Child>,
    pub(crate) broker: Option<Broker>,
    events: Receiver<Event>,
    /// What the script printed so far, as far as it was waited for.
    heard: Vec<u8>,
    pub(crate) shortfalls: Vec<String>,
}

impl Sandbox {
    /// Starts `script` inside, as `sh -c`.
    pub(crate) fn start(&mut self, script: &str) {
        self.stream.write_all(script.as_bytes()).expect("script");
        self.stream
            .shutdown(std::net::Shutdown::Write)
            .expect("end of script");
    }

    /// Waits for the script; what it printed.
    pub(crate) fn finish(&mut self) -> String {
        let output = self
            .child
            .take()
            .expect("a child")
            .wait_with_output()
            .expect("output");
        let printed = [std::mem::take(&mut self.heard), output.stdout].concat();
        let text = String::from_utf8_lossy(&printed);
        let errors = String::from_utf8_lossy(&output.stderr);
        let (_, printed) = text
            .split_once(REACHED)
            .unwrap_or_else(|| panic!("{text}{errors}"));
        format!("{printed}{errors}").trim().to_owned()
    }

    /// Waits until the script has printed `text`.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let stdout = self.child.as_mut().expect("a child").stdout.as_mut();
        let stdout = stdout.expect("a pipe");
        let mut part = [0; 512];
        while !String::from_utf8_lossy(&self.heard).contains(text) {
            let length = stdout.read(&mut part).expect("output");
            assert_ne!(length, 0, "it ended without {text}");
            self.heard.extend_from_slice(&part[..length]);
        }
    }

    /// Whether the script has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        let child = self.child.as_mut().expect("a child");
        child.try_wait().expect("state").is_none()
    }

    /// Runs `script` inside; what it printed.
    pub(crate) fn run(&mut self, script: &str) -> String {
        self.start(script);
        self.finish()
    }

    /// Runs a Python program inside; what it printed.
    pub(crate) fn python(&mut self, program: &str) -> String {
        self.run(&python(program))
    }

    /// The events so far, in words.
    pub(crate) fn events(&self) -> Vec<String> {
        // The program inside learns of a refusal a moment before it is told here.
        let quiet = Duration::from_millis(250);
        std::iter::from_fn(|| self.events.recv_timeout(quiet).ok())
            .map(|event| event.to_string())
            .collect()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// A shell command that runs a Python program.
pub(crate) fn python(program: &str) -> String {
    format!("/usr/bin/python3 - <<'PYTHON'\nimport socket, sys\n{program}\nPYTHON\n")
}

/// Runs `script` outside, in the world: the control arm.
pub(crate) fn outside(script: &str) -> String {
    let output = Command::new("sh")
        .args(["-c", script])
        .output()
        .expect("sh");
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// Not a test of its own: what a sandbox runs first.
#[test]
fn inside() {
    let Some(path) = env::var_os(INSIDE) else {
        return;
    };
    let text = env::var("AIGATE_TEST_RULES").expect("rules");
    let texts: Vec<&str> = text.split_whitespace().collect();
    let set = |name: &str| env::var(name).is_ok_and(|value| !value.is_empty());
    let plan = NetPlan::filtered(&rules(&texts), &[]);
    let plan = NetPlan {
        without: Without {
            veth: set("AIGATE_TEST_WITHOUT_VETH"),
            filter: set("AIGATE_TEST_WITHOUT_FILTER"),
        },
        publishes: set("AIGATE_TEST_PUBLISH"),
        ..plan
    };
    let start = std::time::Instant::now();
    let sockets = netns::build(&plan).expect("network");
    if env::var_os("AIGATE_TEST_TIMES").is_some() {
        eprintln!("build: {:?}", start.elapsed());
    }
    let mut stream = UnixStream::connect(path).expect("handover");
    sockets.send(stream.as_fd()).expect("send");
    drop(sockets);
    let mut script = String::new();
    stream.read_to_string(&mut script).expect("script");
    drop(stream);
    let script = format!("echo '{REACHED}'; {script}");
    let drop_all = [
        "--bounding-set=-all",
        "--inh-caps=-all",
        "--ambient-caps=-all",
    ];
    let error = Command::new("setpriv")
        .args(drop_all)
        .args(["--no-new-privs", "sh", "-c", &script])
        .env_remove(WORLD)
        .env_remove(INSIDE)
        .exec();
    panic!("setpriv: {error}");
}
