//! Descriptors.

use std::ffi::c_uint;
use std::io;
use std::os::fd::RawFd;

use super::cerr;

/// Closes every descriptor from 3 up but `keep`, without destructors: for a fresh child that owns none
/// of them.
pub fn close_all_but(keep: RawFd) -> io::Result<()> {
    if keep > 3 {
        close(3, (keep - 1) as c_uint)?;
    }
    close((keep + 1).max(3), c_uint::MAX)
}

fn close(first: RawFd, last: c_uint) -> io::Result<()> {
    // SAFETY: plain integers. Closing is the caller's documented intent.
    cerr(unsafe { libc::syscall(libc::SYS_close_range, first as c_uint, last, 0) }).map(drop)
}
