//! Writes to `/proc/sysrq-trigger`, which can end the machine.
//!
//! - Area: kernel files
//! - Known: the Go aigate's tests
//! - Held by: the kernel's files are read-only or not the caller's inside

use crate::support::{World, only_as_root};

#[test]
fn is_refused() {
    only_as_root!();
    // 'h' only prints a help text into the kernel log.
    let (world, ask) = (World::new(), "echo h > /proc/sysrq-trigger");
    if world.control("test -e /proc/sysrq-trigger").ok() {
        world.denies(ask);
    } else {
        assert!(!world.sandboxed(ask).ok());
    }
}
