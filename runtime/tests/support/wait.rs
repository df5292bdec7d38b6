//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(3);

/// The time that measuring goes by.
#[expect(clippy::disallowed_methods, reason = "the tests of the real server live in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Looks until there is something, and says what it has waited for when that takes longer than the bound.
pub(crate) fn until<T>(what: &str, bound: Duration, look: impl FnMut() -> Option<T>) -> T {
    within(bound, look).unwrap_or_else(|| panic!("{what}: not within {bound:?}"))
}

/// Looks until there is something, or the time is up.
pub(crate) fn within<T>(bound: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let since = now();
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if since.elapsed() >= bound {
            return None;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
