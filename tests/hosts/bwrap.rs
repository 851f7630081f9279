//! `engine: bwrap`: which promises it keeps, which it loses, and what it refuses.

use serde_json::Value;

use super::support::{World, process, quoted};
use super::{NO_NAMESPACES, kept, no_socket_goes, refused, refusing};

fn world(more: &str) -> World {
    World::new()
        .config(&format!("engine: bwrap\n{more}"))
        .secret(".env")
}

/// Seen: bwrap | this machine | hidden, outside and processes: kept
#[test]
fn keeps_what_it_makes() {
    let _gate = no_socket_goes();
    kept(&world(""));
}

/// Seen: bwrap | this machine | every attack of `aigate verify`: refused
#[test]
fn the_attacks_of_verify_are_refused() {
    let _gate = no_socket_goes();
    let world = world("network: \"off\"\n").home_secret(".ssh/id_ed25519");
    let mut command = world.aigate();
    command.args(["verify", "--json"]);
    let outcome = process::run(command);
    let report: Value = serde_json::from_str(&outcome.out).unwrap_or_else(|_| panic!("{outcome}"));
    assert_eq!(report["holds"], true, "{outcome}");
    let attacks = report["attacks"].as_array().expect("a list");
    let refused = attacks.iter().filter(|one| one["verdict"] == "refused");
    assert!(refused.count() > 30, "{outcome}");
}

/// Seen: bwrap | this machine | protected files of a repository: kept
#[test]
fn protects_what_the_host_runs_later() {
    let _gate = no_socket_goes();
    let world = world("").repository();
    let hooks = quoted(world.project().join(".git/hooks"));
    world.keeps(world.project(), &format!("echo evil > {hooks}/pre-commit"));
    world.keeps(
        world.project().join(".git/config"),
        "git config core.pager evil",
    );
    world.permits("echo text > file && git add file && git commit -q -m work");
}

/// Seen: bwrap | this machine | hidden directories, and masks in a nested user namespace: kept
#[test]
fn what_is_hidden_in_a_directory_of_its_own_stays_hidden() {
    let _gate = no_socket_goes();
    let world = world("deny_read: [secrets/, \"@defaults\"]\n").secret("secrets/deep/key");
    world.hidden("cat secrets/deep/key");
    world
        .hidden("unshare -rm sh -c 'umount -l secrets; umount -l .env; cat .env secrets/deep/key'");
}

/// Seen: bwrap | this machine | a hidden file that the host replaces: LOST
#[test]
fn loses_a_hidden_file_that_the_host_replaces() {
    let _gate = no_socket_goes();
    // A loss that is told: should it hold one day, the document changes with it.
    let world = world("");
    let replace = format!(
        "while ! test -e {0}/go; do sleep 0.05; done; cp {0}/.env {0}/next; mv {0}/next {0}/.env; \
         touch {0}/done",
        quoted(world.project())
    );
    let _host = world.host(&replace);
    let outcome = world.sandboxed(
        "touch go; n=0; while ! test -e done; do sleep 0.05; n=$((n+1)); test $n -lt 600 || exit 3; \
         done; cat .env",
    );
    assert!(outcome.reached && outcome.ok(), "{outcome}");
}

/// Seen: bwrap | this machine | a network of listed hosts: refused; nothing runs
#[test]
fn refuses_a_network_that_somebody_would_have_to_serve() {
    let _gate = no_socket_goes();
    let lists_hosts = world("network: filtered\nallow_net: [example.org]\n");
    refused(
        &lists_hosts,
        &["engine: bwrap", "listed hosts", "nothing was run"],
    );
}

/// Seen: bwrap | this machine | a network without hosts: kept
#[test]
fn a_network_without_hosts_reaches_nothing() {
    let _gate = no_socket_goes();
    let world = world("network: filtered\nallow_net: []\n");
    let listener = world.host(
        "exec python3 -c 'import socket,time; s=socket.create_server((\"127.0.0.1\",0)); \
         print(s.getsockname()[1], flush=True); time.sleep(600)'",
    );
    let port = listener.line();
    let port = port.trim();
    world.denies(&format!(
        "python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {port}), 5)'"
    ));
}

#[test]
fn ends_as_the_command_ended() {
    let _gate = no_socket_goes();
    let world = world("");
    for (act, code) in [("exit 7", 7), ("exit 1", 1), ("kill -TERM $$", 128 + 15)] {
        let outcome = world.sandboxed(act);
        assert_eq!(outcome.code(), Some(code), "{outcome}");
    }
}

/// Seen: bwrap | no user namespaces (a container's filter) | refused with the reason; nothing runs
#[test]
fn what_bubblewrap_cannot_make_is_refused() {
    let _gate = no_socket_goes();
    let world = refusing(NO_NAMESPACES).config("engine: bwrap\n");
    refused(&world, &["bwrap: ", "engine: bwrap", "nothing was run"]);
}

/// Seen: bwrap | a bubblewrap that a sandboxed program planted | not started
#[test]
fn a_bubblewrap_that_sandboxed_programs_can_write_is_not_started() {
    let _gate = no_socket_goes();
    for entry in ["bin", "$PWD/bin"] {
        let stolen = "#!/bin/sh\nhead -c 1000 .env\nexit 0\n";
        let world = world("").script("bin/bwrap", stolen);
        let planted = format!("PATH={entry}:$PATH");
        // The control: who starts what the name stands for gets the one that was planted.
        let control = world.control(&format!("{planted} && bwrap"));
        assert!(control.said("hunter2"), "{control}");
        let world = world.caller(&planted);
        world.hidden("cat .env");
        // And it is not taken for want of another one.
        let alone = world.caller(&format!("PATH={entry}"));
        refused(&alone, &["no program of that name"]);
    }
}

/// Seen: bwrap | the rules set a variable of the loader | bubblewrap itself does not get it
#[test]
fn variables_of_the_loader_reach_the_command_alone() {
    let _gate = no_socket_goes();
    let world = World::new();
    let trace = world.elsewhere().join("trace");
    let set = format!(
        "engine: bwrap\nenv:\n  set: {{LD_DEBUG: libs, LD_DEBUG_OUTPUT: \"{}\"}}\n",
        trace.display()
    );
    let world = world.config(&set);
    let inside = world.permits("echo $LD_DEBUG; ls /proc/self/fd");
    assert!(inside.said("libs"), "{inside}");
    let traces = || {
        std::fs::read_dir(world.elsewhere())
            .expect("a directory")
            .count()
    };
    assert_eq!(traces(), 0, "{inside}");
    world.host_ok(&format!(
        "LD_DEBUG=libs LD_DEBUG_OUTPUT={} bwrap --version",
        quoted(&trace)
    ));
    assert!(traces() > 0);
}

/// Seen: bwrap | this machine | `--dry-run` prints what is handed to it
#[test]
fn its_arguments_are_printed() {
    let _gate = no_socket_goes();
    let world = world("");
    let mut command = world.aigate();
    command.args(["exec", "--dry-run", "--", "/bin/true"]);
    let outcome = process::run(command);
    assert!(outcome.ok(), "{outcome}");
    let hidden = format!("--ro-bind /dev/null {}/.env", world.project().display());
    for words in [
        "bwrap --unshare-user",
        "--cap-drop ALL --ro-bind / /",
        &hidden,
        "filter: ",
    ] {
        assert!(outcome.out.contains(words), "{words}\n{outcome}");
    }
}

/// Seen: bwrap | no bubblewrap | refused with the reason; nothing runs
#[test]
fn without_the_program_the_run_is_refused() {
    let _gate = no_socket_goes();
    refused(
        &world("").env("PATH", "/nowhere"),
        &["no program of that name"],
    );
}

/// Seen: seatbelt | this machine | refused; nothing runs
#[test]
fn an_engine_that_is_not_here_is_refused_and_no_other_takes_its_place() {
    let _gate = no_socket_goes();
    let world = World::new().config("engine: seatbelt\n").secret(".env");
    refused(
        &world,
        &["engine: seatbelt", "not on this system", "nothing was run"],
    );
}
