//! `aigate verify`: it holds where nothing is wrong, it names what can be reached, and its attacks
//! do come through where nothing confines them.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports by panicking"
)]

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio;

use aigate::verify::{Attack, File, KERNEL, Plan, Way};
use serde_json::Value;
use support::{Outcome, SECRET, World, place, process};

/// A project and a home with something of everything that is attacked.
fn world() -> World {
    World::new()
        .repository()
        .secret(".env")
        .file("src/main.rs", "fn main() {}\n")
        .home_secret(".ssh/id_ed25519")
        .home_secret(".aws/credentials")
        .home_file(".bashrc", "alias ll='ls -l'\n")
        .env("GH_TOKEN", SECRET)
}

fn verify(world: &World, words: &[&str]) -> Outcome {
    let mut command = world.aigate();
    command.arg("verify").args(words);
    process::run(command)
}

/// Every attack with its verdict, as JSON.
fn attacks(outcome: &Outcome) -> Vec<Value> {
    let report: Value = serde_json::from_str(&outcome.out).unwrap_or_else(|_| panic!("{outcome}"));
    report["attacks"].as_array().expect("attacks").clone()
}

fn with<'a>(attacks: &'a [Value], key: &str, value: &str) -> Vec<&'a Value> {
    let has = |attack: &&Value| {
        attack[key]
            .as_str()
            .is_some_and(|found| found.ends_with(value))
    };
    attacks.iter().filter(has).collect()
}

#[test]
fn holds_in_a_normal_world_and_changes_nothing() {
    let world = world();
    let before = place::picture(world.root());
    let outcome = verify(&world, &[]);
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(outcome.said("The sandbox holds"), "{outcome}");
    assert!(!outcome.said("REACHED"), "{outcome}");
    for line in [
        "refused    read a hidden file by its name: ",
        "refused    read a hidden file through /proc/self/root: ",
        "refused    unmount a mask in a nested user namespace: ",
        "refused    write what is protected: ",
        "refused    connect to an abstract socket: ",
        "refused    signal a process of the host: ",
        "refused    signal the caller's process group: ",
        "refused    find a secret variable: ",
        "refused    use an inherited descriptor: ",
        "refused    type into the terminal (TIOCSTI): ",
        "refused    set up io_uring: ",
        "refused    gain a capability: ",
    ] {
        assert!(outcome.out.contains(line), "{line}\n{outcome}");
    }
    assert!(!outcome.said(SECRET), "a secret is shown: {outcome}");
    assert_eq!(before, place::picture(world.root()));
}

#[test]
fn every_way_to_a_secret_is_refused_by_an_error_of_the_kernel() {
    let world = world();
    let attacks = attacks(&verify(&world, &["--json"]));
    for target in ["/app/.env", "/.ssh/id_ed25519", "/.aws/credentials"] {
        let tried = with(&attacks, "target", target);
        // The ninth, /proc/1/root, is refused to an ordinary user outside too.
        assert!(tried.len() == 9, "{target}: {tried:?}");
        let refused = tried.iter().filter(|attack| attack["verdict"] == "refused");
        assert!(refused.count() >= 8, "{target}: {tried:?}");
        assert!(tried.iter().all(|attack| {
            attack["errno"]
                .as_str()
                .is_some_and(|name| name.starts_with('E'))
        }));
    }
    assert_eq!(with(&attacks, "target", "GH_TOKEN").len(), 1);
    for (_, title) in KERNEL {
        assert_eq!(with(&attacks, "attack", title).len(), 1, "{title}");
    }
}

#[test]
fn names_a_file_that_a_rule_opens() {
    let world = world().config("allow_read: [.env]\n");
    let told = verify(&world, &[".env"]);
    assert_eq!(told.code(), Some(1), "{told}");
    let file = world.project().canonicalize().unwrap().join(".env");
    let line = format!(
        "REACHED    read a hidden file by its name: {}: re-allowed by `.env`",
        file.display()
    );
    assert!(told.out.contains(&line), "{told}");
    assert!(told.said("config.yaml:1"), "{told}");
    assert!(told.said("The sandbox DOES NOT HOLD"), "{told}");
    // Nobody asked for it: what the rules open is no hole.
    assert_eq!(verify(&world, &[]).code(), Some(0));
}

#[test]
fn names_a_file_that_no_rule_hides() {
    let world = world().home_secret("notes");
    let outcome = verify(&world, &["--json", "~/notes", "~/missing"]);
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    let attacks = attacks(&outcome);
    let reached = with(&attacks, "verdict", "reached");
    assert_eq!(reached.len(), 1, "{reached:?}");
    assert!(
        reached[0]["why"]
            .as_str()
            .unwrap()
            .starts_with("no rule hides it")
    );
    assert!(
        outcome.out.contains("it cannot be read outside either"),
        "{outcome}"
    );
}

#[test]
fn tells_what_an_open_network_leaves_and_that_the_other_modes_close_it() {
    let open = verify(&world().config("network: open\n"), &[]);
    assert!(
        open.out
            .contains("open       reach the host's loopback: 127.0.0.1:"),
        "{open}"
    );
    assert!(open.out.contains("`network: filtered` closes it"), "{open}");
    for mode in ["filtered", "off"] {
        let world = world().config(&format!("network: {mode}\nallow_net: [example.com]\n"));
        let closed = verify(&world, &[]);
        assert_eq!(closed.code(), Some(0), "{closed}");
        assert!(
            closed
                .out
                .contains("refused    reach the host's loopback: 127.0.0.1:"),
            "{mode}: {closed}"
        );
        assert!(!closed.out.contains("\nopen "), "{mode}: {closed}");
    }
}

#[test]
fn tries_the_sockets_of_the_host_but_for_those_that_a_rule_opens() {
    let world = world();
    let path = world.home().canonicalize().unwrap().join("agent.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let closed = attacks(&verify(&world, &["--json"]));
    let tried = with(&closed, "target", "/home/agent.sock");
    assert_eq!(tried.len(), 1, "{tried:?}");
    assert_eq!(tried[0]["verdict"], "refused");
    let world = world.config(&format!("unix_sockets: ['{}']\n", path.display()));
    let open = verify(&world, &[]);
    let line = format!(
        "not tried  {}: `unix_sockets` leaves it open",
        path.display()
    );
    assert!(open.out.contains(&line), "{open}");
    assert_eq!(open.code(), Some(0), "{open}");
}

#[test]
fn refuses_to_speak_where_it_can_show_nothing() {
    let world = world();
    let mut inside = world.exec(place::binary());
    inside.arg("verify");
    let inside = process::run(inside);
    assert_eq!(inside.code(), Some(125), "{inside}");
    assert!(inside.said("this is the inside of a sandbox"), "{inside}");
    let broken = world.config("deny_raed: [x]\n");
    assert_eq!(verify(&broken, &[]).code(), Some(125));
}

#[test]
fn tells_how_long_it_took() {
    let outcome = verify(&world(), &["--json"]);
    let report: Value = serde_json::from_str(&outcome.out).unwrap();
    assert!(report["seconds"].as_f64().unwrap() > 0.0, "{report}");
}

/// The control arm of the attacks themselves: the program that is put into the sandbox, without one.
#[test]
fn its_attacks_come_through_where_nothing_confines_them() {
    let world = world();
    let env = world.project().join(".env");
    let hooks = world.project().join(".git/hooks");
    let ways = [
        Way::Name,
        Way::OwnRoot,
        Way::Link,
        Way::HardLink,
        Way::Renamed,
    ];
    let mut attacks: Vec<_> = ways.map(|way| Attack::Read(way, known(&env))).into();
    attacks.extend([
        Attack::WriteProtected(known(&world.home().join(".bashrc"))),
        Attack::WriteProtected(known(&hooks)),
        Attack::WriteOutside(known(&world.home())),
        Attack::MoveAway(
            world.project().join(".git").into(),
            world.project().join("src").into(),
        ),
        Attack::Variable("GH_TOKEN".into()),
        Attack::SignalGroup,
    ]);
    let before = place::picture(world.root());
    let results = unconfined(&world, attacks.clone());
    for (attack, result) in attacks.iter().zip(results) {
        assert_eq!(result, 0, "{attack:?}");
    }
    assert_eq!(before, place::picture(world.root()), "something changed");
}

#[test]
fn a_mask_is_not_taken_for_the_file() {
    let world = world().file("empty", "");
    let secret = known(&world.project().join(".env"));
    let empty = File {
        path: world.project().join("empty").into(),
        ..secret
    };
    let results = unconfined(&world, vec![Attack::Read(Way::Name, empty)]);
    assert_eq!(results, [nix::libc::ENODATA]);
}

#[test]
fn what_is_private_inside_is_not_taken_for_the_hosts() {
    let world = world();
    // Beside a project that lies in the home: caches, whose changes stay inside, and our own place.
    let project = world.home().join("web");
    fs::create_dir_all(project.join(".git")).unwrap();
    fs::create_dir(world.home().join(".npm")).unwrap();
    let mut install = world.aigate();
    install.args(["shim", "install", "--pre", "claude"]);
    assert!(process::run(install).ok());
    let mut command = world.aigate();
    command.arg("verify").current_dir(&project);
    let outcome = process::run(command);
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let elsewhere = File {
        inode: 1,
        ..known(&project)
    };
    let results = unconfined(&world, vec![Attack::WriteOutside(elsewhere)]);
    assert_eq!(results, [nix::libc::EXDEV]);
}

fn known(path: &Path) -> File {
    let status = fs::metadata(path).unwrap();
    File {
        path: path.into(),
        device: status.dev(),
        inode: status.ino(),
    }
}

fn unconfined(world: &World, attacks: Vec<Attack>) -> Vec<i32> {
    let plan = Plan {
        control: false,
        attacks,
    };
    let mut command = world.aigate();
    command.args(["verify", "--attack"]);
    let mut child = std::os::unix::process::CommandExt::process_group(&mut command, 0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let plan = serde_json::to_vec(&plan).unwrap();
    child.stdin.take().unwrap().write_all(&plan).unwrap();
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).expect("results")
}
