//! Enters the namespaces of a process outside with `nsenter`.
//!
//! - Area: nested namespaces
//! - Known: the Go aigate's tests
//! - Held by: no process outside is in view, and no capability over its namespaces is left

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().secret(".env");
    // A process in a user namespace of the tester's own can be entered by the tester.
    let target = world.host("exec unshare -Urm sh -c 'echo ready; exec sleep 300'");
    target.line();
    let id = target.id();
    world.hidden(&format!(
        "nsenter -t {id} -U -m --preserve-credentials cat \"$PWD/.env\""
    ));
    world.denies_unlike(
        "nsenter -t 1 -m true",
        &format!("nsenter -t {id} -U -m --preserve-credentials true"),
    );
    world.denies_unlike(
        "nsenter -t 1 -U true",
        &format!("nsenter -t {id} -U --preserve-credentials true"),
    );
}
