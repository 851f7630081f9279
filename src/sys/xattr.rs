//! Extended attributes of a file that is held open, if only by `O_PATH`.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::cerr;

/// The largest value that the kernel stores.
const LARGEST: usize = 64 * 1024;

/// The value, `None` where the file has none of that name.
///
/// # Errors
/// `EOPNOTSUPP` where the file system has no such attributes.
pub fn get(file: BorrowedFd<'_>, name: &CStr) -> io::Result<Option<Vec<u8>>> {
    let path = path(file);
    // Most lists of rights have a handful of entries.
    let mut value = vec![0_u8; 256];
    loop {
        // SAFETY: two NUL-terminated strings, and a buffer of the length that is told.
        let length = cerr(unsafe {
            libc::getxattr(
                path.as_ptr(),
                name.as_ptr(),
                value.as_mut_ptr().cast(),
                value.len(),
            ) as i64
        });
        match length {
            Ok(length) => {
                value.truncate(usize::try_from(length).unwrap_or_default());
                return Ok(Some(value));
            }
            Err(error) => match error.raw_os_error() {
                Some(libc::ENODATA) => return Ok(None),
                Some(libc::ERANGE) if value.len() < LARGEST => value.resize(LARGEST, 0),
                _ => return Err(error),
            },
        }
    }
}

/// Sets the value, whether there was one or not.
///
/// # Errors
/// `EPERM` for a file of another user, `EOPNOTSUPP` as above.
pub fn set(file: BorrowedFd<'_>, name: &CStr, value: &[u8]) -> io::Result<()> {
    let path = path(file);
    // SAFETY: two NUL-terminated strings, and a buffer of the length that is told.
    cerr(unsafe {
        libc::setxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_ptr().cast(),
            value.len(),
            0,
        )
    })
    .map(drop)
}

/// Removes the value; nothing to remove is no error.
///
/// # Errors
/// As [`set`].
pub fn remove(file: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    let path = path(file);
    // SAFETY: two NUL-terminated strings.
    match cerr(unsafe { libc::removexattr(path.as_ptr(), name.as_ptr()) }) {
        Err(error) if error.raw_os_error() != Some(libc::ENODATA) => Err(error),
        _ => Ok(()),
    }
}

/// The calls that take a descriptor refuse one of `O_PATH`; by this link they reach the same inode,
/// whatever its name leads to by now.
fn path(file: BorrowedFd<'_>) -> CString {
    let text = format!("/proc/self/fd/{}\0", file.as_raw_fd());
    CString::from_vec_with_nul(text.into_bytes()).unwrap_or_default()
}
