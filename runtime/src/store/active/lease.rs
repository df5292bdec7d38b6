//! How long a server may act without having heard from the database.

use std::pin::pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::Poll;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Nobody else can take over.
const FOR_EVER: i64 = i64::MAX;
/// A server stops acting before others may take over: clocks run at speeds that differ by far less than this.
const MARGIN: u32 = 10;
/// Nothing begins with less than this part of the lease left: a pause between the last look at it and the system call
/// that sends is harmless up to here.
const BEGIN_MARGIN: u32 = 5;

/// The right to act, lengthened by every commit. Effects end when it has run out, whatever the database says later.
#[derive(Debug)]
pub(in crate::store) struct Lease {
    length: Duration,
    /// In milliseconds of [`moment`].
    until: AtomicI64,
}

/// Milliseconds that go on while the machine sleeps, and that nobody sets.
pub(super) fn moment() -> i64 {
    #[cfg(target_os = "linux")]
    let clock = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::Monotonic;
    let now = clock_gettime(clock);
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}

impl Lease {
    /// For a store that only one server can reach.
    pub(in crate::store) fn for_ever() -> Self {
        Self { length: Duration::ZERO, until: AtomicI64::new(FOR_EVER) }
    }

    pub(super) fn of(length: Duration) -> Self {
        Self { length, until: AtomicI64::new(0) }
    }

    pub(super) fn length(&self) -> Duration {
        self.length
    }

    /// Counts from a moment at which the database had not yet been asked: it cannot have answered before.
    pub(super) fn renew(&self, asked: i64) {
        let length = self.length - self.length / MARGIN;
        let until = asked.saturating_add(i64::try_from(length.as_millis()).unwrap_or(FOR_EVER));
        self.until.fetch_max(until, Ordering::SeqCst);
    }

    /// How long it still is; nothing when it has run out.
    fn left(&self) -> Option<Duration> {
        let until = self.until.load(Ordering::SeqCst);
        if until == FOR_EVER {
            return Some(Duration::MAX);
        }
        u64::try_from(until - moment()).ok().filter(|left| *left > 0).map(Duration::from_millis)
    }

    /// Carries something out as long as this server may act; nothing when it has not even begun. What is under way when
    /// the lease runs out is dropped. The lease is looked at before every step: a process that was stopped for a while
    /// does nothing after it goes on.
    pub(in crate::store) async fn during<T>(&self, work: impl Future<Output = T>) -> Result<T, RunOut> {
        if self.until.load(Ordering::SeqCst) == FOR_EVER {
            return Ok(work.await);
        }
        if self.left().is_none_or(|left| left < self.length / BEGIN_MARGIN) {
            return Err(RunOut { begun: false });
        }
        let mut work = pin!(work);
        let mut begun = false;
        loop {
            let Some(left) = self.left() else { return Err(RunOut { begun }) };
            // When this time is over, the lease may have been renewed.
            let step = std::future::poll_fn(|context| {
                if self.left().is_none() {
                    return Poll::Ready(Err(RunOut { begun }));
                }
                begun = true;
                work.as_mut().poll(context).map(Ok)
            });
            if let Ok(ended) = tokio::time::timeout(left, step).await {
                return ended;
            }
        }
    }
}

/// The lease ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunOut {
    /// Whether the work had begun.
    pub begun: bool,
}
