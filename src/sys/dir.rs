//! Directories: listing one with the fewest system calls and no allocation for an entry.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::cerr;

/// What an entry is, as the directory itself knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A socket, pipe or device.
    Other,
    /// The file system does not say: the entry itself must be asked.
    Unknown,
}

/// One entry.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Its name.
    pub name: &'a CStr,
    /// What it is.
    pub kind: Kind,
    /// Its inode, on the file system of the directory.
    pub inode: u64,
}

/// Memory for listings, to be used for many directories; none until the first.
#[derive(Debug, Default)]
pub struct Buffer(Vec<u64>);

/// Bytes of a buffer: as many as glibc's, so that most directories take two calls.
const ROOM: usize = 32 * 1024;

/// Where the fields of `struct linux_dirent64` are.
const LENGTH: usize = 16;
const TYPE: usize = 18;
const NAME: usize = 19;

/// Calls `each` with every entry but `.` and `..`.
pub fn list(
    dir: BorrowedFd<'_>,
    buffer: &mut Buffer,
    mut each: impl FnMut(Entry<'_>),
) -> io::Result<()> {
    // Room, and nothing in it: most directories fill one page of eight.
    buffer.0.reserve(ROOM / 8);
    loop {
        // SAFETY: the buffer has room for that many bytes and lives during the call.
        let filled = cerr(unsafe {
            libc::syscall(
                libc::SYS_getdents64,
                dir.as_raw_fd(),
                buffer.0.as_mut_ptr(),
                ROOM,
            )
        })?;
        let filled = usize::try_from(filled).map_err(io::Error::other)?.min(ROOM);
        if filled == 0 {
            return Ok(());
        }
        // SAFETY: the kernel wrote `filled` bytes, and any byte is a valid u8.
        let mut records =
            unsafe { std::slice::from_raw_parts(buffer.0.as_ptr().cast::<u8>(), filled) };
        while let Some((entry, rest)) = first(records) {
            if entry.name != c"." && entry.name != c".." {
                each(entry);
            }
            records = rest;
        }
    }
}

/// The first record and the rest; none at the end, or where the bytes make no record.
fn first(records: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    let inode = u64::from_ne_bytes(records.get(..8)?.try_into().ok()?);
    let length = u16::from_ne_bytes(records.get(LENGTH..LENGTH + 2)?.try_into().ok()?).into();
    let kind = match *records.get(TYPE)? {
        libc::DT_DIR => Kind::Directory,
        libc::DT_REG => Kind::File,
        libc::DT_LNK => Kind::Link,
        libc::DT_UNKNOWN => Kind::Unknown,
        _ => Kind::Other,
    };
    let name = CStr::from_bytes_until_nul(records.get(NAME..length)?).ok()?;
    Some((Entry { name, kind, inode }, records.get(length..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_listing_is_that_of_the_standard_library() {
        let temp = assert_fs::TempDir::new().unwrap();
        for number in 0..2000 {
            std::fs::write(temp.path().join(format!("a rather long name {number}")), "").unwrap();
        }
        std::fs::create_dir(temp.path().join("dir")).unwrap();
        std::os::unix::fs::symlink("dir", temp.path().join("link")).unwrap();
        let dir = File::open(temp.path()).unwrap();
        let mut ours = Vec::new();
        list(dir.as_fd(), &mut Buffer::default(), |entry| {
            ours.push((
                entry.name.to_owned().into_string().unwrap(),
                entry.kind,
                entry.inode,
            ));
        })
        .unwrap();
        let mut theirs: Vec<_> = std::fs::read_dir(temp.path())
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let kind = match entry.file_type().unwrap() {
                    kind if kind.is_dir() => Kind::Directory,
                    kind if kind.is_symlink() => Kind::Link,
                    _ => Kind::File,
                };
                let inode = std::fs::symlink_metadata(entry.path()).unwrap().ino();
                (entry.file_name().into_string().unwrap(), kind, inode)
            })
            .collect();
        ours.sort_by(|a, b| a.0.cmp(&b.0));
        theirs.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(ours, theirs);
    }

    #[test]
    fn broken_records_end_the_listing() {
        assert!(first(&[]).is_none());
        assert!(first(&[0; 18]).is_none());
        let mut endless = [0; 24];
        endless[LENGTH] = 200;
        assert!(first(&endless).is_none());
        endless[LENGTH] = 0;
        assert!(first(&endless).is_none());
    }
}
