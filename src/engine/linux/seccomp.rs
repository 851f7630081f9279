//! The system-call filter: what agents do not need and attackers do.
//!
//! Compiling is pure and happens outside, before any process is made; [`install`] is the only
//! effect. Mount calls, `clone` and `unshare` stay open: browsers and agents build sandboxes of
//! their own, and what such a sandbox may do is fenced by the namespaces, not by this list.

use std::collections::BTreeMap;
use std::io;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Op, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

use super::bpf;
use crate::engine::plan::Plan;

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// Refused as not permitted: kernel-wide effects, kernel memory, and other processes' keys and files.
const NOT_PERMITTED: &[c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_init_module,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_open_by_handle_at,
    libc::SYS_perf_event_open,
    libc::SYS_process_madvise,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
];

/// Answered as if this kernel were older, so that programs take their fallback.
const NOT_IMPLEMENTED: &[c_long] = &[
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_userfaultfd,
];

/// Terminal requests that type into the caller's shell.
const TYPING: [u64; 2] = [libc::TIOCSTI, libc::TIOCLINUX];

/// Socket families that exist inside; the kernel's others (VSOCK, ALG, PACKET, ...) are not
/// confined by a network namespace or are attack surface only.
const FAMILIES: [i32; 4] = [
    libc::AF_UNIX,
    libc::AF_INET,
    libc::AF_INET6,
    libc::AF_NETLINK,
];

/// The program to install.
pub fn program() -> Result<BpfProgram, seccompiler::Error> {
    Ok(bpf::join(programs()?))
}

/// The program for a sandbox that is made so.
pub fn program_for(plan: &Plan) -> Result<BpfProgram, seccompiler::Error> {
    Ok(bpf::join(programs_for(plan)?))
}

fn programs_for(plan: &Plan) -> Result<Vec<BpfProgram>, seccompiler::Error> {
    let mut programs = programs()?;
    if let Some(network) = plan.maker.without_namespaces() {
        programs.extend(without_namespaces(network)?);
    }
    if plan.is_allowlist() {
        programs.push(without_memory_programs()?);
    }
    Ok(programs)
}

/// The same, and it asks before a name is made, and before a program starts where the plan says so.
pub fn asking_program(plan: &Plan) -> Result<BpfProgram, seccompiler::Error> {
    let mut asked = NAMING.to_vec();
    if plan.asks_for_programs() {
        asked.extend([libc::SYS_execve, libc::SYS_execveat]);
    }
    let asked = filter(whole_calls(&asked), SeccompAction::Trace(0))?;
    let others = programs_for(plan)?.into_iter();
    let others = bpf::join(others.chain([bpf::asking(asked)]));
    Ok(bpf::ask_by_bits(OPENS, libc::O_CREAT as u32, others))
}

/// Calls that make a file where a flag says so, and which argument has the flags.
const OPENS: &[(c_long, usize)] = &[
    (libc::SYS_openat, 2),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, 1),
];

/// Calls that make a name in a directory.
const NAMING: &[c_long] = &[
    // Its flags are in memory.
    libc::SYS_openat2,
    libc::SYS_linkat,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_renameat2,
    libc::SYS_symlinkat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_creat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mknod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    libc::SYS_renameat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_symlink,
];

/// What every sandbox refuses.
fn programs() -> Result<Vec<BpfProgram>, seccompiler::Error> {
    let mut not_permitted = whole_calls(NOT_PERMITTED);
    let typing = TYPING.map(|request| rule(&[(1, Op::Eq, request)]));
    not_permitted.insert(
        libc::SYS_ioctl,
        typing.into_iter().collect::<Result<_, _>>()?,
    );
    let foreign: Vec<_> = FAMILIES.map(|family| (0, Op::Ne, family as u64)).into();
    let families = Rules::from([
        (libc::SYS_socket, vec![rule(&foreign)?]),
        (libc::SYS_socketpair, vec![rule(&foreign)?]),
    ]);
    Ok(vec![
        compile(not_permitted, libc::EPERM)?,
        compile(whole_calls(NOT_IMPLEMENTED), libc::ENOSYS)?,
        compile(families, libc::EAFNOSUPPORT)?,
        #[cfg(target_arch = "x86_64")]
        bpf::no_x32(),
    ])
}

/// Files in memory stand on no mount of ours and are none of Landlock's, so one that may become a
/// program is not made. Whoever asks for none that may gets one; the others find their fallback.
fn without_memory_programs() -> Result<BpfProgram, seccompiler::Error> {
    let sealed = u64::from(libc::MFD_NOEXEC_SEAL);
    let executable = rule(&[(1, Op::MaskedEq(sealed), 0)])?;
    let refused = Rules::from([(libc::SYS_memfd_create, vec![executable])]);
    compile(refused, libc::ENOSYS)
}

/// What namespaces would shut: System V objects and queues, limits of other processes, and sockets:
/// neither Landlock nor a filter can tell by its path whose socket is connected to.
fn without_namespaces(network: bool) -> Result<Vec<BpfProgram>, seccompiler::Error> {
    // A pair of streams stays a pair; a datagram socket could be connected anew.
    let datagrams = [libc::SOCK_DGRAM, libc::SOCK_RAW].map(|kind| {
        let kind_only = Op::MaskedEq(0xf);
        rule(&[
            (0, Op::Eq, libc::AF_UNIX as u64),
            (1, kind_only, kind as u64),
        ])
    });
    let mut shut = vec![libc::AF_UNIX];
    if !network {
        shut.extend([libc::AF_INET, libc::AF_INET6]);
    }
    let sockets = shut
        .iter()
        .map(|family| rule(&[(0, Op::Eq, *family as u64)]));
    let refused = Rules::from([
        (libc::SYS_socket, sockets.collect::<Result<_, _>>()?),
        (
            libc::SYS_socketpair,
            datagrams.into_iter().collect::<Result<_, _>>()?,
        ),
        (libc::SYS_prlimit64, vec![rule(&[(0, Op::Ne, 0)])?]),
    ]);
    let question = Rules::from([(libc::SYS_prctl, vec![rule(&[(0, Op::Eq, INSIDE.into())])?])]);
    Ok(vec![
        compile(refused, libc::EACCES)?,
        compile(whole_calls(SHARED_OBJECTS), libc::ENOSYS)?,
        compile(question, libc::EXFULL)?,
    ])
}

/// Asked of prctl(2), which knows no such option: [`is_inside`].
const INSIDE: u32 = 0x6167_7465;

/// Whether the filter of a sandbox without namespaces answers.
pub(in crate::engine) fn is_inside() -> bool {
    let answer = crate::sys::probe::unknown_option(INSIDE);
    answer.is_err_and(|error| error.raw_os_error() == Some(libc::EXFULL))
}

/// Objects with keys instead of paths: without an IPC namespace they are the host's.
const SHARED_OBJECTS: &[c_long] = &[
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    libc::SYS_msgctl,
    libc::SYS_msgget,
    libc::SYS_msgrcv,
    libc::SYS_msgsnd,
    libc::SYS_semctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_shmget,
];

/// Installs a program for this process and all that it starts.
pub fn install(program: &BpfProgram) -> io::Result<()> {
    seccompiler::apply_filter(program).map_err(|error| match error {
        seccompiler::Error::Prctl(source) | seccompiler::Error::Seccomp(source) => source,
        other => io::Error::other(other.to_string()),
    })
}

fn whole_calls(calls: &[c_long]) -> Rules {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}

/// Matches when every `(argument, comparison, value)` holds for the argument's low 32 bits, which
/// is all that the kernel reads of them.
fn rule(conditions: &[(u8, Op, u64)]) -> Result<SeccompRule, seccompiler::Error> {
    let conditions = conditions
        .iter()
        .map(|(index, op, value)| SeccompCondition::new(*index, Width::Dword, op.clone(), *value))
        .collect::<Result<_, _>>()?;
    Ok(SeccompRule::new(conditions)?)
}

fn compile(rules: Rules, errno: i32) -> Result<BpfProgram, seccompiler::Error> {
    filter(rules, SeccompAction::Errno(errno as u32))
}

fn filter(rules: Rules, action: SeccompAction) -> Result<BpfProgram, seccompiler::Error> {
    let arch: TargetArch = std::env::consts::ARCH.try_into()?;
    Ok(SeccompFilter::new(rules, SeccompAction::Allow, action, arch)?.try_into()?)
}
