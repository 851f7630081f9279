//! Makes the forbidden calls through the 32-bit and x32 entries of the kernel.
//!
//! - Area: kernel surface
//! - Known: the classic way around a seccomp filter
//! - Held by: the filter ends programs of a foreign architecture

use crate::calls;
use crate::support::World;

/// add_key is 286 in the 32-bit table; a name below 4 GiB is needed, so the code carries it.
const INT80: &str = r"
import ctypes, mmap
if not X86:
    sys.exit('no such entry')
MAP_32BIT = 0x40
libc.mmap.restype = ctypes.c_void_p
at = libc.mmap(None, 4096, 7, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_32BIT, -1, 0)
ctypes.memmove(at + 256, b'user\0', 5)
# push rbx; mov ebx, edi; int 0x80; pop rbx; ret, with eax = 20 (getpid)
code = b'\x53\xb8\x14\x00\x00\x00\xcd\x80\x5b\xc3'
ctypes.memmove(at, code, len(code))
print(ctypes.CFUNCTYPE(ctypes.c_int)(at)())
";

const X32: &str = r"
if not X86:
    sys.exit('no such entry')
import errno
result = libc.syscall(ctypes.c_long(0x40000000 + 250), ctypes.c_long(0), ctypes.c_long(-3), ctypes.c_long(0))
if result < 0:
    sys.exit('x32: ' + errno.errorcode[ctypes.get_errno()])
";

#[test]
fn is_refused() {
    let world = World::new();
    let x86 = cfg!(target_arch = "x86_64");
    if x86 && world.control(&calls(INT80)).ok() {
        world.denies(&calls(INT80));
    }
    assert!(!world.sandboxed(&calls(INT80)).ok());
    assert!(!world.sandboxed(&calls(X32)).ok());
}
