//! `engine: seatbelt` where there is no Seatbelt: the profile can be read, and nothing runs.

use super::refused;
use super::support::{World, process, quoted};

fn world(more: &str) -> World {
    World::new()
        .config(&format!("engine: seatbelt\n{more}"))
        .secret(".env")
}

/// Seen: seatbelt | this machine | a `sandbox-exec` on PATH: not started; refused, and nothing runs
#[test]
fn a_program_of_that_name_does_not_make_it_be_here() {
    let stolen = "#!/bin/sh\ncat .env\nexit 0\n";
    let world = world("").script("bin/sandbox-exec", stolen);
    let planted = format!("PATH={}/bin:$PATH", quoted(world.project()));
    let control = world.control(&format!("{planted}; sandbox-exec"));
    assert!(control.said("hunter2"), "{control}");
    let outcome = refused(
        &world.caller(&planted),
        &["engine: seatbelt", "not on this system", "nothing was run"],
    );
    assert!(!outcome.said("hunter2"), "{outcome}");
}

/// Seen: seatbelt | this machine | `--dry-run` prints the profile
#[test]
fn its_profile_is_printed() {
    let world = world("deny_exec: [curl]\n");
    let mut command = world.aigate();
    command.args(["exec", "--dry-run", "--", "/bin/true"]);
    let outcome = process::run(command);
    assert!(outcome.ok(), "{outcome}");
    let project = world.project().display().to_string();
    for words in [
        "(version 1)\n(deny default)\n",
        &format!(
            "(allow file-read* file-write* file-map-executable process-exec*\n  (subpath \"{project}\"))"
        ),
        &format!("(literal \"{project}/.env\")"),
        "/[Cc][Uu][Rr][Ll]$",
    ] {
        assert!(outcome.out.contains(words), "{words}\n{outcome}");
    }
}

/// Seen: seatbelt | this machine | `--dry-run` with listed hosts: the profile opens one port, and nobody listens
#[test]
fn of_a_network_of_listed_hosts_the_profile_opens_one_port() {
    let world = world("network: filtered\nallow_net: [example.org]\n");
    let mut command = world.aigate();
    command.args(["exec", "--dry-run", "--", "/bin/true"]);
    let outcome = process::run(command);
    assert!(outcome.ok(), "{outcome}");
    let opened: Vec<_> = outcome.out.match_indices("remote ip").collect();
    assert_eq!(opened.len(), 1, "{outcome}");
    for words in [
        "(remote ip \"localhost:1\")",
        "; network: through the broker",
    ] {
        assert!(outcome.out.contains(words), "{words}\n{outcome}");
    }
    // A run would be given a port of its own; here it is refused, as there is no Seatbelt.
    refused(&world, &["engine: seatbelt", "not on this system"]);
}

/// Seen: seatbelt | this machine | published ports: refused; nothing runs
#[test]
fn a_port_cannot_be_published() {
    let published = world("network: filtered\npublish_ports: [3000]\n");
    refused(
        &published,
        &["engine: seatbelt", "publish_ports", "nothing was run"],
    );
}
