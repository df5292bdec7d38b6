//! What counts: a few atomics, without locks and without memory of their own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn one(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, many: u64) {
        self.0.fetch_add(many, Ordering::Relaxed);
    }

    /// How many there were.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Bounds of lengths of time in microseconds: from what a fast run takes to what a slow service takes.
pub const SECONDS: &[u64] = &[
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
];

/// Microseconds in a second.
pub(super) const MICROS: f64 = 1e6;

/// How often values fell below bounds.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for what is beyond all.
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// A histogram at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Each bound, with how many values were not above it.
    pub below: Vec<(u64, u64)>,
    /// How many values there were.
    pub count: u64,
    /// What they come to together.
    pub sum: u64,
}

impl Histogram {
    /// A histogram with these bounds, in rising order.
    pub fn new(bounds: &'static [u64]) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, buckets, sum: AtomicU64::new(0) }
    }

    /// Takes a value.
    pub fn record(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Takes a length of time.
    pub fn took(&self, length: Duration) {
        self.record(u64::try_from(length.as_micros()).unwrap_or(u64::MAX));
    }

    /// Reads it. What is counted at the same time may be in or not.
    pub fn read(&self) -> Reading {
        let mut count = 0;
        let mut below = Vec::with_capacity(self.bounds.len());
        for (bucket, bound) in self.buckets.iter().zip(self.bounds) {
            count += bucket.load(Ordering::Relaxed);
            below.push((*bound, count));
        }
        count += self.buckets[self.bounds.len()].load(Ordering::Relaxed);
        Reading { below, count, sum: self.sum.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_below_every_bound_that_it_does_not_pass() {
        let histogram = Histogram::new(&[10, 20]);
        for value in [0, 10, 11, 20, 21, 1000] {
            histogram.record(value);
        }
        assert_eq!(histogram.read(), Reading { below: vec![(10, 2), (20, 4)], count: 6, sum: 1062 });
    }
}
