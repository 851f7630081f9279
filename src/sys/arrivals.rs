//! Signals as bytes in a pipe, with who sent each: for systems that have no `signalfd(2)`.

use std::io;
use std::os::fd::{IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

use libc::{c_int, c_void, siginfo_t};

use super::cerr;

/// Where the handler writes; none while nobody listens.
static PIPE: AtomicI32 = AtomicI32::new(-1);

/// What a signal was before it was listened to.
#[derive(Clone, Copy)]
pub struct Before {
    signal: c_int,
    action: libc::sigaction,
}

/// A signal that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Its number.
    pub signal: i32,
    /// Whether a process sent it, and not the kernel for a terminal.
    pub by_process: bool,
}

impl Arrival {
    /// The two bytes that stand for it in the pipe.
    #[must_use]
    pub fn read(bytes: [u8; 2]) -> Arrival {
        Arrival {
            signal: bytes[0].into(),
            by_process: bytes[1] != 0,
        }
    }
}

extern "C" fn note(signal: c_int, info: *mut siginfo_t, _context: *mut c_void) {
    // SAFETY: the kernel passes a valid structure to a handler that asks for it.
    let sender = unsafe { (*info).si_pid() };
    // The numbers of signals fit a byte.
    let bytes = [signal as u8, u8::from(sender != 0)];
    let pipe = PIPE.load(Ordering::Relaxed);
    // SAFETY: write(2) may be called in a handler; a full pipe refuses at once, for it does not block.
    // That this sets errno is harmless: calls that a handler interrupts have set it, or have not begun.
    unsafe { libc::write(pipe, bytes.as_ptr().cast(), bytes.len()) };
}

/// Writes these signals into `pipe`, which must not block, as [`Arrival::read`] reads them, from now to
/// the end of this process. One that is ignored stays ignored, but for the end of a child, which would
/// not be waited for. Returns what [`restore`] takes.
pub fn listen(pipe: impl Into<OwnedFd>, signals: &[i32]) -> io::Result<Vec<Before>> {
    // The handler has it to the end.
    PIPE.store(pipe.into().into_raw_fd(), Ordering::Relaxed);
    let mut before = Vec::new();
    for signal in signals {
        // SAFETY: all-zero is a valid sigaction.
        let mut old: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: a null `act` only reads; `old` is a local of the right type.
        cerr(unsafe { libc::sigaction(*signal, std::ptr::null(), &raw mut old) })?;
        if old.sa_sigaction == libc::SIG_IGN && *signal != libc::SIGCHLD {
            continue;
        }
        // SAFETY: as above.
        let mut new: libc::sigaction = unsafe { std::mem::zeroed() };
        let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = note;
        new.sa_sigaction = handler as usize;
        new.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        // SAFETY: it initialises the mask that it is given.
        unsafe { libc::sigemptyset(&raw mut new.sa_mask) };
        // SAFETY: the handler has the signature that SA_SIGINFO asks for and lives as long as we do.
        cerr(unsafe { libc::sigaction(*signal, &raw const new, std::ptr::null_mut()) })?;
        before.push(Before {
            signal: *signal,
            action: old,
        });
    }
    Ok(before)
}

/// Gives these signals back what they were.
pub fn restore(before: &[Before]) {
    for Before { signal, action } in before {
        // SAFETY: the kernel itself gave out this action for this signal.
        unsafe { libc::sigaction(*signal, &raw const *action, std::ptr::null_mut()) };
    }
}
