//! No process outlives the one that started it.

#![expect(unsafe_code, reason = "system calls")]

use crate::engine::outbox;

/// Asks the system to kill this process when its parent dies.
///
/// The system means the parent's *thread*, so whoever starts a process does it on a thread that stays.
#[cfg(target_os = "linux")]
pub(crate) fn end_with_parent() {
    // SAFETY: sets a property of this process.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong, 0, 0, 0);
    }
}

/// Elsewhere the system has nothing of the kind: sockets that close, and `die_with_parent`, do it.
#[cfg(not(target_os = "linux"))]
pub(crate) fn end_with_parent() {}

/// Ends this process when its parent is gone; called while a script computes.
pub(crate) fn die_with_parent() {
    // SAFETY: reads a property of this process.
    if cfg!(not(target_os = "linux")) && unsafe { libc::getppid() } == 1 {
        outbox::exit(1);
    }
}

/// Ends this process when its parent is another one than this, which has died in between.
pub(crate) fn check_parent(parent: i32) {
    // SAFETY: reads a property of this process.
    if unsafe { libc::getppid() } != parent {
        outbox::exit(1);
    }
}
