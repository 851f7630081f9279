//! Reads kernel memory, the addresses of its symbols, or its log.
//!
//! - Area: kernel files
//! - Known: containers' maskedPaths
//! - Held by: they need a capability that is gone

use crate::support::{World, only_as_root};

#[test]
fn is_refused() {
    let world = World::new();
    let symbols = "grep -m 1 -v '^0000000000000000' /proc/kallsyms";
    let inside = world.sandboxed(symbols);
    assert!(inside.reached && !inside.ok(), "ESCAPE: {inside}");
    only_as_root!();
    for act in ["head -c 1 /proc/kcore", "dmesg", symbols] {
        if world.control(act).ok() {
            world.denies(act);
        } else {
            assert!(!world.sandboxed(act).ok());
        }
    }
}
