//! Loads a BPF program or opens performance counters.
//!
//! - Area: kernel surface
//! - Known: found while building
//! - Held by: seccomp

use crate::calls;
use crate::support::World;

const PERF: &str = "import ctypes, struct\n\
    attr = ctypes.create_string_buffer(struct.pack('IIQ', 1, 128, 0) + bytes(24) + struct.pack('Q', 0x61) + bytes(72), 128)\n\
    call('perf_event_open', attr, 0, -1, -1, 0)";

#[test]
fn is_refused() {
    let world = World::new();
    let bpf = calls("reaches('bpf', 0, 0, 0)");
    for code in [calls(PERF), bpf] {
        assert!(!world.sandboxed(&code).ok(), "ESCAPE: {code}");
        let again = world.sandboxed(&format!("unshare -Ur {code}"));
        assert!(!again.ok(), "ESCAPE in a nested namespace: {code}\n{again}");
    }
    // Hosts differ in what they allow; some counter of one's own is the usual case.
    if world
        .control("test \"$(cat /proc/sys/kernel/perf_event_paranoid)\" -le 2")
        .ok()
    {
        world.denies(&calls(PERF));
    }
}
