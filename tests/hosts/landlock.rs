//! `engine: landlock` where there are no user namespaces: which promises it keeps, which it loses by
//! name, and what it refuses.

use std::time::Duration;

use serde_json::Value;

use super::support::{Outcome, SECRET, World, place, process, python, quoted};
use super::{NO_NAMESPACES, refused, refusing, sockets_go};

const ACCEPTED: &str =
    "engine: landlock\naccept_losses: [names, later, protected, metadata, processes]\n";

fn world(more: &str) -> World {
    refusing(NO_NAMESPACES)
        .config(&format!("{ACCEPTED}{more}"))
        .without_namespaces()
        .dir("src")
}

/// Waits for what the host shows; a loaded machine may take its time.
#[track_caller]
fn eventually(what: &str, holds: impl FnMut() -> bool) {
    let holds = process::at_last_within(Duration::from_secs(60), holds);
    assert!(holds, "never: {what}");
}

/// Seen: landlock | no user namespaces (a container's filter) | hidden files, outside, signals: kept
#[test]
fn keeps_what_landlock_can_say() {
    let world = world("").home_secret(".ssh/id_ed25519");
    world.hidden("cat .env");
    world.hidden("cat ~/.ssh/id_ed25519");
    world.hidden("grep -rs KEY . ~");
    keeps_the_outside(&world);
}

/// Nothing outside is changed or signalled, and the project and a temporary directory can be written.
#[track_caller]
pub(super) fn keeps_the_outside(world: &World) {
    world.keeps(
        world.elsewhere(),
        &format!("echo evil > {}/new", quoted(world.elsewhere())),
    );
    world.keeps(world.neighbour(), "mkdir ../other/new");
    world.keeps(world.home(), "echo evil >> ~/.bashrc");
    let victim = world.host("exec sleep 600");
    world.denies(&format!("kill -0 {}", victim.id()));
    world.permits("echo new > src/new && cat src/new && cd src && mkdir a && mv new a && ls a");
    world.permits("name=$(mktemp) && echo text > $name && cat $name && : > /dev/null");
}

/// Seen: landlock | no user namespaces | a hidden file moved, linked or copied to where files can be read: kept
#[test]
fn a_hidden_file_stays_hidden_wherever_it_is_moved() {
    for act in [
        "mv .env src/moved; cat src/moved",
        "ln .env src/linked; cat src/linked",
        "mv .env a; cat a",
        "cp .env src/copied; cat src/copied",
        "ln -s ../.env src/link; cat src/link",
        "cat /proc/self/cwd/.env",
        "mv src old; mkdir src; mv .env src/new; cat src/new",
    ] {
        let copy = act.replace(".env", ".control");
        let world = world("")
            .file("a", "old\n")
            .file(".control", "KEY=hunter2\n");
        world.hidden_unlike(act, &copy);
    }
    for act in [
        "mv sub src/sub; cat src/sub/.env",
        "mv src old; mv sub src; cat src/.env",
    ] {
        let world = world("").secret("sub/.env").secret("plain/.env");
        world.hidden_unlike(act, &act.replace("sub", "plain"));
    }
}

/// Seen: landlock | no user namespaces | memory, environment and descriptors of other processes: kept
#[test]
fn processes_of_the_host_keep_their_secrets() {
    let world = world("");
    let victim = world.host(&format!("TOKEN={SECRET} exec sleep 600 < .env"));
    let pid = victim.id();
    eventually("the victim's environment", || {
        world
            .control(&format!("cat /proc/{pid}/environ"))
            .said(SECRET)
    });
    world.hidden(&format!("cat /proc/{pid}/environ"));
    world.hidden(&format!("cat /proc/{pid}/fd/0"));
    world.hidden(&format!("cat /proc/{pid}/cwd/.env"));
    world.denies(&format!("prlimit --pid {pid} --nofile=16:"));
}

/// Seen: landlock | no user namespaces | sockets with a path: kept, for there are none inside
#[test]
fn no_daemon_of_the_host_is_reached_by_its_socket() {
    let _gate = sockets_go();
    let world = world("network: open\n");
    let listener = |kind: &str| {
        python(&format!(
            "import socket,time; s=socket.socket(socket.AF_UNIX, socket.{kind}); \
             s.bind('src/{kind}'); {} print('up', flush=True); time.sleep(600)",
            if kind == "SOCK_STREAM" {
                "s.listen();"
            } else {
                ""
            }
        ))
    };
    for (kind, make) in [
        ("SOCK_STREAM", "socket.socket(socket.AF_UNIX)"),
        (
            "SOCK_DGRAM",
            "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)",
        ),
        (
            "SOCK_DGRAM",
            "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0]",
        ),
    ] {
        let host = world.host(&format!("rm -f src/{kind}; exec {}", listener(kind)));
        assert_eq!(host.line().trim(), "up");
        world.denies(&python(&format!(
            "import socket; s={make}; s.connect('src/{kind}')"
        )));
    }
    world.permits(&python(
        "import socket; a,b=socket.socketpair(); a.send(b'x'); assert b.recv(1)==b'x'",
    ));
}

fn connect_to_the_host(world: &World) -> (super::support::Host, String) {
    let listener = world.host(
        "exec python3 -c 'import socket,time; s=socket.create_server((\"127.0.0.1\",0)); \
         print(s.getsockname()[1], flush=True); time.sleep(600)'",
    );
    let port = listener.line().trim().to_owned();
    let act = python(&format!(
        "import socket; socket.create_connection((\"127.0.0.1\", {port}), 5)"
    ));
    (listener, act)
}

/// Seen: landlock | no user namespaces | `network: off`, and a network without hosts: kept
#[test]
fn without_a_network_nothing_is_reached() {
    for network in ["network: \"off\"\n", "network: filtered\nallow_net: []\n"] {
        let world = world(network);
        let (_listener, act) = connect_to_the_host(&world);
        world.denies(&act);
        let datagram = "import socket; s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); \
                        s.sendto(b\"x\", (\"127.0.0.1\", 9))";
        world.denies(&python(datagram));
    }
}

/// Seen: landlock | no user namespaces | `network: open`: works
#[test]
fn an_open_network_is_the_hosts() {
    let world = world("network: open\n");
    let (_listener, act) = connect_to_the_host(&world);
    world.permits(&act);
}

/// Seen: landlock | no user namespaces | listed hosts, published ports, sockets by path, copies in the project: refused; nothing runs
#[test]
fn what_it_cannot_say_is_refused() {
    for (rules, word) in [
        ("network: filtered\nallow_net: [example.org]\n", "hosts"),
        ("network: filtered\nallow_net: [\"*:443\"]\n", "hosts"),
        ("network: open\ndeny_net: [example.org]\n", "hosts"),
        ("network: filtered\npublish_ports: [3000]\n", "ports"),
        ("unix_sockets: [/run/docker.sock]\n", "unix_sockets"),
        ("copy_on_write: [~/work/app/src]\n", "copy_on_write"),
    ] {
        refused(
            &world(rules),
            &["engine: landlock", word, "nothing was run"],
        );
    }
}

/// Seen: landlock | no user namespaces | every attack of `aigate verify`: refused, or given up by name
#[test]
fn the_attacks_of_verify_are_refused_or_given_up() {
    let script = quoted(place::package().join("tests/hosts/refuse.py"));
    let caller = format!("python3 {script} {NO_NAMESPACES}");
    verified(&world("network: \"off\"\n"), &caller);
}

/// `aigate verify`, started by `caller`, reaches nothing but what was given up.
#[track_caller]
pub(super) fn verified(world: &World, caller: &str) {
    world.host_ok("mkdir -p ~/.ssh && cp .env ~/.ssh/id_ed25519");
    let binary = quoted(place::binary());
    let outcome = world.control(&format!("{caller} {binary} verify --json"));
    let report: Value = serde_json::from_str(&outcome.out).unwrap_or_else(|_| panic!("{outcome}"));
    assert_eq!(report["holds"], true, "{outcome}");
    let attacks = report["attacks"].as_array().expect("a list");
    let count = |verdict: &str| {
        attacks
            .iter()
            .filter(|one| one["verdict"] == verdict)
            .count()
    };
    assert!(count("refused") > 30, "{outcome}");
    assert!(count("open") > 0, "{outcome}");
}

/// Seen: landlock | no user namespaces | losses that nobody accepted: refused with the line that accepts them
#[test]
fn without_acceptance_the_run_is_refused_with_the_line() {
    let line = "accept_losses: [names, later, protected, metadata, processes]";
    for rules in [
        "engine: landlock\n",
        "engine: landlock\naccept_losses: [names, later, protected, metadata]\n",
    ] {
        let world = refusing(NO_NAMESPACES).config(rules);
        refused(&world, &[line, "processes: ", "nothing was run"]);
    }
    // Nothing falls back to it by itself.
    for rules in [
        "",
        "engine: auto\n",
        "engine: native\n",
        &format!("{}\n", line),
    ] {
        let world = refusing(NO_NAMESPACES).config(rules);
        refused(&world, &["engine: landlock", line, "nothing was run"]);
    }
}

/// Seen: landlock | no user namespaces | a project's file accepts losses: refused
#[test]
fn a_project_accepts_nothing() {
    let world = refusing(NO_NAMESPACES)
        .config("engine: landlock\n")
        .project_config("accept_losses: [names, later, protected, metadata, processes]\n");
    refused(&world, &["these promises"]);
    let mut trust = world.aigate();
    trust.arg("trust");
    let trusted = process::run(trust);
    assert!(trusted.ok(), "{trusted}");
    refused(&world, &["these promises"]);
}

/// Seen: landlock | no Landlock | refused with the step; nothing runs
#[test]
fn without_landlock_the_run_is_refused() {
    let calls = format!("{NO_NAMESPACES},landlock_create_ruleset=ENOSYS");
    let world = refusing(&calls).config(ACCEPTED).without_namespaces();
    refused(&world, &["fence", "nothing was run"]);
}

/// Seen: landlock | no user namespaces | processes that the command leaves behind: ended
#[test]
fn nothing_is_left_running() {
    let world = world("");
    let start = "setsid sh -c 'echo $$ > src/pid; exec sleep 600' > /dev/null 2>&1 & \
                 while ! test -s src/pid; do sleep 0.05; done; cat src/pid";
    let outcome = world.permits(start);
    let pid = outcome.out.trim().to_owned();
    assert!(
        world.control(&format!("kill -0 {pid}")).code() != Some(0),
        "{outcome}"
    );
    // The control: without a sandbox it stays.
    let outside = world.host_ok(&format!("rm src/pid; {start}"));
    let pid = outside.out.trim();
    world.host_ok(&format!("kill -KILL {pid}"));
}

/// Seen: landlock | no user namespaces | aigate is killed: the command and what it started end
#[test]
fn nothing_outlives_a_killed_supervisor() {
    outlived_by_nothing(world(""), "-name 'aigate-*'");
}

/// The supervisor is killed; what it started ends, and nothing that `find` takes for `left` stays.
pub(super) fn outlived_by_nothing(world: World, left: &str) {
    let elsewhere = world.elsewhere();
    let world = world.env("TMPDIR", elsewhere);
    let script = "mkdir -p $TMPDIR/a/b; setsid sh -c 'echo $$ > src/pid; exec sleep 600' & \
                  echo $$ > src/shell; exec sleep 601";
    let mut command = world.exec("/bin/sh");
    command.args(["-c", script]);
    let run = super::support::Host::start(command);
    let pid = |name: &str| {
        let text = std::fs::read_to_string(world.project().join("src").join(name));
        text.ok().and_then(|text| text.trim().parse::<i32>().ok())
    };
    eventually("the command runs", || {
        pid("pid").is_some() && pid("shell").is_some()
    });
    world.host_ok(&format!("kill -KILL {}", run.id()));
    for name in ["pid", "shell"] {
        let there = format!(
            "test -e /proc/{} && ! grep -q '^State:.Z' /proc/{0}/status",
            pid(name).expect("a pid")
        );
        eventually(name, || !world.control(&there).ok());
    }
    let find = format!("find {} {left}", quoted(world.elsewhere()));
    eventually("no files", || world.control(&find).out.is_empty());
}

/// Seen: landlock | no user namespaces | its directory for temporary files: removed at the end
#[test]
fn its_temporary_directory_is_private_and_goes_with_it() {
    let world = world("");
    let outcome = world.permits("echo $TMPDIR; stat -c %a $TMPDIR; touch $TMPDIR/file");
    let mut lines = outcome.out.lines();
    let directory = lines.next().expect("a path").to_owned();
    assert!(directory.contains("/aigate-"), "{outcome}");
    assert_eq!(lines.next(), Some("700"), "{outcome}");
    assert!(!std::path::Path::new(&directory).exists(), "{outcome}");
}

/// Seen: landlock | no user namespaces | a sandbox inside a sandbox knows where it is
#[test]
fn programs_of_ours_know_that_they_are_inside() {
    let world = world("");
    let binary = quoted(place::binary());
    let outcome = world.sandboxed(&format!("{binary} doctor"));
    assert_eq!(outcome.code(), Some(125), "{outcome}");
    assert!(outcome.err.contains("inside"), "{outcome}");
}

/// Seen: landlock | no user namespaces | `names`: LOST
#[test]
fn loses_the_names_of_hidden_files() {
    let outcome = world("").permits("ls -a; stat -c %s .env");
    assert!(outcome.said(".env"), "{outcome}");
}

/// Seen: landlock | no user namespaces | `later`: LOST where nothing was hidden, kept where something was
#[test]
fn loses_hidden_files_that_appear_later() {
    let world = world("");
    let wait = "touch src/go; n=0; while ! test -e src/done; do sleep 0.05; n=$((n+1)); \
                test $n -lt 600 || exit 3; done;";
    let host = "while ! test -e src/go; do sleep 0.05; done; \
                cp .env src/.env; cp .env next; mv next .env; touch src/done";
    let _host = world.host(host);
    let outcome = world.sandboxed(&format!("{wait} cat .env; echo --; cat src/.env"));
    assert_eq!(outcome.out.trim(), format!("--\nKEY={SECRET}"), "{outcome}");
}

/// Seen: landlock | no user namespaces | `protected`: LOST
#[test]
fn loses_what_is_protected_in_the_project() {
    let world = world("").repository();
    let outcome = world.permits("echo evil > .git/hooks/pre-commit; rm .env");
    assert!(
        world.project().join(".git/hooks/pre-commit").exists(),
        "{outcome}"
    );
    assert!(!world.project().join(".env").exists(), "{outcome}");
}

/// Seen: landlock | no user namespaces | `metadata`: LOST
#[test]
fn loses_the_modes_of_files_outside() {
    let world = world("").home_file("plain", "text\n");
    let outcome = world.permits("chmod 604 ~/plain; stat -c %a ~/plain");
    assert_eq!(outcome.out.trim(), "604", "{outcome}");
}

/// Seen: landlock | no user namespaces | `processes`: LOST
#[test]
fn loses_the_names_of_processes() {
    let world = world("");
    let victim = world.host("exec sleep 600");
    let act = format!("tr '\\0' ' ' < /proc/{}/cmdline", victim.id());
    eventually("the victim's name", || {
        world.control(&act).said("sleep 600")
    });
    let outcome: Outcome = world.permits(&act);
    assert!(outcome.said("sleep 600"), "{outcome}");
}

/// Seen: landlock | no user namespaces | a new file beside a hidden one: cannot be read, and nothing is disclosed
#[test]
fn what_is_made_beside_a_hidden_file_cannot_be_read() {
    let world = world("");
    world.denies("echo text > new; cat new");
    world.permits("echo text > src/new; cat src/new; git init -q src/repository");
}
