//! How often a part may die, and how long it rests before it lives again. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use intents::Timestamp;

/// Deaths within the window that are made good; the next one is one too many.
pub(super) const DEATHS_MAX: usize = 7;
/// Deaths older than this are forgotten: a part that dies once an hour still does its work.
pub(super) const WINDOW: Duration = Duration::from_secs(600);
/// The first rest: long enough that a passing cause may pass, short enough that nobody notices.
pub(super) const REST_MIN: Duration = Duration::from_millis(100);
/// Rests double up to this.
pub(super) const REST_MAX: Duration = Duration::from_secs(30);
/// A part that lives this long after a death has recovered.
pub(super) const RECOVERED: Duration = Duration::from_secs(20);

/// What follows a death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It lives again after a rest.
    Restart {
        /// Deaths within the window, this one included.
        deaths: u32,
        /// How long it rests.
        rest: Duration,
    },
    /// It has died too often.
    GiveUp,
}

/// The recent deaths of one part.
#[derive(Debug, Default)]
pub(super) struct Deaths(VecDeque<Timestamp>);

impl Deaths {
    /// Counts a death and decides what follows.
    pub(super) fn count(&mut self, now: Timestamp) -> Verdict {
        // A clock that went back makes old deaths look like coming ones; they count no longer than the window.
        self.0.retain(|death| now.since(*death).max(death.since(now)) < WINDOW);
        self.0.push_back(now);
        let deaths = self.0.len();
        if deaths > DEATHS_MAX {
            return Verdict::GiveUp;
        }
        let doublings = u32::try_from(deaths - 1).unwrap_or(u32::MAX);
        let rest = REST_MIN.saturating_mul(2u32.saturating_pow(doublings)).min(REST_MAX);
        Verdict::Restart { deaths: doublings + 1, rest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_death_costs_a_longer_rest_until_there_are_too_many() {
        let mut deaths = Deaths::default();
        let mut rests = Vec::new();
        while let Verdict::Restart { rest, .. } = deaths.count(Timestamp::from_millis(0)) {
            rests.push(rest.as_millis());
        }
        assert_eq!(rests, [100, 200, 400, 800, 1600, 3200, 6400]);
    }

    #[test]
    fn rare_deaths_are_forgiven_for_ever() {
        let mut deaths = Deaths::default();
        for hour in 0..1000 {
            let verdict = deaths.count(Timestamp::from_millis(hour * 3_600_000));
            assert_eq!(verdict, Verdict::Restart { deaths: 1, rest: REST_MIN });
        }
    }

    #[test]
    fn a_clock_that_goes_back_keeps_no_death_for_ever() {
        let mut deaths = Deaths::default();
        for _ in 0..DEATHS_MAX {
            deaths.count(Timestamp::from_millis(10_000_000));
        }
        assert_eq!(deaths.count(Timestamp::from_millis(0)), Verdict::Restart { deaths: 1, rest: REST_MIN });
    }
}
