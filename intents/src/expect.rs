//! Silence as an incident: what should have run, and did not.

use std::time::Duration;

use crate::Timestamp;
use crate::time::Span;

/// How often an automation runs when all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expect {
    /// The window that is looked at.
    pub per: Span,
    /// The fewest runs in it.
    pub at_least: u32,
}

/// Fewer runs than expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silent {
    /// The fewest that were expected.
    pub expected: u32,
    /// Those that came.
    pub seen: u32,
    /// The window that was looked at.
    pub window: Span,
}

/// Says whether an automation was too silent in the window that ends now.
///
/// `runs` are the times at which runs began, in any order. An automation gets one whole window from its activation
/// (`since`) before anything is expected of it. Runs in the future of a clock that went back count as seen.
pub fn silence(expect: &Expect, runs: &[Timestamp], since: Timestamp, now: Timestamp) -> Option<Silent> {
    let window: Duration = expect.per.duration();
    if now.since(since) < window {
        return None;
    }
    let start = now - window;
    let seen = u32::try_from(runs.iter().filter(|run| **run > start).count()).unwrap_or(u32::MAX);
    (seen < expect.at_least).then_some(Silent { expected: expect.at_least, seen, window: expect.per })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAILY: Expect = Expect { per: Span::new(Duration::from_secs(86_400)), at_least: 1 };

    fn hour(hours: i64) -> Timestamp {
        Timestamp::from_millis(hours * HOUR)
    }

    #[test]
    fn a_fresh_automation_gets_one_whole_window_first() {
        assert_eq!(silence(&DAILY, &[], hour(0), hour(23)), None);
        let silent = Silent { expected: 1, seen: 0, window: DAILY.per };
        assert_eq!(silence(&DAILY, &[], hour(0), hour(24)), Some(silent));
    }

    #[test]
    fn only_runs_in_the_window_count() {
        assert_eq!(silence(&DAILY, &[hour(30)], hour(0), hour(53)), None);
        assert!(silence(&DAILY, &[hour(30)], hour(0), hour(54)).is_some());
        let three = Expect { at_least: 3, ..DAILY };
        let seen = silence(&three, &[hour(50), hour(40)], hour(0), hour(53)).map(|silent| silent.seen);
        assert_eq!(seen, Some(2));
    }
}
