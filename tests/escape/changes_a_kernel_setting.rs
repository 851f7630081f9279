//! Writes settings of the kernel below `/proc/sys` that belong to the whole host.
//!
//! - Area: kernel files
//! - Known: found while building; containers' maskedPaths
//! - Held by: the kernel's files are read-only or not the caller's inside

use crate::support::{World, only_as_root};

#[test]
fn is_refused() {
    only_as_root!();
    let world = World::new();
    // The control arm writes back what is there already.
    for name in ["core_pattern", "modprobe", "sysrq", "panic", "printk"] {
        let file = format!("/proc/sys/kernel/{name}");
        let act = format!("v=$(cat {file}) && printf '%s\\n' \"$v\" > {file}");
        // Kernels are built without some of them.
        if world.control(&format!("test -e {file}")).ok() {
            world.denies(&act);
        }
    }
    world.denies("v=$(cat /proc/sys/vm/swappiness) && echo \"$v\" > /proc/sys/vm/swappiness");
}
