//! A breaker in front of one service or account: when it has failed several times in a row, nobody calls it for a while,
//! and then one call shows whether it is back.

use std::time::Duration;

use crate::Timestamp;

/// Failures in a row after which nobody calls.
const FAILURES_MAX: u32 = 5;
/// How long nobody calls at first; each further time twice as long.
const OPEN_FIRST: Duration = Duration::from_secs(5);
/// No longer than this: a service that is back is found soon.
const OPEN_MAX: Duration = Duration::from_secs(5 * 60);
/// How long one call is waited for that shows whether the service is back.
const TRYING: Duration = Duration::from_secs(60);

/// Whether calls go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Closed,
    /// Nobody calls until then.
    Open(Timestamp),
    /// One call is under way; others wait until then at most.
    Trying(Timestamp),
}

/// A breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Breaker {
    failures: u32,
    state: State,
}

impl Breaker {
    /// Lets a call through, or says when to come back.
    pub fn admit(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        match self.state {
            State::Closed => Ok(()),
            State::Open(until) | State::Trying(until) if now < until => Err(until),
            State::Open(_) | State::Trying(_) => {
                self.state = State::Trying(now + TRYING);
                Ok(())
            }
        }
    }

    /// A call came to an answer, whatever it says.
    pub fn worked(&mut self) {
        *self = Self::default();
    }

    /// A call failed in a way that may pass.
    pub fn failed(&mut self, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES_MAX {
            let doublings = (self.failures - FAILURES_MAX).min(10);
            self.state = State::Open(now + OPEN_FIRST.saturating_mul(1 << doublings).min(OPEN_MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    #[test]
    fn after_failures_in_a_row_nobody_calls_and_then_one_does() {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES_MAX - 1 {
            breaker.failed(NOW);
            assert_eq!(breaker.admit(NOW), Ok(()));
        }
        breaker.failed(NOW);
        let back = NOW + OPEN_FIRST;
        assert_eq!(breaker.admit(NOW), Err(back));
        assert_eq!(breaker.admit(back), Ok(()), "one call shows whether it is back");
        assert!(breaker.admit(back).is_err(), "the others wait for what it shows");
        breaker.failed(back);
        assert_eq!(breaker.admit(back), Err(back + OPEN_FIRST * 2));
        breaker.worked();
        assert_eq!(breaker.admit(back), Ok(()));
    }

    #[test]
    fn a_call_that_never_comes_back_does_not_keep_the_others_for_ever() {
        let mut breaker = Breaker::default();
        (0..FAILURES_MAX).for_each(|_| breaker.failed(NOW));
        let back = NOW + OPEN_FIRST;
        assert_eq!(breaker.admit(back), Ok(()));
        assert_eq!(breaker.admit(back + TRYING), Ok(()));
    }

    #[test]
    fn no_wait_is_longer_than_the_bound() {
        let mut breaker = Breaker::default();
        (0..100).for_each(|_| breaker.failed(NOW));
        assert_eq!(breaker.admit(NOW), Err(NOW + OPEN_MAX));
    }
}
