//! The instruction budget.
//!
//! The engine calls in every 10,000 steps, the same steps in every execution. Its own way of stopping a script can
//! be swallowed by the script; ours ends the process.

use std::sync::atomic::{AtomicU64, Ordering};

use rquickjs::runtime::InterruptHandler;

use crate::engine::outbox;

static LEFT: AtomicU64 = AtomicU64::new(u64::MAX);

/// Allows this many ticks from now on.
pub(crate) fn allow(ticks: u64) {
    LEFT.store(ticks, Ordering::Relaxed);
}

/// What the engine calls at every tick.
pub(crate) fn handler() -> InterruptHandler {
    Box::new(|| {
        let left = LEFT.load(Ordering::Relaxed);
        if left == 0 {
            outbox::end_for(outbox::Cause::Instructions);
        }
        LEFT.store(left.saturating_sub(1), Ordering::Relaxed);
        if outbox::is_open() {
            // A script that computes for long should be seen to do what it does.
            outbox::flush();
            crate::jail::die_with_parent();
        }
        false
    })
}
