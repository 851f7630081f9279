//! A system-call filter that asks another process (`SECCOMP_RET_USER_NOTIF`), and that process's side.

use std::ffi::{c_int, c_ulong};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use libc::{seccomp_notif, seccomp_notif_resp};
use seccompiler::sock_filter;

use super::cerr;

/// What a filter returns to ask: `SECCOMP_RET_USER_NOTIF`.
pub const ASK: u32 = 0x7fc0_0000;

/// Installs a program that asks, for this process and all that it starts: the descriptor at which it
/// asks. Needs `no_new_privs`. Fails with `EBUSY` where another filter above asks already.
///
/// A call that was taken up waits for its answer; a signal that does not kill leaves it waiting.
pub fn install(program: &[sock_filter]) -> io::Result<OwnedFd> {
    const SET_MODE_FILTER: c_int = 1;
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | WAIT_KILLABLE;
    let length = u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog {
        len: length,
        // The kernel's own layout under another name.
        filter: program.as_ptr().cast_mut().cast(),
    };
    // SAFETY: `program` names as many instructions as it says, and the call copies them without writing.
    let listener = cerr(unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            SET_MODE_FILTER,
            flags,
            &raw const program,
        )
    })?;
    // SAFETY: a fresh descriptor that the kernel just returned; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(listener as RawFd) })
}

/// `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`.
const WAIT_KILLABLE: c_ulong = 1 << 5;

/// A call that waits for an answer.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    id: u64,
    /// The thread that waits, in the asked process's PID namespace.
    pub thread: i32,
    /// The number of the call.
    pub number: i64,
    /// Its arguments as they are in registers.
    pub arguments: [u64; 6],
}

/// The next call that waits; `None` where the one that there was is gone.
pub fn receive(listener: BorrowedFd<'_>) -> io::Result<Option<Asked>> {
    // SAFETY: all-zero is a valid seccomp_notif, and what the kernel wants to be given.
    let mut asked: seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: `asked` is the struct that this request writes, and outlives the call.
    let result = cerr(unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_RECV,
            &raw mut asked,
        )
    });
    match result {
        Ok(_) => Ok(Some(Asked {
            id: asked.id,
            thread: asked.pid as i32,
            number: i64::from(asked.data.nr),
            arguments: asked.data.args,
        })),
        // Its thread was killed meanwhile, or a signal reached us.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the call still waits: if so, what was read of its thread belongs to it and not to another
/// one that got its number.
pub fn still_waits(listener: BorrowedFd<'_>, asked: &Asked) -> bool {
    // SAFETY: the request reads one u64, which outlives the call.
    cerr(unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_ID_VALID,
            &raw const asked.id,
        )
    })
    .is_ok()
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The kernel does it, reading its arguments anew.
    Continue,
    /// It fails with this errno.
    Refuse(i32),
}

/// Answers a call. One that is gone needs no answer.
pub fn answer(listener: BorrowedFd<'_>, asked: &Asked, answer: Answer) -> io::Result<()> {
    let (error, flags) = match answer {
        Answer::Continue => (0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
        Answer::Refuse(errno) => (-errno, 0),
    };
    let response = seccomp_notif_resp {
        id: asked.id,
        val: 0,
        error,
        flags,
    };
    // SAFETY: `response` is the struct that this request reads, and outlives the call.
    let result = cerr(unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_SEND,
            &raw const response,
        )
    });
    match result {
        Err(error) if error.raw_os_error() != Some(libc::ENOENT) => Err(error),
        _ => Ok(()),
    }
}

/// The kernel lets the asked process go on at once on the processor of the one that waits, which halves
/// the way there and back. Older kernels know no such wish.
pub fn answer_at_once(listener: BorrowedFd<'_>) {
    const SYNC_WAKE_UP: u64 = 1;
    // SAFETY: a plain integer.
    let _ = cerr(unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS,
            SYNC_WAKE_UP,
        )
    });
}

/// A copy of a descriptor of the thread that waits (`pidfd_getfd(2)`).
pub fn descriptor(thread: i32, number: RawFd) -> io::Result<OwnedFd> {
    const PIDFD_THREAD: c_int = libc::O_EXCL;
    // SAFETY: plain integers.
    let pidfd = cerr(unsafe { libc::syscall(libc::SYS_pidfd_open, thread, PIDFD_THREAD) })?;
    // SAFETY: a fresh descriptor that the kernel just returned; nobody else owns it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd as RawFd) };
    // SAFETY: plain integers.
    let copy = cerr(unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), number, 0) })?;
    // SAFETY: as above.
    Ok(unsafe { OwnedFd::from_raw_fd(copy as RawFd) })
}
