//! The script's heap: every byte the engine asks for is counted, and the first one too many ends the attempt.
//!
//! The engine's own limit throws an error that the script can catch, over and over; this one cannot be caught.
//! Requested bytes are counted, not those that the system's allocator hands out, so that the same script ends at
//! the same allocation everywhere.

#![expect(unsafe_code, reason = "an allocator is made of raw pointers")]

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use rquickjs::allocator::Allocator;

use crate::engine::outbox;

/// In front of each block: its size, padded so that the block stays aligned for anything.
const HEADER: usize = 16;

static USED: AtomicUsize = AtomicUsize::new(0);
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Allows this many bytes beyond what is in use now.
pub(crate) fn allow(bytes: u64) {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    LIMIT.store(USED.load(Ordering::Relaxed).saturating_add(bytes), Ordering::Relaxed);
}

/// How many bytes are in use.
pub(crate) fn used() -> usize {
    USED.load(Ordering::Relaxed)
}

fn count(more: usize, less: usize) {
    let used = USED.load(Ordering::Relaxed).saturating_sub(less).saturating_add(more);
    if used > LIMIT.load(Ordering::Relaxed) {
        outbox::end_for(outbox::Cause::Heap);
    }
    USED.store(used, Ordering::Relaxed);
}

/// The allocator that counts.
pub(crate) struct Counted;

// SAFETY: blocks come from the C library's allocator, which aligns for anything, and `HEADER` keeps that alignment.
// `usable_size` gives back the requested size, which every block has.
unsafe impl Allocator for Counted {
    fn alloc(&mut self, size: usize) -> *mut u8 {
        count(size.saturating_add(HEADER), 0);
        // SAFETY: the size is not zero; the block is as long as asked for.
        unsafe { mark(libc::malloc(size + HEADER).cast(), size) }
    }

    fn calloc(&mut self, items: usize, size: usize) -> *mut u8 {
        let size = items.saturating_mul(size);
        count(size.saturating_add(HEADER), 0);
        // SAFETY: as above; the C library gives zeroed bytes.
        unsafe { mark(libc::calloc(1, size + HEADER).cast(), size) }
    }

    unsafe fn dealloc(&mut self, block: *mut u8) {
        // SAFETY: the caller promises that the block is one of ours.
        unsafe {
            count(0, Self::usable_size(block) + HEADER);
            libc::free(block.sub(HEADER).cast());
        }
    }

    unsafe fn realloc(&mut self, block: *mut u8, size: usize) -> *mut u8 {
        if block.is_null() {
            return self.alloc(size);
        }
        // SAFETY: the caller promises that the block is one of ours.
        unsafe {
            let before = Self::usable_size(block);
            count(size.saturating_add(HEADER), before + HEADER);
            mark(libc::realloc(block.sub(HEADER).cast(), size + HEADER).cast(), size)
        }
    }

    unsafe fn usable_size(block: *mut u8) -> usize {
        // SAFETY: every block of ours has its size in front of it.
        unsafe { block.sub(HEADER).cast::<usize>().read() }
    }
}

/// Writes the size in front of a fresh block. The system having no memory is the same end as the limit.
unsafe fn mark(start: *mut u8, size: usize) -> *mut u8 {
    if start.is_null() {
        outbox::end_for(outbox::Cause::Heap);
        return ptr::null_mut();
    }
    // SAFETY: the caller gives a block that is `HEADER` bytes longer than `size`.
    unsafe {
        start.cast::<usize>().write(size);
        start.add(HEADER)
    }
}
