//! Filter programs put together: the kernel runs every program of a stack for each call that it cannot
//! answer from its table, so one program is several times faster than four.

use std::mem::offset_of;

use libc::{c_long, seccomp_data};
use seccompiler::{BpfProgram, sock_filter};

use crate::sys::notify::ASK;

/// `BPF_LD | BPF_W | BPF_ABS`: a word of the call's data.
const LOAD: u16 = 0x20;
/// `BPF_JMP | BPF_JA`.
const SKIP: u16 = 0x05;
/// `BPF_JMP | BPF_JEQ | BPF_K`.
const IF_EQUAL: u16 = 0x15;
/// `BPF_JMP | BPF_JGE | BPF_K`.
const IF_AT_LEAST: u16 = 0x35;
/// `BPF_JMP | BPF_JSET | BPF_K`: some of these bits.
const IF_BITS: u16 = 0x45;
/// `BPF_RET | BPF_K`.
const RETURN: u16 = 0x06;

/// `SECCOMP_RET_ALLOW`.
const ALLOW: u32 = 0x7fff_0000;
/// `SECCOMP_RET_ERRNO`.
const FAIL: u32 = 0x0005_0000;
/// `SECCOMP_RET_TRACE`, which stands for [`ASK`] where the compiler knows no such action.
const TRACE: u32 = 0x7ff0_0000;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;
#[cfg(target_arch = "riscv64")]
const ARCHITECTURE: u32 = 0xc000_00f3;

fn step(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// One program that answers as the first of these that does more than allow.
pub(super) fn join(programs: impl IntoIterator<Item = BpfProgram>) -> BpfProgram {
    let mut joined = BpfProgram::new();
    let mut programs = programs.into_iter().peekable();
    while let Some(mut program) = programs.next() {
        if programs.peek().is_some() {
            let length = program.len();
            for (at, one) in program.iter_mut().enumerate() {
                if (one.code, one.k) == (RETURN, ALLOW) {
                    *one = step(SKIP, (length - at - 1) as u32, 0, 0);
                }
            }
        }
        joined.extend(program);
    }
    joined
}

/// The program with the action that traces replaced by the one that asks.
pub(super) fn asking(mut program: BpfProgram) -> BpfProgram {
    for one in &mut program {
        if (one.code, one.k) == (RETURN, TRACE) {
            one.k = ASK;
        }
    }
    program
}

/// Asks about a call only where an argument, given by its place, has some of these bits, and allows it
/// otherwise; leaves other calls to `rest`. It comes first, for nothing is called so often.
pub(super) fn ask_by_bits(calls: &[(c_long, usize)], bits: u32, rest: BpfProgram) -> BpfProgram {
    let mut program = vec![step(LOAD, offset_of!(seccomp_data, nr) as u32, 0, 0)];
    for (call, argument) in calls {
        let at = offset_of!(seccomp_data, args) + argument * size_of::<u64>();
        program.extend([
            step(IF_EQUAL, *call as u32, 0, 4),
            // The lower half, which is all that the kernel reads of flags.
            step(LOAD, at as u32, 0, 0),
            step(IF_BITS, bits, 0, 1),
            step(RETURN, ASK, 0, 0),
            step(RETURN, ALLOW, 0, 0),
        ]);
    }
    let check = [
        step(LOAD, offset_of!(seccomp_data, arch) as u32, 0, 0),
        step(IF_EQUAL, ARCHITECTURE, 0, program.len() as u8),
    ];
    check.into_iter().chain(program).chain(rest).collect()
}

/// The x32 twin of each call has another number and would pass the lists above.
#[cfg(target_arch = "x86_64")]
pub(super) fn no_x32() -> BpfProgram {
    vec![
        step(LOAD, offset_of!(seccomp_data, nr) as u32, 0, 0),
        step(IF_AT_LEAST, 0x4000_0000, 0, 1),
        step(RETURN, FAIL | libc::ENOSYS as u32, 0, 0),
        step(RETURN, ALLOW, 0, 0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a program answers, as the kernel would run it.
    fn run(program: &[sock_filter], data: &[u32; 16]) -> u32 {
        let (mut at, mut word) = (0, 0);
        loop {
            let one = &program[at];
            at += 1;
            let holds = match one.code {
                LOAD => {
                    word = data[one.k as usize / 4];
                    continue;
                }
                SKIP => {
                    at += one.k as usize;
                    continue;
                }
                RETURN => return one.k,
                IF_EQUAL => word == one.k,
                IF_AT_LEAST => word >= one.k,
                IF_BITS => word & one.k != 0,
                other => panic!("instruction {other:#x}"),
            };
            at += usize::from(if holds { one.jt } else { one.jf });
        }
    }

    fn call(number: u32, arguments: [u32; 3]) -> [u32; 16] {
        let mut data = [0; 16];
        data[0] = number;
        data[1] = ARCHITECTURE;
        for (place, value) in arguments.into_iter().enumerate() {
            data[4 + 2 * place] = value;
        }
        data
    }

    #[test]
    fn the_first_answer_counts() {
        let on = |number, answer| {
            vec![
                step(LOAD, 0, 0, 0),
                step(IF_EQUAL, number, 0, 1),
                step(RETURN, answer, 0, 0),
                step(RETURN, ALLOW, 0, 0),
            ]
        };
        let joined = join([on(1, 11), on(2, 22), on(1, 33), on(7, 44)]);
        assert_eq!(run(&joined, &call(7, [0; 3])), 44);
        let joined = ask_by_bits(&[(7, 1), (9, 2)], 0x40, joined);
        for (number, arguments, answer) in [
            (1, [0; 3], 11),
            (2, [0; 3], 22),
            (3, [0; 3], ALLOW),
            (7, [0, 0x42, 0], ASK),
            (7, [0x40, 0x02, 0x40], ALLOW),
            (9, [0, 0, 0x40], ASK),
            (9, [0, 0x40, 0], ALLOW),
        ] {
            assert_eq!(
                run(&joined, &call(number, arguments)),
                answer,
                "{number} {arguments:?}"
            );
        }
        let mut foreign = call(7, [0, 0x40, 0]);
        foreign[1] = 1;
        assert_eq!(run(&joined, &foreign), 44, "left to the rest");
    }
}
