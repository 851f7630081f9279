//! The disposition of `SIGPIPE` as our caller left it.
//!
//! Rust's runtime ignores the signal before `main`, and an ignored signal stays ignored across
//! execve: a sandboxed `yes | head` would never end. What the caller chose is read before that.

use std::sync::atomic::{AtomicBool, Ordering};

static IGNORED_BY_CALLER: AtomicBool = AtomicBool::new(false);

extern "C" fn capture() {
    // SAFETY: a null `act` only reads; `old` is a local of the right type.
    let ignored = unsafe {
        let mut old: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGPIPE, std::ptr::null(), &raw mut old) == 0
            && old.sa_sigaction == libc::SIG_IGN
    };
    IGNORED_BY_CALLER.store(ignored, Ordering::Relaxed);
}

// SAFETY: the C runtime calls each entry of .init_array once, before main and before Rust's
// runtime; `capture` has the expected signature and needs nothing of either.
#[used]
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
static CAPTURE: extern "C" fn() = capture;

/// Gives `SIGPIPE` back the disposition that the caller of this program had chosen.
pub fn restore() {
    let action = if IGNORED_BY_CALLER.load(Ordering::Relaxed) {
        libc::SIG_IGN
    } else {
        libc::SIG_DFL
    };
    // SAFETY: setting a disposition to default or ignore has no preconditions.
    unsafe { libc::signal(libc::SIGPIPE, action) };
}
