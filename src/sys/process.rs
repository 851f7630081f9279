//! Processes: clone3, fork, execve, prctl, capabilities.

use std::convert::Infallible;
use std::ffi::{CString, c_char, c_int, c_long, c_ulong};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr;

use super::cerr;

/// What [`clone3`] returned, and to whom.
#[derive(Debug)]
pub enum Cloned {
    /// In the caller: a descriptor that polls readable when the new process has ended.
    Parent {
        /// The new process, in the caller's PID namespace.
        pid: i32,
        /// `pidfd_open(2)` semantics.
        pidfd: OwnedFd,
    },
    /// In the new process.
    Child,
}

/// `clone3(2)` as a fork into new namespaces, or `clone(2)` where that is missing; the child ends with
/// `SIGCHLD`.
///
/// `flags` are `CLONE_NEW*` bits. The caller must have one thread: the child goes on in a copy of
/// its memory, where a lock held by another thread would never be released.
pub fn clone3(flags: c_int) -> io::Result<Cloned> {
    let mut pidfd: c_int = -1;
    let made = clone_by_struct(flags, &mut pidfd);
    let pid = match made {
        // A container's filter cannot look into a struct, and answers as an old kernel would.
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
            clone_by_registers(flags, &mut pidfd)?
        }
        made => made?,
    };
    if pid == 0 {
        return Ok(Cloned::Child);
    }
    // SAFETY: CLONE_PIDFD stored a descriptor that nobody else owns.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Cloned::Parent {
        pid: pid as i32,
        pidfd,
    })
}

/// `clone3(2)` as a fork.
fn clone_by_struct(flags: c_int, pidfd: &mut c_int) -> io::Result<c_long> {
    // SAFETY: all-zero is a valid clone_args (every field is an integer, zero meaning "unused").
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = (flags | libc::CLONE_PIDFD) as u64;
    args.pidfd = &raw mut *pidfd as u64;
    args.exit_signal = libc::SIGCHLD as u64;
    // SAFETY: without CLONE_VM and with stack 0 this is fork: the child has its own copy of this
    // memory. `args` lives across the call; the kernel writes only `pidfd`.
    cerr(unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw const args,
            size_of::<libc::clone_args>(),
        )
    })
}

/// `clone(2)` as a fork, which has the descriptor in the third argument.
fn clone_by_registers(flags: c_int, pidfd: &mut c_int) -> io::Result<c_long> {
    let flags = flags | libc::CLONE_PIDFD | libc::SIGCHLD;
    // SAFETY: as above; the last two arguments are unused without their flags.
    cerr(unsafe { libc::syscall(libc::SYS_clone, flags, 0, &raw mut *pidfd, 0, 0) })
}

/// `fork(2)`: the child's PID in the parent, `None` in the child. One thread only, as [`clone3`].
pub fn fork() -> io::Result<Option<i32>> {
    // SAFETY: the caller has one thread (documented), so the child may use all of its memory.
    let pid = cerr(unsafe { libc::fork() })?;
    Ok((pid != 0).then_some(pid))
}

/// Ends this process at once, without destructors or `atexit` handlers.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(code) }
}

/// The argument and environment vectors of an [`execve`], built before any fork.
#[derive(Debug, Clone)]
pub struct Image {
    path: CString,
    argv: Vec<CString>,
    envp: Vec<CString>,
}

impl Image {
    /// `path` is executed as it is, `argv` includes `argv[0]`, `envp` holds `NAME=value`.
    #[must_use]
    pub fn new(path: CString, argv: Vec<CString>, envp: Vec<CString>) -> Self {
        Self { path, argv, envp }
    }

    /// The same started by another program, which takes the file and its arguments after its own.
    #[must_use]
    pub fn started_by(self, program: CString, arguments: Vec<CString>) -> Self {
        let end_of_options = c"--".to_owned();
        let own = [program.clone()].into_iter().chain(arguments);
        let command = [end_of_options, self.path].into_iter();
        let rest = self.argv.into_iter().skip(1);
        Self {
            path: program,
            argv: own.chain(command).chain(rest).collect(),
            envp: self.envp,
        }
    }

    /// Takes out those variables whose name `chosen` takes: names and values.
    pub fn take_variables(&mut self, chosen: impl Fn(&[u8]) -> bool) -> Vec<(CString, CString)> {
        let name = |variable: &CString| {
            let bytes = variable.to_bytes();
            let end = bytes.iter().position(|byte| *byte == b'=')?;
            chosen(&bytes[..end]).then_some(end)
        };
        let taken = self
            .envp
            .extract_if(.., |variable| name(variable).is_some());
        let parts = taken.filter_map(|variable| {
            let (name, value) = variable.to_bytes().split_at(name(&variable)?);
            Some((CString::new(name).ok()?, CString::new(&value[1..]).ok()?))
        });
        parts.collect()
    }

    /// The same arguments for another file.
    #[must_use]
    pub fn with_path(self, path: CString) -> Self {
        Self { path, ..self }
    }

    /// The file that is executed.
    #[must_use]
    pub fn path(&self) -> &CString {
        &self.path
    }

    /// The words that it is told, its own name first.
    #[must_use]
    pub fn argv(&self) -> &[CString] {
        &self.argv
    }

    /// Its variables.
    #[must_use]
    pub fn envp(&self) -> &[CString] {
        &self.envp
    }
}

/// `execve(2)`; returns only with the reason it failed.
pub fn execve(image: &Image) -> io::Result<Infallible> {
    let argv = null_terminated(&image.argv);
    let envp = null_terminated(&image.envp);
    // SAFETY: all three point to NUL-terminated data that `image` owns across the call.
    unsafe { libc::execve(image.path.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    Err(io::Error::last_os_error())
}

fn null_terminated(strings: &[CString]) -> Vec<*const c_char> {
    strings
        .iter()
        .map(|s| s.as_ptr())
        .chain([ptr::null()])
        .collect()
}

fn prctl(option: c_int, argument: c_ulong) -> io::Result<()> {
    // SAFETY: every option used here takes one integer and ignores the rest.
    cerr(unsafe { libc::prctl(option, argument, 0, 0, 0) }).map(drop)
}

/// `PR_SET_PDEATHSIG`: `SIGKILL` this process when the thread that made it ends.
pub fn die_with_parent() -> io::Result<()> {
    prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as c_ulong)
}

/// `PR_SET_NO_NEW_PRIVS`: no later execve gains privilege. Cannot be undone.
pub fn no_new_privs() -> io::Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1)
}

/// `PR_SET_DUMPABLE` off: no core file, no ptrace, and `/proc/PID` files owned by root.
pub fn not_dumpable() -> io::Result<()> {
    prctl(libc::PR_SET_DUMPABLE, 0)
}

/// `PR_SET_NAME`: the name that `ps` shows, at most 15 bytes.
pub fn name(name: &std::ffi::CStr) -> io::Result<()> {
    prctl(libc::PR_SET_NAME, name.as_ptr() as c_ulong)
}

/// `PR_SET_CHILD_SUBREAPER`: what this process started, at whatever remove, becomes its child when its
/// own parent ends.
pub fn adopt_orphans() -> io::Result<()> {
    prctl(libc::PR_SET_CHILD_SUBREAPER, 1)
}

/// The same as [`drop_capabilities`] for who may not have the right to change the bounding set: that
/// counts for nothing after `no_new_privs`.
pub fn drop_own_capabilities() -> io::Result<()> {
    match drop_capabilities() {
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => drop_present_capabilities(),
        done => done,
    }
}

/// Drops every capability of this thread from every set, the bounding and ambient sets included.
pub fn drop_capabilities() -> io::Result<()> {
    // The kernel answers EINVAL for the first capability that it does not know.
    for capability in 0..64 {
        match prctl(libc::PR_CAPBSET_DROP, capability) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => break,
            Err(error) => return Err(error),
        }
    }
    drop_present_capabilities()
}

fn drop_present_capabilities() -> io::Result<()> {
    // SAFETY: PR_CAP_AMBIENT_CLEAR_ALL takes no further argument.
    let cleared = unsafe {
        libc::prctl(
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_CLEAR_ALL as c_ulong,
            0,
            0,
            0,
        )
    };
    cerr(cleared)?;
    /// `_LINUX_CAPABILITY_VERSION_3` of linux/capability.h: two 32-bit words a set.
    const VERSION_3: u32 = 0x2008_0522;
    let header: [u32; 2] = [VERSION_3, 0];
    let none = [0_u32; 6];
    // SAFETY: header and data have the layout of version 3 (two words; three words twice).
    cerr(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) }).map(drop)
}

/// Ends this process by `signal` as if it had never been handled here, without a core file of ours.
pub fn die_by_signal(signal: c_int) -> ! {
    let no_core = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: plain calls on this process; the sigset is initialised by sigemptyset before use.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &raw const no_core);
        libc::signal(signal, libc::SIG_DFL);
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::sigprocmask(libc::SIG_UNBLOCK, &raw const set, ptr::null_mut());
        libc::raise(signal);
    }
    exit_now(128 + signal)
}

/// `setns(2)`: enters the namespace that a file of `/proc/PID/ns` stands for. To enter a user or
/// mount namespace, this process must have one thread.
pub fn enter_namespace(namespace: std::os::fd::BorrowedFd<'_>) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    // SAFETY: plain integers; the descriptor is open.
    cerr(unsafe { libc::setns(namespace.as_raw_fd(), 0) }).map(drop)
}

/// No core file: it would leave memory of this process on the host.
pub fn no_core_file() -> io::Result<()> {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `none` outlives the call.
    cerr(unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) }).map(drop)
}
