//! Hosts that refuse what a sandbox is made of. On each of them a run keeps every promise, or it is
//! refused with the reason and nothing has run; and `aigate doctor` names what is lost.
#![expect(clippy::expect_used, reason = "a test reports by panicking")]

mod account;
mod bwrap;
mod doctor;
mod installing;
mod landlock;
mod matrix;
mod measured;
mod refusals;
mod seatbelt;
#[path = "../support/mod.rs"]
mod support;
mod user;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use support::{Outcome, SECRET, World, place, quoted};

/// Bubblewrap fails when a socket that it covers goes away at that moment: its tests do not run beside
/// those that make sockets.
static SOCKETS: RwLock<()> = RwLock::new(());

fn no_socket_goes() -> RwLockReadGuard<'static, ()> {
    SOCKETS.read().unwrap_or_else(PoisonError::into_inner)
}

fn sockets_go() -> RwLockWriteGuard<'static, ()> {
    SOCKETS.write().unwrap_or_else(PoisonError::into_inner)
}

/// The world of a caller to whom the kernel answers these calls as told: `CALL=ERRNO,...`.
fn refusing(calls: &str) -> World {
    let script = place::package().join("tests/hosts/refuse.py");
    let caller = format!("set -- python3 {} {calls} \"$@\"", quoted(script));
    World::new().secret(".env").caller(&caller)
}

/// No user namespaces, as a container's filter refuses them.
const NO_NAMESPACES: &str = "clone3=ENOSYS,clone:newuser=EPERM,unshare=EPERM";

/// Runs the act in the sandbox: it must be refused with words that name the reason, and not run.
#[track_caller]
fn refused(world: &World, words: &[&str]) -> Outcome {
    let outcome = world.sandboxed(&format!("echo {SECRET}; cat .env"));
    assert_eq!(outcome.code(), Some(125), "{outcome}");
    assert!(!outcome.reached && !outcome.said(SECRET), "{outcome}");
    for word in words {
        assert!(
            outcome.err.contains(word),
            "`{word}` is not said\n{outcome}"
        );
    }
    outcome
}

/// The host runs programs, and the sandbox keeps its promises on it.
#[track_caller]
fn kept(world: &World) {
    world.hidden("cat .env");
    world.keeps(
        world.elsewhere(),
        &format!("echo evil > {}/new", quoted(world.elsewhere())),
    );
    let victim = world.host("exec sleep 600");
    world.denies(&format!("kill -0 {}", victim.id()));
    world.permits("echo new > new && cat new && mktemp");
}
