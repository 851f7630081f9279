//! Package managers and compilers, without a network.

use std::path::PathBuf;

use crate::support::{World, skip, tool};

/// Cargo and the toolchain of the tester, who has another home than the world's.
fn rust(world: World) -> Option<World> {
    tool("cargo").then_some(())?;
    let home = PathBuf::from(std::env::var_os("HOME")?);
    let at = |name: &str, folder: &str| {
        std::env::var_os(name).unwrap_or_else(|| home.join(folder).into())
    };
    let world = world
        .env("RUSTUP_HOME", at("RUSTUP_HOME", ".rustup"))
        .env("RUSTUP_AUTO_INSTALL", "0");
    Some(world)
}

#[test]
fn cargo_builds_and_runs() {
    let Some(world) = rust(World::new()) else {
        skip!("cargo is not installed");
    };
    // Cargo's own directory is the project's neighbour here: granted, as a profile would.
    let world = world
        .config("allow_write: [~/.cargo]\n")
        .home_file(".cargo/keep", "");
    let outcome = world.permits(
        "cargo new --offline --vcs none hello 2>&1 && cd hello && cargo run --offline 2>&1",
    );
    assert!(outcome.said("Hello, world!"), "{outcome}");
}

#[test]
fn npm_installs_and_runs() {
    if !tool("npm") {
        skip!("npm is not installed");
    }
    let world = World::new()
        .config("allow_write: [~/.npm]\n")
        .home_file(".npm/keep", "")
        .file(
            "lib/package.json",
            r#"{"name":"lib","version":"1.0.0","bin":{"lib":"run.js"}}"#,
        )
        .script(
            "lib/run.js",
            "#!/usr/bin/env node\nconsole.log('from-lib')\n",
        )
        .file(
            "package.json",
            r#"{"name":"app","version":"1.0.0","scripts":{"go":"lib"}}"#,
        );
    let outcome =
        world.permits("npm install --offline --no-audit --no-fund ./lib 2>&1 && npm run go 2>&1");
    assert!(outcome.said("from-lib"), "{outcome}");
}

#[test]
fn pip_installs_into_an_environment() {
    let world = World::new().file("lib/greet.py", "def hi(): return 'from-lib'\n");
    if !world.control("python3 -c 'import venv, ensurepip'").ok() {
        skip!("python3-venv is not installed");
    }
    let outcome = world.permits(
        "python3 -m venv env && env/bin/python -m pip --version && \
         cp lib/greet.py env/lib/python3*/site-packages/ && env/bin/python -c 'import greet; print(greet.hi())'",
    );
    assert!(outcome.said("from-lib"), "{outcome}");
}

#[test]
fn a_c_compiler_and_make_work() {
    if !tool("cc") || !tool("make") {
        skip!("cc or make is not installed");
    }
    let world = World::new()
        .file(
            "main.c",
            "#include <stdio.h>\nint main(void) { puts(\"from-c\"); return 0; }\n",
        )
        .file("Makefile", "all: main\n\t./main\n");
    assert!(world.permits("make -s").said("from-c"));
}
