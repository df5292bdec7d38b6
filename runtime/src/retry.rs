//! How we wait between tries: one policy in front of the library that computes it.

use std::time::Duration;

use backoff::ExponentialBackoffBuilder;
use backoff::backoff::Backoff;

/// Waits that double from the first to the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RetryPolicy {
    /// The first wait.
    pub(crate) first: Duration,
    /// No wait is longer.
    pub(crate) longest: Duration,
}

impl RetryPolicy {
    /// The waits, without end. Without chance in them: whoever tries is one of few, and a test can foresee them.
    pub(crate) fn waits(self) -> impl Iterator<Item = Duration> {
        let mut waits = ExponentialBackoffBuilder::new()
            .with_initial_interval(self.first)
            .with_max_interval(self.longest)
            .with_multiplier(2.0)
            .with_randomization_factor(0.0)
            .with_max_elapsed_time(None)
            .build();
        let longest = self.longest;
        std::iter::from_fn(move || Some(waits.next_backoff().map_or(longest, |wait| wait.min(longest))))
    }

    /// The wait after so many failures before.
    pub(crate) fn wait_after(self, failures: u32) -> Duration {
        self.waits().nth(failures as usize).unwrap_or(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let policy = RetryPolicy { first: Duration::from_millis(250), longest: Duration::from_secs(1) };
        let waits: Vec<_> = policy.waits().take(4).map(|wait| wait.as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000, 1000]);
        assert_eq!(policy.wait_after(100), Duration::from_secs(1));
    }
}
