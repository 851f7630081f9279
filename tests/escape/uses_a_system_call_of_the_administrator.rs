//! Uses system calls that only root may make: modules, kexec, reboot, swap, quota, clock, log.
//!
//! - Area: kernel surface
//! - Known: found while building
//! - Held by: seccomp, and no capability is left

use crate::calls;
use crate::support::{World, only_as_root};

#[test]
fn is_refused() {
    only_as_root!();
    let world = World::new();
    // Each with arguments that the kernel refuses for another reason than missing rights.
    let mut known = 0;
    for code in [
        "reaches('init_module', 0, 0, 0)",
        "reaches('finit_module', -1, 0, 0)",
        "reaches('delete_module', b'aigate_no_such_module', 0)",
        "reaches('kexec_load', 0, 99, 0, 0xffff0000)",
        "reaches('reboot', 0, 0, 0, 0)",
        "reaches('swapon', b'/nonexistent', 0)",
        "reaches('acct', b'/nonexistent')",
        "reaches('quotactl', 0x800002 << 8, b'/nonexistent', 0, 0)",
        "reaches('clock_settime', 0, 0)",
        "reaches('syslog', 9, 0, 0)",
        "reaches('bpf', 0, 0, 0)",
        "reaches('perf_event_open', 0, 0, -1, -1, 0)",
    ] {
        let inside = world.sandboxed(&calls(code));
        assert!(inside.reached && !inside.ok(), "ESCAPE: {code}\n{inside}");
        known += u32::from(world.control(&calls(code)).ok());
    }
    // Kernels are built without some of them.
    assert!(
        known > 4,
        "control arm: this kernel knows {known} of the calls"
    );
}
