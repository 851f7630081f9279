//! Lists the processes of the host, their command lines and environments.
//!
//! - Area: processes
//! - Known: the Go aigate's tests; most sandboxes measured ("host pids visible")
//! - Held by: a PID namespace with a `/proc` of its own

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    let victim = world.host("SECRET_OF_VICTIM=hunter2 exec sleep 300");
    let id = victim.id();
    world.denies(&format!("ps -p {id}"));
    world.denies(&format!("test -e /proc/{id}/cmdline"));
    world.hidden(&format!("cat /proc/{id}/environ"));
    world.hidden("cat /proc/[0-9]*/environ");
    world.denies(&format!("grep -q sleep /proc/{id}/comm"));
}
