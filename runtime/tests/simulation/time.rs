//! Time that runs a hundred times as fast, and jumps ahead when nobody has anything to do; seeded chance; and death.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use futures_util::future::BoxFuture;
use intents::Timestamp;
use runtime::env::{Clock, Entropy, FaultPoint, Faults};
use tokio::sync::Notify;

/// Seconds of the simulation in a hundredth of a real one: backoffs pass quickly, deadlines do not fire by themselves.
const SPEED: u32 = 100;

pub(crate) struct FastClock {
    started: Instant,
    base: Timestamp,
    jumped_ms: AtomicI64,
}

impl FastClock {
    #[expect(clippy::disallowed_methods, reason = "the simulation's time derives from real time")]
    pub(crate) fn new(base: Timestamp) -> Self {
        Self { started: Instant::now(), base, jumped_ms: AtomicI64::new(0) }
    }

    pub(crate) fn jump_to(&self, at: Timestamp) {
        let ahead = at.since(self.now());
        self.step(i64::try_from(ahead.as_millis()).unwrap() + 1);
    }

    /// Somebody sets the clock, forwards or back.
    pub(crate) fn step(&self, ms: i64) {
        self.jumped_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        let went = self.base + self.started.elapsed() * SPEED;
        Timestamp::from_millis(went.as_millis() + self.jumped_ms.load(Ordering::SeqCst))
    }

    #[expect(clippy::disallowed_methods, reason = "the simulation's time derives from real time")]
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(at.since(self.now()) / SPEED))
    }
}

pub(crate) struct Seeded(AtomicU64);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1))
    }

    pub(crate) fn below(&self, bound: u64) -> u64 {
        (self.next_u128() % u128::from(bound)) as u64
    }
}

impl Entropy for Seeded {
    fn next_u128(&self) -> u128 {
        let draw = || {
            let state = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::SeqCst);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        };
        (u128::from(draw()) << 64) | u128::from(draw())
    }
}

/// Dies once at the nth pass of a place; whoever passes there never comes back.
pub(crate) struct DieAt {
    point: FaultPoint,
    left: Mutex<Option<u32>>,
    pub(crate) died: Notify,
}

impl DieAt {
    pub(crate) fn new(point: FaultPoint, nth: u32) -> Self {
        Self { point, left: Mutex::new(Some(nth)), died: Notify::new() }
    }

    pub(crate) fn has_died(&self) -> bool {
        self.left.lock().unwrap().is_none()
    }
}

impl Faults for DieAt {
    fn reached(&self, point: FaultPoint) -> BoxFuture<'static, ()> {
        let mut left = self.left.lock().unwrap();
        let dies = match *left {
            None => true,
            Some(0) if point == self.point => true,
            Some(passes) if point == self.point => {
                *left = Some(passes - 1);
                false
            }
            Some(_) => false,
        };
        if !dies {
            return Box::pin(std::future::ready(()));
        }
        *left = None;
        self.died.notify_one();
        Box::pin(std::future::pending())
    }
}
