//! Copies a program into a file in memory and executes the descriptor.
//!
//! - Area: only listed programs
//! - Known: found while building
//! - Held by: a file in memory that may become a program is not made

use super::allowlist::world;
use crate::support::python;

#[test]
fn is_refused() {
    // No flag, and MFD_EXEC.
    for flags in ["0", "0x10"] {
        let make = format!(
            "import os; f = os.memfd_create('x', {flags}); os.write(f, open('unlisted', 'rb').read());"
        );
        world().hidden(&python(&format!(
            "{make} os.execve(f'/proc/self/fd/{{f}}', ['x', 'MARK'], os.environ)"
        )));
        world().hidden(&python(&format!(
            "{make} os.execve(f, ['x', 'MARK'], os.environ)"
        )));
    }
    // The raw call past the library.
    let raw = "import ctypes, os; f = ctypes.CDLL(None).memfd_create(b'x', 0); \
               os.write(f, open('unlisted', 'rb').read()); os.execve(f, ['x', 'MARK'], os.environ)";
    world().hidden(&python(raw));
}

/// Memory that never becomes a program is there for those who say so, and stays without the bit.
#[test]
fn sealed_memory_is_no_program() {
    let execute =
        "import os; f = os.memfd_create('x', 8); os.write(f, open('unlisted', 'rb').read())
try: os.fchmod(f, 0o777)
except OSError: pass
os.execve(f, ['x', 'MARK'], os.environ)";
    world().hidden_unlike(&python(execute), "./unlisted MARK");
    world().permits(&python(
        "import os; os.write(os.memfd_create('x', 8), b'data')",
    ));
}

/// Shared memory without a name has one in `/proc`, for those who have a right that nobody has inside.
#[test]
fn shared_memory_is_no_program() {
    let execute = "import mmap, os; program = open('unlisted', 'rb').read()
m = mmap.mmap(-1, 1 << 20); m[:len(program)] = program
line = [line for line in open('/proc/self/maps') if 'rw-s' in line and 'zero' in line][0]
os.execve('/proc/self/map_files/' + line.split()[0], ['x', 'MARK'], os.environ)";
    world().hidden_unlike(&python(execute), "./unlisted MARK");
}
