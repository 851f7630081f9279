//! System calls. The only place for `unsafe`; imports nothing of ours.
//!
//! Each function is one call (or one idiom of two) with its result as [`std::io::Result`]. Policy,
//! order and error texts belong to the callers.
#![expect(unsafe_code, reason = "system calls that no crate wraps")]

pub mod arrivals;
pub mod auxv;
pub mod datagram;
pub mod dir;
pub mod fd;
pub mod handover;
pub mod heap;
pub mod memory;
pub mod mount;
pub mod netlink;
pub mod netns;
pub mod nft;
pub mod notify;
pub mod probe;
pub mod process;
pub mod scm;
pub mod sigpipe;
pub mod socket;
pub mod terminal;
pub mod xattr;

use std::io;

/// Turns the -1 of a system call into the errno it left.
fn cerr<T: Into<i64> + Copy>(result: T) -> io::Result<T> {
    if result.into() == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
