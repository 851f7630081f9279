//! Writes kernel objects below `/sys`.
//!
//! - Area: kernel files
//! - Known: containers' readonlyPaths
//! - Held by: `/sys` is read-only

use crate::support::{World, only_as_root};

#[test]
fn is_refused() {
    only_as_root!();
    let world = World::new();
    let write_back = |file: &str| format!("v=$(cat {file}) && printf '%s\\n' \"$v\" > {file}");
    world.denies(&write_back("/sys/kernel/mm/ksm/run"));
    let nested = "unshare -Urnm sh -c 'mount -t sysfs s /mnt && printf \"%s\\n\" \"$(cat /mnt/kernel/mm/ksm/run)\" > /mnt/kernel/mm/ksm/run'";
    world.denies_unlike(nested, &write_back("/sys/kernel/mm/ksm/run"));
}
