//! Calls that ask the kernel whether a door is open, without going through it: each has arguments
//! that the kernel refuses for another reason, or an effect that ends with the descriptor it made.

use std::ffi::{CStr, c_int, c_long, c_ulong};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::ptr;

use super::cerr;

/// Closes what a call returned.
fn close(raw: c_long) {
    // SAFETY: a fresh descriptor that the kernel just returned; nobody else owns it.
    drop(unsafe { OwnedFd::from_raw_fd(raw as RawFd) });
}

/// `keyctl(KEYCTL_GET_KEYRING_ID)` of the user's keyring, without making one.
pub fn keyring() -> io::Result<()> {
    const KEY_SPEC_USER_KEYRING: c_long = -4;
    // SAFETY: plain integers; operation 0 with create = 0 changes nothing.
    cerr(unsafe { libc::syscall(libc::SYS_keyctl, 0, KEY_SPEC_USER_KEYRING, 0) }).map(drop)
}

/// `prctl(2)` with an option that does not exist.
pub fn unknown_option(option: u32) -> io::Result<()> {
    // SAFETY: plain integers; the kernel answers EINVAL for what it does not know.
    cerr(unsafe { libc::prctl(option as c_int, 0, 0, 0, 0) }).map(drop)
}

/// `bpf(2)` with a command that does not exist.
pub fn bpf() -> io::Result<()> {
    // SAFETY: no attribute is passed (NULL, size 0).
    cerr(unsafe { libc::syscall(libc::SYS_bpf, c_int::MAX, ptr::null::<u8>(), 0) }).map(drop)
}

/// `io_uring_setup(2)` of the smallest ring, closed at once.
pub fn io_uring() -> io::Result<()> {
    let mut parameters = [0_u8; 120];
    // SAFETY: `parameters` has the size of struct io_uring_params and outlives the call.
    cerr(unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, parameters.as_mut_ptr()) }).map(close)
}

/// `userfaultfd(2)` for faults of user mode, closed at once.
pub fn user_fault() -> io::Result<()> {
    const USER_MODE_ONLY: c_int = 1;
    let flags = libc::O_CLOEXEC | USER_MODE_ONLY;
    // SAFETY: plain integers.
    cerr(unsafe { libc::syscall(libc::SYS_userfaultfd, flags) }).map(close)
}

/// `perf_event_open(2)` of a software counter of this process, closed at once.
pub fn performance_counter() -> io::Result<()> {
    // struct perf_event_attr of the first version: type 1 (software), size 64, config 9 (dummy),
    // and the bits that leave the kernel and the hypervisor out.
    let mut attributes = [0_u64; 8];
    attributes[0] = 1 | (64 << 32);
    attributes[1] = 9;
    attributes[5] = (1 << 5) | (1 << 6);
    // SAFETY: `attributes` has the size it states and outlives the call.
    cerr(unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            attributes.as_ptr(),
            0,
            -1,
            -1,
            0_u64,
        )
    })
    .map(close)
}

/// `open_by_handle_at(2)` with an address that cannot be read.
pub fn file_handle() -> io::Result<()> {
    let here = libc::AT_FDCWD;
    // SAFETY: the kernel answers EFAULT for a NULL handle.
    cerr(unsafe { libc::syscall(libc::SYS_open_by_handle_at, here, ptr::null::<u8>(), 0) })
        .map(drop)
}

/// `finit_module(2)` of a descriptor that is not open.
pub fn kernel_module() -> io::Result<()> {
    // SAFETY: the string is NUL-terminated; -1 is never open.
    cerr(unsafe { libc::syscall(libc::SYS_finit_module, -1, c"".as_ptr(), 0) }).map(drop)
}

/// `sethostname(2)` with a length that no name has: refused after the check of rights.
pub fn host_name() -> io::Result<()> {
    // SAFETY: the kernel refuses the length before it reads the name.
    cerr(unsafe { libc::syscall(libc::SYS_sethostname, ptr::null::<u8>(), -1) }).map(drop)
}

/// A terminal request that types or pastes, on a descriptor, with an address that cannot be read.
pub fn terminal_request(fd: RawFd, request: u64) -> io::Result<()> {
    // SAFETY: the kernel answers EFAULT or ENOTTY for a NULL argument of these requests.
    cerr(unsafe { libc::ioctl(fd, request as libc::Ioctl, ptr::null::<u8>()) }).map(drop)
}

/// A socket of this family, closed at once.
pub fn socket(family: c_int, kind: c_int, protocol: c_int) -> io::Result<()> {
    // SAFETY: plain integers.
    let made = cerr(unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) });
    made.map(|fd| close(fd.into()))
}

/// `mount(2)` of a file system type that does not exist: refused after the check of rights.
pub fn mount_unknown() -> io::Result<()> {
    mount(c"/", Some(c"aigate-none"), 0)
}

/// `mount(2)` as a change of a mount that is none: refused after the check of rights.
pub fn remount_nothing() -> io::Result<()> {
    mount(NO_MOUNT, None, libc::MS_REMOUNT | libc::MS_BIND)
}

/// Never a mount point.
const NO_MOUNT: &CStr = c"/proc/self/stat";

fn mount(at: &CStr, kind: Option<&CStr>, flags: c_ulong) -> io::Result<()> {
    let kind = kind.map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: strings are NULL or NUL-terminated and outlive the call; no data.
    cerr(unsafe { libc::mount(c"none".as_ptr(), at.as_ptr(), kind, flags, ptr::null()) }).map(drop)
}

/// `umount2(2)` of what is no mount point: refused after the check of rights.
pub fn unmount_nothing() -> io::Result<()> {
    // SAFETY: the string is NUL-terminated.
    cerr(unsafe { libc::umount2(NO_MOUNT.as_ptr(), libc::MNT_DETACH) }).map(drop)
}

/// `fsopen(2)` of a file system in memory, closed at once.
pub fn new_file_system() -> io::Result<()> {
    // SAFETY: the string is NUL-terminated.
    cerr(unsafe { libc::syscall(libc::SYS_fsopen, c"tmpfs".as_ptr(), 1) }).map(close)
}

/// `umount2(2)` as it is meant, without waiting for users of the mount.
pub fn unmount(path: &Path) -> io::Result<()> {
    let path = super::mount::c_path(path)?;
    // SAFETY: the string is NUL-terminated and outlives the call.
    cerr(unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) }).map(drop)
}

/// `PTRACE_SEIZE`, which does not stop the process; it ends with the caller.
pub fn trace(pid: i32) -> io::Result<()> {
    let none = ptr::null_mut::<u8>();
    // SAFETY: SEIZE takes no address and no options here.
    cerr(unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, none, none) }).map(drop)
}

/// `process_vm_readv(2)` at an address where nothing is.
pub fn read_memory(pid: i32) -> io::Result<()> {
    let mut byte = 0_u8;
    let local = libc::iovec {
        iov_base: (&raw mut byte).cast(),
        iov_len: 1,
    };
    let remote = libc::iovec {
        iov_base: ptr::without_provenance_mut(8),
        iov_len: 1,
    };
    // SAFETY: `local` points to `byte`, which outlives the call; `remote` is the other process's.
    let read = unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
    cerr(read as i64).map(drop)
}

/// `pidfd_open(2)`, closed at once.
pub fn process_descriptor(pid: i32) -> io::Result<()> {
    // SAFETY: plain integers.
    cerr(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) }).map(close)
}

/// Lets every process of this user trace this one, where only a parent may do so otherwise.
pub fn may_be_traced() -> io::Result<()> {
    // SAFETY: plain integers.
    cerr(unsafe { libc::prctl(libc::PR_SET_PTRACER, libc::PR_SET_PTRACER_ANY, 0, 0, 0) }).map(drop)
}

/// A shared memory segment of one page that ends with this process.
pub fn shared_memory() -> io::Result<i32> {
    // SAFETY: plain integers; the segment stays attached, so the address is never used.
    unsafe {
        let id = cerr(libc::shmget(libc::IPC_PRIVATE, 1, 0o600))?;
        if libc::shmat(id, ptr::null(), libc::SHM_RDONLY) as isize != -1 {
            // Marked at once: the kernel removes it with its last user.
            cerr(libc::shmctl(id, libc::IPC_RMID, ptr::null_mut()))?;
            return Ok(id);
        }
        let failed = io::Error::last_os_error();
        cerr(libc::shmctl(id, libc::IPC_RMID, ptr::null_mut()))?;
        Err(failed)
    }
}

/// Whether this segment is there for us.
pub fn find_shared_memory(id: i32) -> io::Result<()> {
    // SAFETY: all-zero is a valid shmid_ds, which the kernel fills.
    cerr(unsafe {
        let mut status: libc::shmid_ds = std::mem::zeroed();
        libc::shmctl(id, libc::IPC_STAT, &raw mut status)
    })
    .map(drop)
}

/// The descriptor's device and inode numbers.
pub fn identity(fd: RawFd) -> io::Result<(u64, u64)> {
    // SAFETY: all-zero is a valid stat, which the kernel fills; a closed descriptor is an error.
    let status = unsafe {
        let mut status: libc::stat = std::mem::zeroed();
        cerr(libc::fstat(fd, &raw mut status))?;
        status
    };
    Ok((status.st_dev, status.st_ino))
}

/// The version of Landlock that this kernel speaks.
pub fn landlock_abi() -> io::Result<i64> {
    const VERSION: c_int = 1;
    // SAFETY: asked for the version, the kernel takes no attribute (NULL, size 0) and makes nothing.
    cerr(unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            ptr::null::<u8>(),
            0_usize,
            VERSION,
        )
    })
}

/// A seccomp filter that allows everything and asks nobody, with its listener, closed at once. Needs
/// `no_new_privs`; the filter stays with this process.
pub fn seccomp_listener() -> io::Result<()> {
    let allow = seccompiler::sock_filter {
        code: 0x06,
        jt: 0,
        jf: 0,
        k: 0x7fff_0000,
    };
    super::notify::install(&[allow]).map(drop)
}
