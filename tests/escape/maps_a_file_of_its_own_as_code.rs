//! Loads a library of its own into a listed program: by the loader's variables, by `dlopen`, by mapping
//! it as code.
//!
//! - Area: only listed programs
//! - Known: found while building; `LD_PRELOAD`
//! - Held by: nothing on the mounts that can be written is mapped as code, nor made so later

use super::allowlist;
use crate::support::{World, python};

/// `own.so` is a library, a copy of one that Python maps.
fn world() -> World {
    let world = allowlist::world();
    world.host_ok(&python(
        "import re, shutil; maps = open('/proc/self/maps').read(); \
         shutil.copy(re.search(r'/\\S*/(libm|libc|ld)[.-]\\S*so\\S*', maps)[0], 'own.so')",
    ));
    world
}

#[test]
fn is_refused() {
    world().denies(&format!("LD_PRELOAD=\"$PWD/own.so\" {}", maps_own()));
    // Mapped, it is asked for what an auditor has.
    world().hides("la_version", "LD_AUDIT=\"$PWD/own.so\" cat /dev/null");
    let load = "import ctypes; ctypes.CDLL('./own.so')";
    world().denies(&python(load));
    world().denies(&python(&map("mmap.PROT_READ | mmap.PROT_EXEC")));
    world().denies(&python(&format!(
        "{}; address = ctypes.addressof(ctypes.c_char.from_buffer(m)); \
         sys.exit(ctypes.CDLL(None).mprotect(ctypes.c_void_p(address), 4096, 7) != 0)",
        map("mmap.PROT_READ | mmap.PROT_WRITE")
    )));
}

/// Succeeds where its own memory has the library as code.
fn maps_own() -> String {
    python(
        "import re, sys; maps = open('/proc/self/maps').read(); \
         sys.exit(not re.search('r-xp.*/own.so', maps))",
    )
}

fn map(protection: &str) -> String {
    format!(
        "import ctypes, mmap, os, sys; f = os.open('own.so', os.O_RDWR); \
         m = mmap.mmap(f, 0, mmap.MAP_PRIVATE, {protection})"
    )
}
