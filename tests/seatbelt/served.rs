//! The network of a command under `sandbox-exec`: the broker at its port, and that nobody is there when
//! the run has ended, however it ended. The stand-in confines nothing: that the command has no other
//! way is what the profile says.

use std::cell::Cell;
use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use aigate::app::exec;
use aigate::config;
use aigate::egress::{Broker, Front, Rules, Settings};
use aigate::engine::linux::netns::NetPlan;
use aigate::engine::plan::{Maker, Plan, Step};
use aigate::engine::seatbelt::divide;
use aigate::engine::seatbelt::profile::{Reach, Sandbox, profile};
use aigate::engine::{Error, Exit};
use aigate::policy::Policy;
use aigate::sys::process::exit_now;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use super::started::{Outfit, Place, code, ended};
use super::{only, sandbox};

/// A server on the loopback that answers each request with these words.
fn web(words: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut buffer = [0; 4096];
            drop(stream.read(&mut buffer));
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", words.len());
            drop(stream.write_all(format!("{head}{words}").as_bytes()));
        }
    });
    port
}

/// Starts the script with a broker that follows `rules`; its port is left in a file.
fn start(place: &Place, rules: &Policy, script: &str) -> Pid {
    place.start_in(script, |start| {
        let front = Front::open().expect("a port");
        fs::write(place.at("port"), front.port().to_string()).expect("a file");
        let reach = Reach::Broker(front.port());
        let text = profile(&Sandbox {
            reach,
            ..sandbox(rules)
        })
        .expect("a profile");
        let variables = front
            .variables()
            .into_iter()
            .map(|(name, value)| CString::new(format!("{name}={value}")).expect("a variable"));
        let variables = variables.collect();
        let events = place.at("events");
        let front = Cell::new(Some(front));
        let serve = || {
            let front = front.take().ok_or(io::ErrorKind::NotFound)?;
            let events = events.clone();
            let sink = Box::new(move |event| {
                let file = OpenOptions::new().create(true).append(true).open(&events);
                drop(file.and_then(|mut file| writeln!(file, "{event}")));
            });
            let rules = Rules {
                net: rules.net.clone(),
                publish_ports: Vec::new(),
            };
            let broker = Broker::at(front, rules, Settings::default(), sink)?;
            let follow = move |_: &Policy| broker.update(Rules::default());
            Ok(Box::new(follow) as Box<dyn Fn(&Policy)>)
        };
        start(Outfit {
            profile: &text,
            variables,
            serve: Some(&serve),
        });
    })
}

fn port(place: &Place) -> u16 {
    place.read("port").parse().expect("a port")
}

/// Whether somebody listens at the door; if not at once, then within a second.
fn is_open(port: u16) -> bool {
    (0..100).all(|_| {
        thread::sleep(Duration::from_millis(10));
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    })
}

/// The plan for a network of these rules.
fn divided(text: &str, port: Option<u16>) -> Result<Plan, Error> {
    let rules = only(text);
    let network = NetPlan::filtered(&rules.net, &rules.publish_ports);
    let plan = Plan {
        steps: vec![Step::Network(network)],
        own_network: true,
        maker: Maker::Native,
    };
    divide(plan, &rules, port)
}

#[test]
fn one_port_is_open_where_a_rule_allows_something() {
    let told = |text, port| divided(text, port).expect("a profile").to_string();
    let hosts = told("allow_net: [a.example]\n", Some(4321));
    assert!(hosts.contains("(remote ip \"localhost:4321\")"), "{hosts}");
    assert!(
        hosts.ends_with("; network: through the broker\n"),
        "{hosts}"
    );
    let read = told("allow_net: [a.example]\n", None);
    assert!(read.contains("(remote ip \"localhost:1\")"), "{read}");
    let nobody = told("deny_net: [a.example]\n", Some(4321));
    assert!(!nobody.contains("network"), "{nobody}");
    let published = divided("publish_ports: [3000]\n", Some(4321)).expect_err("refused");
    let told = published.to_string();
    assert!(
        told.contains("publish_ports") && told.contains("nothing was run"),
        "{told}"
    );
}

#[test]
fn the_command_reaches_what_the_rules_allow_through_the_broker() {
    let place = Place::new();
    let (open, closed) = (web("open"), web("closed"));
    let rules = only(&format!("allow_net: ['localhost:{open}']\n"));
    let get = |port| format!("curl -sS -m 20 http://localhost:{port}/; echo");
    let script = [
        get(open),
        get(closed),
        format!("curl -sS -m 20 -p http://localhost:{open}/"),
    ];
    let pid = start(&place, &rules, &script.join("; "));
    assert_eq!(
        code(ended(pid)),
        0,
        "{}{}",
        place.read("err"),
        place.read("error")
    );
    let told = format!(
        "localhost:{closed}: not in allow_net; to allow it: aigate allow net localhost:{closed}"
    );
    let expected = format!("open\naigate: {told}\n\nopen");
    assert_eq!(place.read("out"), expected, "{}", place.read("err"));
    assert_eq!(place.read("events"), format!("{told}\n"));
    let port = port(&place);
    let profile = &place.told()[1];
    assert!(
        profile.contains(&format!("(remote ip \"localhost:{port}\")")),
        "{profile}"
    );
    assert!(!is_open(port));
    // The control: without the variables the same command reaches both.
    let place = Place::new();
    let pid = place.start(&script[..2].join("; "), || {});
    assert_eq!(
        (code(ended(pid)), place.read("out")),
        (0, "open\nclosed\n".into())
    );
}

/// `aigate exec -- sh -c SCRIPT` in a project of this place, with the stand-in for its `sandbox-exec`.
fn exec(place: &Place, config: &str, script: &str) -> Pid {
    for directory in ["home/.aigate", "home/project"] {
        fs::create_dir_all(place.at(directory)).expect("a directory");
    }
    fs::write(place.at("home/.aigate/config.yaml"), config).expect("a file");
    place.apart(|| {
        let request = exec::Request {
            program: "sh".into(),
            args: vec!["-c".into(), script.into()],
            sandbox_exec: Some(place.at("sandbox-exec")),
            ..exec::Request::here(config::Request {
                cwd: place.at("home/project"),
                home: place.at("home"),
                managed: place.at("none"),
                project_override: None,
                profile: None,
                command_line: Default::default(),
                as_if: Vec::new(),
            })
        };
        match exec::run(&request) {
            Ok(ended) => {
                let rules = ended.refused.iter().map(|refused| &*refused.rule);
                fs::write(place.at("refused"), rules.collect::<String>()).expect("a file");
                let Exit::Code(code) = ended.exit else { return };
                exit_now(code)
            }
            Err(error) => {
                fs::write(place.at("error"), error.to_string()).expect("a file");
                exit_now(125)
            }
        }
    })
}

#[test]
fn a_whole_run_names_its_port_and_serves_it_and_tells_what_was_refused() {
    let place = Place::new();
    let (open, closed) = (web("open"), web("closed"));
    let config = format!("engine: seatbelt\nallow_net: ['localhost:{open}']\n");
    let get = |port| {
        format!("curl -sS -m 20 -o /dev/null -w '%{{http_code}}\\n' http://localhost:{port}/")
    };
    let script = format!("{}; {}; echo $http_proxy; exit 7", get(open), get(closed));
    let pid = exec(&place, &config, &script);
    assert_eq!(
        code(ended(pid)),
        7,
        "{}{}",
        place.read("err"),
        place.read("error")
    );
    let out = place.read("out");
    let [allowed, denied, proxy] = out.lines().collect::<Vec<_>>()[..] else {
        panic!("{out}");
    };
    assert_eq!((allowed, denied), ("200", "403"));
    let (_, port) = proxy.rsplit_once(':').expect("a port");
    let profile = &place.told()[1];
    assert!(
        profile.contains(&format!("(remote ip \"localhost:{port}\")")),
        "{profile}"
    );
    assert!(!is_open(port.parse().expect("a port")));
    let told = format!("localhost:{closed}");
    assert_eq!(place.read("refused"), told);
    let log = place.read("home/.aigate/audit.jsonl");
    let blocked: Vec<_> = log
        .lines()
        .filter(|line| line.contains("blocked"))
        .collect();
    assert!(blocked.len() == 1 && blocked[0].contains(&told), "{log}");
    // What is shown at the door is written down nowhere.
    let (shown, _) = proxy.rsplit_once('@').expect("a user");
    assert!(
        !log.contains(shown.rsplit(':').next().expect("a password")),
        "{log}"
    );
}

#[test]
fn a_run_whose_rules_allow_nothing_opens_no_door() {
    let place = Place::new();
    let pid = exec(
        &place,
        "engine: seatbelt\nallow_net: []\n",
        "echo \"<$NODE_USE_ENV_PROXY>\"",
    );
    assert_eq!(
        (code(ended(pid)), place.read("out")),
        (0, "<>\n".into()),
        "{}",
        place.read("error")
    );
    assert!(!place.told()[1].contains("remote ip"));
}

#[test]
fn what_the_command_leaves_behind_does_not_keep_the_door_open() {
    let place = Place::new();
    let rules = only("allow_net: [a.example]\n");
    let script = "sleep 600 >/dev/null 2>&1 & echo $!; until test -e go; do sleep 0.01; done";
    let pid = start(&place, &rules, script);
    place.until("\n");
    assert!(is_open(port(&place)), "the control");
    File::create(place.at("go")).expect("a file");
    assert_eq!(code(ended(pid)), 0);
    assert!(!is_open(port(&place)));
    let left: i32 = place.read("out").trim().parse().expect("a process");
    kill(Pid::from_raw(left), Signal::SIGKILL).expect("it goes on, as is said");
}

#[test]
fn nobody_is_at_the_door_when_the_supervisor_was_killed() {
    let place = Place::new();
    let open = web("open");
    let rules = only(&format!("allow_net: ['localhost:{open}']\n"));
    let get = format!("curl -sS -m 20 http://localhost:{open}/ 2>&1; echo");
    let wait = "until test -e go; do sleep 0.01; done";
    let pid = start(
        &place,
        &rules,
        &format!("{get}; echo up; {wait}; {get}; echo end"),
    );
    place.until("up");
    assert_eq!(place.read("out"), "open\nup\n");
    assert!(is_open(port(&place)), "the control");
    kill(pid, Signal::SIGKILL).expect("our own child");
    assert!(matches!(
        ended(pid),
        WaitStatus::Signaled(_, Signal::SIGKILL, _)
    ));
    assert!(!is_open(port(&place)));
    // The command goes on, and reaches nothing any more.
    File::create(place.at("go")).expect("a file");
    place.until("end");
    let out = place.read("out");
    assert!(
        out.contains("curl: (7)") && out.matches("open").count() == 1,
        "{out}"
    );
}

#[test]
fn where_nobody_can_serve_it_the_command_is_ended() {
    let place = Place::new();
    let pid = place.start_in("sleep 600; echo ran", |start| {
        start(Outfit {
            profile: "(version 1)",
            variables: Vec::new(),
            serve: Some(&|| Err(io::ErrorKind::OutOfMemory.into())),
        });
    });
    assert_eq!((code(ended(pid)), place.read("out")), (125, String::new()));
    assert!(
        place
            .read("error")
            .contains("nothing could serve its network"),
        "{}",
        place.read("error")
    );
}
