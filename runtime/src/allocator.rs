//! Where memory comes from: the server's from mimalloc, that of scripts' processes from the system.
//!
//! A run makes and drops some thousands of small values on whatever thread goes on with it, which costs the system's
//! allocator a fifth of the server's time. The process that scripts are forked off is the same program, and there the
//! system's allocator is better: each page that mimalloc prepares would be copied by each fork, and unmapped again.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU8, Ordering};

use libmimalloc_sys::{mi_option_set, mi_option_t};
use mimalloc::MiMalloc;

/// Takes memory from whom it should come in this process.
pub(crate) struct Allocator;

/// Who gives memory in this process. Asked at the first allocation, and the same ever after.
static GIVER: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = 0;
const SYSTEM: u8 = 1;
const MIMALLOC: u8 = 2;

/// An option of mimalloc's: whether an arena takes its memory before it is needed.
const ARENA_EAGER_COMMIT: mi_option_t = 4;
/// An option of mimalloc's: how many milliseconds it keeps free memory before the system gets it back.
const PURGE_DELAY: mi_option_t = 15;

#[expect(
    unsafe_code,
    reason = "an allocator is unsafe by its nature; each call goes on to one that keeps the promises"
)]
// SAFETY: both allocators keep the promises of the trait, and what one has given never goes back to the other, since the
// answer to `is_system` never changes in a process.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on as it came.
        unsafe { if is_system() { System.alloc(layout) } else { MiMalloc.alloc(layout) } }
    }

    #[inline]
    unsafe fn dealloc(&self, given: *mut u8, layout: Layout) {
        // SAFETY: passed on as it came.
        unsafe { if is_system() { System.dealloc(given, layout) } else { MiMalloc.dealloc(given, layout) } }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on as it came.
        unsafe { if is_system() { System.alloc_zeroed(layout) } else { MiMalloc.alloc_zeroed(layout) } }
    }

    #[inline]
    unsafe fn realloc(&self, given: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: passed on as it came.
        unsafe { if is_system() { System.realloc(given, layout, size) } else { MiMalloc.realloc(given, layout, size) } }
    }
}

#[inline]
fn is_system() -> bool {
    match GIVER.load(Ordering::Relaxed) {
        UNKNOWN => choose(),
        giver => giver == SYSTEM,
    }
}

/// Chooses, before there is any memory to look at arguments with. Threads that are here at once choose alike.
#[cold]
fn choose() -> bool {
    let system = is_for_scripts();
    if !system {
        // SAFETY: the calls set numbers.
        #[expect(unsafe_code, reason = "options of a library in C")]
        unsafe {
            mi_option_set(ARENA_EAGER_COMMIT, 0);
            mi_option_set(PURGE_DELAY, 0);
        }
    }
    GIVER.store(if system { SYSTEM } else { MIMALLOC }, Ordering::Relaxed);
    system
}

/// Whether this is the process that scripts are forked off: its first argument says so.
#[cfg(target_os = "linux")]
fn is_for_scripts() -> bool {
    /// The longest path that a program can have, and the argument.
    const LONGEST: usize = 4096 + 64;
    let mut line = [0_u8; LONGEST];
    // SAFETY: the path ends with a zero, and no more is read than there is room for.
    #[expect(unsafe_code, reason = "the standard library would allocate")]
    let length = unsafe {
        let file = libc::open(c"/proc/self/cmdline".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        let length = libc::read(file, line.as_mut_ptr().cast(), LONGEST);
        libc::close(file);
        length
    };
    let line = &line[..usize::try_from(length).unwrap_or(0)];
    line.split(|byte| *byte == 0).nth(1) == Some(sandbox::ZYGOTE_ARGUMENT.as_bytes())
}

/// Elsewhere it costs little.
#[cfg(not(target_os = "linux"))]
fn is_for_scripts() -> bool {
    false
}
