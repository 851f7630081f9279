//! Picks the personality by the name the program was started as.

use std::process::ExitCode;

fn main() -> ExitCode {
    aigate::cli::main()
}
