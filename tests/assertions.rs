//! The assertions of the escape tests can fail: against no sandbox, against one that does not
//! start, and for an act that would not work anyway.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports by panicking"
)]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use support::World;

/// Stands in for aigate and confines nothing: `exec -- CMD` is `CMD`.
const OPEN: &str = "#!/bin/sh\nshift 2\nexec \"$@\"\n";
/// Stands in for aigate and never starts anything.
const SHUT: &str = "#!/bin/sh\nexit 125\n";
/// Stands in for a sandbox in which nothing at all works.
const DEAD: &str = "#!/bin/sh\necho '-- reached --' >&2\nexit 1\n";

fn with(stand_in: &str) -> World {
    let world = World::new()
        .file(".env", "hunter2")
        .script("stand-in", stand_in);
    let path = world.project().join("stand-in");
    world.stand_in(path)
}

#[track_caller]
fn fails(act: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(act)).expect_err("the assertion held");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn an_escape_is_noticed() {
    assert!(fails(|| drop(with(OPEN).denies("cat .env"))).contains("ESCAPE"));
    assert!(fails(|| drop(with(OPEN).hides("hunter2", "cat .env"))).contains("ESCAPE"));
    let world = with(OPEN);
    assert!(
        fails(|| drop(world.keeps(world.elsewhere(), "date > ../../../elsewhere/f")))
            .contains("ESCAPE")
    );
}

#[test]
fn a_sandbox_that_does_not_start_proves_nothing() {
    assert!(fails(|| drop(with(SHUT).denies("cat .env"))).contains("did not start"));
    assert!(fails(|| drop(with(SHUT).hides("hunter2", "cat .env"))).contains("did not start"));
    assert!(fails(|| drop(with(SHUT).keeps("home", "date > f"))).contains("did not start"));
    assert!(fails(|| drop(with(SHUT).permits("true"))).contains("failed inside"));
}

#[test]
fn an_act_that_fails_outside_too_proves_nothing() {
    assert!(fails(|| drop(with(DEAD).denies("cat absent"))).contains("control arm"));
    assert!(fails(|| drop(with(DEAD).hides("hunter2", "cat absent"))).contains("control arm"));
    assert!(fails(|| drop(with(DEAD).keeps("home", "cat .env"))).contains("control arm"));
}

#[test]
fn a_real_refusal_holds() {
    with(DEAD).denies("cat .env");
    with(DEAD).hides("hunter2", "cat .env");
    with(DEAD).keeps("elsewhere", "date > ../../../elsewhere/f");
    with(OPEN).permits("cat .env");
}

#[test]
fn the_world_is_in_no_private_directory() {
    let root = World::new().root().to_owned();
    for private in ["/tmp", "/var/tmp", "/run", "/dev"] {
        assert!(!root.starts_with(private), "{}", root.display());
    }
}

#[test]
fn a_sandbox_that_shares_a_namespace_is_attacked_no_further() {
    let world = World::new();
    let script = crate::support::place::only_away_from_here(7);
    assert_eq!(world.control(&format!("{script}; exit 0")).code(), Some(7));
    let elsewhere = world.control(&format!(
        "unshare -Urmpuf --mount-proc sh -c {}",
        support::quoted(format!("{script}; exit 0"))
    ));
    assert_eq!(elsewhere.code(), Some(0), "{elsewhere}");
}
