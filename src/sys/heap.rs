//! The allocator of a program that mostly starts another one and then waits.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many bytes are given out before the system's allocator is asked; a start takes a third of them.
const SIZE: usize = 1 << 20;
/// A larger block, in bytes, is the system's matter from the beginning.
const LARGEST: usize = SIZE / 16;

/// What malloc(3) gives, whatever is asked for: bytes become structures of the kernel in more than one
/// library.
const ALIGNMENT: usize = 16;

#[repr(align(4096))]
struct Arena(UnsafeCell<[u8; SIZE]>);

// SAFETY: a byte is only touched by who was given it, and `TAKEN` gives none to two.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([0; SIZE]));
/// How many bytes of it are given out.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// Gives out the first [`SIZE`] bytes one after the other, and takes back only what was given last. What
/// comes after that is the system allocator's.
///
/// A start takes less than that, and ends before order would pay: to keep it was a quarter of all its
/// instructions, and to put a freed block in order is to write to its page, which after a fork is to copy it.
#[derive(Debug)]
pub struct Heap;

/// The place of a pointer in the arena.
fn offset(block: *mut u8) -> Option<usize> {
    let offset = block.addr().wrapping_sub(ARENA.0.get().addr());
    (offset < SIZE).then_some(offset)
}

/// Moves the end of what is given out, if nobody did meanwhile. What was done with a block before it was
/// given back comes before what is done with it by the next owner.
fn moved(from: usize, to: usize) -> bool {
    TAKEN
        .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed)
        .is_ok()
}

fn take(layout: Layout) -> Option<*mut u8> {
    if layout.size() > LARGEST || layout.align() > align_of::<Arena>() {
        return None;
    }
    loop {
        let taken = TAKEN.load(Ordering::Relaxed);
        let start = taken.next_multiple_of(layout.align().max(ALIGNMENT));
        let end = start + layout.size();
        if end > SIZE {
            return None;
        }
        if moved(taken, end) {
            return Some(ARENA.0.get().cast::<u8>().wrapping_add(start));
        }
    }
}

// SAFETY: blocks of the arena are aligned, as long as was asked and given to one owner; all others come
// from the system's allocator and go back there.
unsafe impl GlobalAlloc for Heap {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is what `System` asks for.
        take(layout).unwrap_or_else(|| unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match take(layout) {
            Some(block) => {
                // SAFETY: the block was just given out, and is that long. It may have been another's before.
                unsafe { block.write_bytes(0, layout.size()) };
                block
            }
            // SAFETY: as in `alloc`.
            None => unsafe { System.alloc_zeroed(layout) },
        }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match offset(block) {
            Some(start) => drop(moved(start + layout.size(), start)),
            // SAFETY: not from the arena, so from `System`, with this layout.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(start) = offset(block) else {
            // SAFETY: as in `dealloc`.
            return unsafe { System.realloc(block, layout, size) };
        };
        let fits = size <= LARGEST && start + size <= SIZE;
        if fits && moved(start + layout.size(), start + size) || size <= layout.size() {
            return block;
        }
        // SAFETY: the caller promises that the size is none that overflows with this alignment.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: `new` is valid as said, and the block is `layout.size()` bytes long, which is less.
        unsafe {
            let larger = self.alloc(new);
            if !larger.is_null() {
                ptr::copy_nonoverlapping(block, larger, layout.size());
            }
            larger
        }
    }
}

#[cfg(test)]
mod tests {
    use std::slice;
    use std::thread;

    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).expect("layout")
    }

    /// A block that is filled with `byte`.
    fn filled(size: usize, align: usize, byte: u8) -> *mut u8 {
        // SAFETY: the size is not zero, and the block is that long.
        unsafe {
            let block = Heap.alloc(layout(size, align));
            assert!(!block.is_null() && block.addr().is_multiple_of(align.max(ALIGNMENT)));
            block.write_bytes(byte, size);
            block
        }
    }

    fn holds(block: *mut u8, size: usize, byte: u8) -> bool {
        // SAFETY: every caller has filled a block of this size.
        let bytes = unsafe { slice::from_raw_parts(block, size) };
        bytes.iter().all(|found| *found == byte)
    }

    // One test: the arena is the process's.
    #[test]
    fn blocks_are_their_owners_and_the_last_one_is_given_out_again() {
        let (first, second) = (filled(10, 1, 1), filled(100, 64, 2));
        // SAFETY: each block is given back with the layout that it has then.
        unsafe {
            // Not the last one: it moves, and takes its bytes along.
            let first = Heap.realloc(first, layout(10, 1), 300);
            assert!(holds(first, 10, 1) && holds(second, 100, 2));
            // The last one stays.
            assert_eq!(Heap.realloc(first, layout(300, 1), 400), first);
            assert_eq!(Heap.realloc(first, layout(400, 1), 50), first);
            assert!(holds(first, 10, 1));
            Heap.dealloc(first, layout(50, 1));
            let again = Heap.alloc_zeroed(layout(20, 1));
            assert_eq!(again, first);
            assert!(holds(again, 20, 0), "what another has written is seen");
            Heap.dealloc(again, layout(20, 1));
            // Too large, and then too much: the system's.
            let large = filled(LARGEST + 1, 8, 3);
            assert!(offset(large).is_none());
            Heap.dealloc(large, layout(LARGEST + 1, 8));
        }
        let work = |byte: u8| {
            let blocks: Vec<_> = (0..2000).map(|_| filled(200, 8, byte)).collect();
            let there = |block: &*mut u8| holds(*block, 200, byte);
            assert!(blocks.iter().all(there), "{byte}");
        };
        thread::scope(|scope| (4..8).for_each(|byte| drop(scope.spawn(move || work(byte)))));
        assert!(offset(filled(200, 8, 9)).is_none(), "the arena has no end");
        assert!(holds(second, 100, 2));
    }
}
