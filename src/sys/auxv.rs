//! The auxiliary vector that the kernel hands to a new program.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;

/// The path that was given to `execve`, links not followed.
#[must_use]
pub fn executed_file() -> Option<&'static OsStr> {
    // SAFETY: getauxval has no preconditions.
    let address = unsafe { libc::getauxval(libc::AT_EXECFN) } as *const libc::c_char;
    if address.is_null() {
        return None;
    }
    // SAFETY: the kernel put a NUL-terminated string there, above the stack, where it stays for
    // the life of the process; nobody here writes to it.
    let path = unsafe { CStr::from_ptr(address) };
    Some(OsStr::from_bytes(path.to_bytes()))
}
