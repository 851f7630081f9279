//! Descriptors.

use std::ffi::c_uint;
use std::io;
use std::os::fd::RawFd;

use super::cerr;

/// `close_range(2)` with `CLOSE_RANGE_CLOEXEC`: every descriptor from `first` up ends at execve.
pub fn cloexec_from(first: RawFd) -> io::Result<()> {
    range(first, c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC)
}

/// Closes every descriptor from 3 up but `keep`, without destructors: for a fresh child that owns none
/// of them.
pub fn close_all_but(keep: RawFd) -> io::Result<()> {
    if keep > 3 {
        range(3, (keep - 1) as c_uint, 0)?;
    }
    range((keep + 1).max(3), c_uint::MAX, 0)
}

fn range(first: RawFd, last: c_uint, flags: c_uint) -> io::Result<()> {
    // SAFETY: plain integers. Closing is the caller's documented intent.
    cerr(unsafe { libc::syscall(libc::SYS_close_range, first as c_uint, last, flags) }).map(drop)
}
