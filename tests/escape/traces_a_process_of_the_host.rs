//! Attaches to a process outside with ptrace, or reads its memory.
//!
//! - Area: processes
//! - Known: found while building
//! - Held by: a PID namespace: the process has no number inside

use crate::calls;
use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    // PR_SET_PTRACER_ANY: where Yama is on, the victim asks for it.
    let victim = world.host(
        "exec python3 -c 'import ctypes, time; ctypes.CDLL(None).prctl(0x59616d61, -1, 0, 0, 0); \
         print(\"ready\", flush=True); time.sleep(300)'",
    );
    victim.line();
    let id = victim.id();
    world.denies(&calls(&format!("call('ptrace', 0x4206, {id}, 0, 0)")));
    world.denies(&format!("head -c 1 /proc/{id}/maps"));
    world.denies(&calls(&format!("call('pidfd_open', {id}, 0)")));
    world.denies(&calls(&format!("call('kcmp', {id}, {id}, 0, 0, 0)")));
    world.denies(&calls(&format!(
        "import ctypes\n\
         text = [line for line in open('/proc/{id}/maps') if ' r' in line]\n\
         start = int(text[0].split('-')[0], 16)\n\
         into = (ctypes.c_long * 2)(ctypes.addressof(ctypes.create_string_buffer(8)), 8)\n\
         of = (ctypes.c_long * 2)(start, 8)\n\
         call('process_vm_readv', {id}, into, 1, of, 1, 0)"
    )));
}
