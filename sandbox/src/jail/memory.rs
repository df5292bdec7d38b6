//! What makes a fork cheap: it writes to little of the memory that it shares with the warm process.
//!
//! A page that a fork writes to is copied for it, which costs more than what most scripts compute. So everything
//! that is warm lies together, no free block is left between, and what a script allocates comes from fresh pages
//! behind, which a fork gets at once rather than one fault after the other.
//!
//! Tried and left out: forks that inherit the page tables of the program's own code. They save their page faults and
//! cost as much at the fork, in a process that then is one at a time.

#![expect(unsafe_code, reason = "the allocator of the C library, and system calls")]

use rquickjs::Ctx;

/// How much memory a fork gets at once, beside the engine's first blocks: what a small script takes.
const FRESH_BYTES: usize = 80 << 10;

/// The memory in which a fork works first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fresh {
    start: usize,
    end: usize,
}

/// Tells the allocator to grow in large steps and not to shrink, since each costs a system call. Called before
/// anything is warm.
pub(crate) fn prepare() {
    allocator::prepare();
}

/// Puts what is warm on one side and what forks will allocate on the other. Called when everything is warm.
pub(crate) fn part(ctx: &Ctx<'_>) -> Fresh {
    let Some(edge) = allocator::use_up() else { return Fresh { start: 0, end: 0 } };
    crate::engine::use_up_blocks(ctx, edge);
    Fresh { start: edge, end: allocator::top(FRESH_BYTES) + FRESH_BYTES }
}

impl Fresh {
    /// Gets the memory, so that it need not come page by page. Without it everything works, and takes longer.
    #[cfg(target_os = "linux")]
    pub(crate) fn take(self) {
        /// A page is at least as large on every system that is Linux.
        const PAGE_BYTES: usize = 4096;
        let start = self.start.next_multiple_of(PAGE_BYTES);
        let length = self.end.saturating_sub(start) / PAGE_BYTES * PAGE_BYTES;
        // SAFETY: nothing of what is there changes; pages that are there already stay.
        unsafe {
            libc::madvise(start as *mut libc::c_void, length, libc::MADV_POPULATE_WRITE);
        }
    }

    /// Elsewhere there is no such call.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn take(self) {}
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod allocator {
    use std::hint::black_box;

    /// The heap grows by this much.
    const STEP_BYTES: i32 = 1 << 20;
    /// It shrinks when this much is free at its end, which is more than a script may have.
    const KEPT_BYTES: i32 = 512 << 20;
    /// Larger blocks get a mapping of their own.
    const MAPPED_FROM_BYTES: i32 = 1 << 20;
    /// Blocks up to this size wait in lists of their exact size, which differ by
    const LISTED_BYTES_MAX: usize = 1040;
    /// this.
    const LISTED_STEP: usize = 16;

    pub(super) fn prepare() {
        // SAFETY: sets parameters of the allocator.
        unsafe {
            libc::mallopt(libc::M_TOP_PAD, STEP_BYTES);
            libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_BYTES);
            libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_FROM_BYTES);
        }
    }

    /// Allocates every free block there is, large ones first, for good. Gives the address behind all of them.
    pub(super) fn use_up() -> Option<usize> {
        // SAFETY: reads where the heap ends now.
        let edge = unsafe { libc::sbrk(0) } as usize;
        let halves = (1..).map(|halved| MAPPED_FROM_BYTES as usize >> halved);
        let listed = (1..=LISTED_BYTES_MAX / LISTED_STEP).rev().map(|step| step * LISTED_STEP - size_of::<usize>());
        for size in halves.take_while(|size| *size > LISTED_BYTES_MAX).chain(listed) {
            loop {
                // SAFETY: nothing is in the block, and nothing points to it.
                let block = black_box(unsafe { libc::malloc(size) });
                // Behind what was there: the allocator has run out of blocks that hold this size.
                if block.is_null() || block as usize + size > edge {
                    // SAFETY: as above.
                    unsafe { libc::free(block) };
                    break;
                }
            }
        }
        Some(edge)
    }

    /// Where the next blocks come from, if there is room for so many bytes.
    pub(super) fn top(bytes: usize) -> usize {
        // SAFETY: allocates and frees.
        unsafe {
            let block = black_box(libc::malloc(bytes));
            libc::free(block);
            block as usize
        }
    }
}

/// Other allocators have their own ways.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod allocator {
    pub(super) fn prepare() {}

    pub(super) fn use_up() -> Option<usize> {
        None
    }

    pub(super) fn top(_: usize) -> usize {
        0
    }
}
