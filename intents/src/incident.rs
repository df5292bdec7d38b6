//! Incidents: failures that have one cause, over runs and automations, from the first of them until all is well again.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Timestamp;

/// Failures further apart have nothing to do with each other.
pub const WINDOW: Duration = Duration::from_secs(24 * 3600);
/// Automations that fail in one way within the window.
const AUTOMATIONS_MIN: usize = 2;
/// Failures of one automation in one way within the window.
const FAILURES_MIN: usize = 3;

/// Something that happened to an automation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark<Id> {
    /// Whose run it was.
    pub automation: Id,
    /// When.
    pub at: Timestamp,
}

/// Whether failures of one cause are an incident: of several automations, or of one again and again.
pub fn opens<Id: Ord>(failures: &[Mark<Id>], now: Timestamp) -> bool {
    let mut counts: BTreeMap<&Id, usize> = BTreeMap::new();
    for mark in failures.iter().filter(|mark| now.since(mark.at) < WINDOW) {
        *counts.entry(&mark.automation).or_insert(0) += 1;
    }
    counts.len() >= AUTOMATIONS_MIN || counts.values().any(|count| *count >= FAILURES_MIN)
}

/// Whether an incident is over: each automation that failed has had a run since that succeeded.
pub fn closes<Id: Ord>(failures: &[Mark<Id>], recoveries: &[Mark<Id>]) -> bool {
    let mut last: BTreeMap<&Id, Timestamp> = BTreeMap::new();
    for mark in failures {
        let at = last.entry(&mark.automation).or_insert(mark.at);
        *at = (*at).max(mark.at);
    }
    let recovered =
        |id: &Id, failed: Timestamp| recoveries.iter().any(|mark| mark.automation == *id && mark.at >= failed);
    !last.is_empty() && last.into_iter().all(|(id, failed)| recovered(id, failed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(automation: u8, minutes: u64) -> Mark<u8> {
        Mark { automation, at: Timestamp::from_millis(1_790_000_000_000) + Duration::from_secs(minutes * 60) }
    }

    #[test]
    fn one_failure_is_none_and_several_of_one_cause_are_one() {
        let now = mark(0, 60).at;
        assert!(!opens(&[mark(1, 10), mark(1, 20)], now));
        assert!(opens(&[mark(1, 10), mark(2, 20)], now));
        assert!(opens(&[mark(1, 10), mark(1, 20), mark(1, 30)], now));
        assert!(!opens(&[mark(1, 10), mark(2, 20)], now + WINDOW));
    }

    #[test]
    fn it_is_over_when_all_who_failed_are_well_again() {
        let failures = [mark(1, 10), mark(2, 20), mark(1, 30)];
        assert!(!closes(&failures, &[mark(2, 25), mark(1, 15)]));
        assert!(closes(&failures, &[mark(2, 25), mark(1, 31)]));
        assert!(!closes::<u8>(&[], &[]));
    }
}
