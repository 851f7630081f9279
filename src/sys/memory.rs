//! The pages of the program's own file that this process has in memory.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ops::Range;

use nix::poll::{PollFd, PollTimeout, poll};

/// Without anything to do for so long, in milliseconds, a process is waiting.
const QUIET: u16 = 1000;

/// `poll(2)` for a process that waits most of the time, and then needs next to none of the program.
///
/// Not at once: a run of a moment would only have its pages mapped again for its end.
#[derive(Debug, Default)]
pub struct Wait {
    /// There was a quiet second, and nothing since.
    rests: Cell<bool>,
}

impl Wait {
    /// Waits until something is ready; where `most` is given, no longer than that, or a second.
    pub fn poll(&self, ready: &mut [PollFd<'_>], most: PollTimeout) -> nix::Result<()> {
        if !self.rests.get() {
            if poll(ready, PollTimeout::from(QUIET))? > 0 {
                return Ok(());
            }
            self.rests.set(true);
            if most.is_some() {
                return Ok(());
            }
        }
        let_go_of_the_program();
        self.rests.set(poll(ready, most)? == 0);
        Ok(())
    }
}

/// Lets go of the code and constants of the program that were touched so far. The kernel maps again what
/// is touched again, from its cache of the file: for who now waits, next to nothing.
fn let_go_of_the_program() {
    for part in constant_parts() {
        let (start, length) = (part.start as *mut c_void, part.len());
        // SAFETY: a mapping of the program's file that nobody writes, not even the loader: what is there
        // after the call is what was there before. Where it fails, the pages stay.
        unsafe { libc::madvise(start, length, libc::MADV_DONTNEED) };
    }
}

/// Where the segments of the program lie that are mapped without the right to write. Relocations and
/// variables are in others.
fn constant_parts() -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    // SAFETY: `take_program` is given `parts`, which outlives the call, and keeps nothing.
    unsafe { libc::dl_iterate_phdr(Some(take_program), (&raw mut parts).cast()) };
    parts
}

/// Called for one object after the other; the first is the program.
///
/// # Safety
/// To be called by `dl_iterate_phdr` with a pointer to such a vector.
unsafe extern "C" fn take_program(
    object: *mut libc::dl_phdr_info,
    _size: usize,
    parts: *mut c_void,
) -> c_int {
    // SAFETY: the loader describes an object that is mapped, and `parts` is what the caller handed in.
    let (object, parts) = unsafe { (&*object, &mut *parts.cast::<Vec<Range<usize>>>()) };
    // SAFETY: that many headers are there, mapped for as long as the program.
    let headers =
        unsafe { std::slice::from_raw_parts(object.dlpi_phdr, usize::from(object.dlpi_phnum)) };
    let constant = |header: &&libc::Elf64_Phdr| {
        header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0
    };
    // SAFETY: no preconditions.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
    parts.extend(headers.iter().filter(constant).map(|header| {
        let start = object.dlpi_addr as usize + header.p_vaddr as usize;
        let end = start + header.p_filesz as usize;
        start / page * page..end.next_multiple_of(page)
    }));
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_goes_on_and_its_constants_are_the_same() {
        let parts = constant_parts();
        let holds = |address: usize| parts.iter().any(|part| part.contains(&address));
        let variable = Box::new(0);
        assert!(holds(constant_parts as fn() -> Vec<Range<usize>> as usize));
        assert!(!holds(&raw const *variable as usize));
        let text = include_str!("memory.rs");
        let before = text.to_owned();
        let_go_of_the_program();
        assert_eq!(text, before);
    }
}
