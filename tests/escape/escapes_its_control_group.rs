//! Moves itself to another control group, or stops the one it shares with the caller.
//!
//! - Area: kernel files
//! - Known: found while building; CVE-2022-0492
//! - Held by: control groups are read-only and cannot be mounted again

use crate::support::{World, only_as_root};

#[test]
fn is_refused() {
    only_as_root!();
    let world = World::new();
    let version2 = "$(awk '$3 == \"cgroup2\" { print $2; exit }' /proc/mounts)";
    let own = "$(sed -n 's/^0:://p' /proc/self/cgroup)";
    world.denies(&format!("echo 0 > {version2}{own}/cgroup.procs"));
    world.denies_unlike(
        "unshare -UrmC sh -c 'mount -t cgroup2 c /mnt && echo 0 > /mnt/cgroup.procs'",
        &format!("echo 0 > {version2}{own}/cgroup.procs"),
    );
    world.denies_unlike(
        "unshare -UrmC sh -c 'mkdir -p /tmp/c; mount -t cgroup -o memory c /tmp/c && echo /tmp/x > /tmp/c/release_agent'",
        "true",
    );
}
