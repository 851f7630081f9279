//! `install.sh` on a host that refuses: it installs nothing, and names a next command that exists.

use std::fs;

use super::NO_NAMESPACES;
use super::support::{Outcome, World, place, quoted};

/// A checkout in which nothing is compiled: its cargo takes the program that is tested.
fn checkout(world: &World) -> String {
    let source = world.elsewhere().join("source");
    let tools = source.join("tools");
    fs::create_dir_all(&tools).expect("a directory");
    for name in ["install.sh", "Cargo.toml"] {
        fs::copy(place::package().join(name), source.join(name)).expect("a file");
    }
    let cargo = format!(
        "#!/bin/sh\ncase $1 in --version) echo cargo 99.0.0;; \
         *) mkdir -p target/release && cp {} target/release/aigate;; esac\n",
        quoted(place::binary())
    );
    // The name of a system whose programs are not linked statically.
    let rustc = "#!/bin/sh\necho host: x\n";
    for (name, text) in [("cargo", &*cargo), ("rustc", rustc), ("cc", "#!/bin/sh\n")] {
        fs::write(tools.join(name), text).expect("a file");
    }
    world.host_ok(&format!("chmod +x {}/*", quoted(&tools)));
    format!("cd {}; PATH=$PWD/tools:$PATH", quoted(source))
}

fn install(world: &World, before: &str) -> Outcome {
    world.control(&format!("{}; {before} ./install.sh", checkout(world)))
}

#[test]
fn where_the_sandbox_does_not_start_the_next_command_is_one_that_exists() {
    let script = quoted(place::package().join("tests/hosts/refuse.py"));
    let refusing = format!("python3 {script} {NO_NAMESPACES}");
    let world = World::new();
    let refused = install(&world, &refusing);
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert!(
        !world.home().join(".local/bin/aigate").exists(),
        "{refused}"
    );
    let next = refused.err.lines().last().expect("a line").trim();
    assert!(next.ends_with("/aigate\" doctor"), "{refused}");
    // As it stands, in any directory, on the same host.
    let said = world.control(&format!("{refusing} {next}"));
    assert_eq!(said.code(), Some(1), "{said}");
    assert!(
        said.said("LOST  user namespace") && said.said("to mend it:"),
        "{said}"
    );

    let control = World::new();
    let installed = install(&control, "");
    assert!(installed.ok(), "{installed}");
    assert!(
        control.home().join(".local/bin/aigate").exists(),
        "{installed}"
    );
}
