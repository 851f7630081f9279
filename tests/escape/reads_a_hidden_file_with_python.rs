//! Reads a hidden file by other means than `open` of a shell tool: mmap, sendfile, splice.
//!
//! - Area: hidden files
//! - Known: the Go aigate's tests
//! - Held by: a mask is mounted over the file

use crate::support::{World, python};

const WAYS: &[&str] = &[
    "print(open('.env').read())",
    "import os; print(os.read(os.open('.env', os.O_RDONLY), 100).decode())",
    "import mmap; f = open('.env', 'rb'); print(mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)[:])",
    "import os; f = os.open('.env', os.O_RDONLY); os.sendfile(1, f, 0, 100)",
    "import os; f = os.open('.env', os.O_PATH); print(open(f'/proc/self/fd/{f}').read())",
    "import os; d = os.open('.', os.O_RDONLY); print(os.read(os.open('.env', 0, dir_fd=d), 100))",
    "import os; f = os.open('.env', os.O_RDWR); print(os.read(f, 100).decode())",
];

#[test]
fn is_refused() {
    let world = World::new().secret(".env");
    for way in WAYS {
        world.hidden(&python(way));
    }
}
