//! Terminals: what nix does not wrap safely.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::cerr;

/// Makes the terminal the controlling one of this process, which must lead a session without one.
pub fn control(terminal: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the request takes an integer.
    cerr(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY, 0) }).map(drop)
}

/// Gives the terminal `to` the size of `from`; its foreground group is told by the kernel.
pub fn copy_size(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: all-zero is a valid winsize; the requests write and read one of them.
    unsafe {
        let mut size: libc::winsize = std::mem::zeroed();
        cerr(libc::ioctl(
            from.as_raw_fd(),
            libc::TIOCGWINSZ,
            &raw mut size,
        ))?;
        cerr(libc::ioctl(
            to.as_raw_fd(),
            libc::TIOCSWINSZ,
            &raw const size,
        ))?;
    }
    Ok(())
}
