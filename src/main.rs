//! Picks the personality by the name the program was started as.

use std::process::ExitCode;

use aigate::sys::heap::Heap;

#[global_allocator]
static HEAP: Heap = Heap;

fn main() -> ExitCode {
    aigate::cli::main()
}
