//! The sandbox engine: a plan of printable steps, and the code that applies it.
//!
//! [`view`] asks the file system what a policy means on this host, [`plan`] turns that into steps
//! (pure data, shown by `aigate exec --dry-run`), [`linux`] applies them in a new process, and
//! [`supervisor`] stays outside as its parent until it ends.

pub mod bwrap;
mod error;
pub mod executables;
pub mod git;
mod inside;
mod job;
pub mod landlock;
pub mod limits;
pub mod linux;
pub mod live;
pub mod plan;
pub mod probe;
pub mod scan;
pub mod seatbelt;
pub mod sockets;
mod streams;
pub mod supervisor;
pub mod surroundings;
pub mod unfit;
pub mod user;
pub mod view;

pub use crate::sys::process::Image;
pub use error::Error;
pub use inside::inside;

use crate::sys::process::die_by_signal;

/// How the sandboxed command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Exit {
    /// Ends this process in the same way: the exit code, or, without returning, the signal.
    #[must_use]
    pub fn imitate(self) -> std::process::ExitCode {
        match self {
            // A wait status has eight bits of exit code.
            Self::Code(code) => std::process::ExitCode::from(code as u8),
            Self::Signal(signal) => die_by_signal(signal),
        }
    }
}
