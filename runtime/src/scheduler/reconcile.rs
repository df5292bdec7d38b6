//! Compares what should have fired with what is stored of it.

use std::time::Duration;

use intents::Timestamp;
use intents::need::Kind;
use serde_json::json;

use super::decide::Schedule;
use crate::store::{Advance, NewNeed, StoredTrigger};

/// A slot this long overdue, right after everything due was fired, is stuck.
const OVERDUE: Duration = Duration::from_secs(300);
/// A schedule is decided this far ahead of the clock only if the clock went back.
const AHEAD: Duration = Duration::from_secs(3600);

/// How a stored schedule differs from what its rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// It would never have fired again.
    Stalled {
        /// When it fires.
        right: Timestamp,
    },
    /// It would have fired at a time that is none of its own.
    Astray {
        /// When it would have fired.
        stored: Timestamp,
        /// When it fires, if ever.
        right: Option<Timestamp>,
    },
    /// Its time has come long ago, and it did not fire.
    Overdue {
        /// When it should have fired.
        since: Timestamp,
    },
    /// The clock was set back, so that it fires only when the time has come again.
    Ahead {
        /// Up to here everything has fired already.
        until: Timestamp,
    },
}

/// Compares one schedule with what is stored of it. Asked right after everything due was fired.
pub(super) fn compare(schedule: &Schedule, stored: &StoredTrigger, now: Timestamp) -> Option<Finding> {
    let right = schedule.next(stored.last_at);
    match (stored.next_at, right) {
        (None, Some(right)) => Some(Finding::Stalled { right }),
        (Some(stored), right) if Some(stored) != right => Some(Finding::Astray { stored, right }),
        (Some(next), _) if now.since(next) > OVERDUE => Some(Finding::Overdue { since: next }),
        (Some(_) | None, _) if stored.last_at.since(now) > AHEAD => Some(Finding::Ahead { until: stored.last_at }),
        (Some(_) | None, _) => None,
    }
}

/// What makes it right, where that is a matter of what is stored.
pub(super) fn repair(finding: Finding, stored: &StoredTrigger) -> Option<Advance> {
    let next_at = match finding {
        Finding::Stalled { right } => Some(right),
        Finding::Astray { right, .. } => right,
        // What is stored is right; the scheduler is not, or nobody may tell whether the clock is.
        Finding::Overdue { .. } | Finding::Ahead { .. } => return None,
    };
    Some(Advance {
        trigger: stored.id,
        expected_last: stored.last_at,
        deliveries: Vec::new(),
        missed: None,
        last_at: stored.last_at,
        next_at,
    })
}

/// One clock, one need.
pub(super) const CLOCK_KEY: &str = "schedule:clock";

/// One schedule, one need.
pub(super) fn dedupe_key(stored: &StoredTrigger) -> String {
    format!("schedule:{}", stored.id)
}

/// Whether it lasts until something changes; what was repaired is over, and only told.
pub(super) const fn lasts(finding: Finding) -> bool {
    match finding {
        Finding::Stalled { .. } | Finding::Astray { .. } => false,
        Finding::Overdue { .. } | Finding::Ahead { .. } => true,
    }
}

/// Tells the person.
pub(super) fn need(finding: Finding, stored: &StoredTrigger, title: &str) -> NewNeed {
    let (what, evidence) = match finding {
        Finding::Stalled { right } => (
            format!("A schedule of `{title}` had stopped; it was set going again"),
            json!({ "next": right.to_string() }),
        ),
        Finding::Astray { stored, right } => (
            format!("A schedule of `{title}` was set to a wrong time; it was put right"),
            json!({ "was": stored.to_string(), "next": right.map(|right| right.to_string()) }),
        ),
        Finding::Overdue { since } => {
            (format!("A schedule of `{title}` does not fire"), json!({ "since": since.to_string() }))
        }
        Finding::Ahead { until } => (
            "The clock of this computer went back; schedules wait until it has caught up".to_owned(),
            json!({ "until": until.to_string() }),
        ),
    };
    let (dedupe_key, automation) = match finding {
        Finding::Ahead { .. } => (CLOCK_KEY.to_owned(), None),
        Finding::Stalled { .. } | Finding::Astray { .. } | Finding::Overdue { .. } => {
            (dedupe_key(stored), Some(stored.automation))
        }
    };
    NewNeed { kind: Kind::Trigger, dedupe_key, automation, run: None, call: None, effect: None, title: what, evidence }
}

/// Tells the person that a schedule is not understood.
pub(super) fn not_understood(stored: &StoredTrigger, title: &str, reason: &str) -> NewNeed {
    NewNeed {
        kind: Kind::Trigger,
        dedupe_key: dedupe_key(stored),
        automation: Some(stored.automation),
        run: None,
        call: None,
        effect: None,
        title: format!("A schedule of `{title}` is not understood by this version of Steward; import it again"),
        evidence: json!({ "reason": reason }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::simulated::time;

    fn check(next_at: Option<&str>, last_at: &str, now: &str) -> Option<Finding> {
        let schedule = Schedule::read(r#"{"schedule":"0 9 * * *","tz":"UTC"}"#).unwrap();
        let (automation, id) = ("auto_01JD0000000000000000000000", "trig_01JD0000000000000000000000");
        let stored = StoredTrigger {
            id: id.parse().unwrap(),
            automation: automation.parse().unwrap(),
            active: true,
            kind: "schedule".to_owned(),
            body: String::new(),
            next_at: next_at.map(time),
            last_at: time(last_at),
        };
        let found = compare(&schedule, &stored, time(now));
        if let Some(finding) = found
            && let Some(repair) = repair(finding, &stored)
        {
            assert_eq!(repair.next_at, schedule.next(stored.last_at), "repaired, it is as it should be");
        }
        found
    }

    const EVENING: &str = "2026-01-01T20:00:00Z";
    const NINE: &str = "2026-01-02T09:00:00Z";

    #[test]
    fn a_schedule_that_is_as_its_rule_says_is_left_alone() {
        assert_eq!(check(Some(NINE), EVENING, "2026-01-01T21:00:00Z"), None);
        assert_eq!(check(Some(NINE), EVENING, "2026-01-02T09:04:00Z"), None, "a busy scheduler has five minutes");
        assert_eq!(check(Some(NINE), EVENING, "2026-01-01T19:30:00Z"), None, "a clock is set a little back at times");
    }

    #[test]
    fn what_differs_is_found() {
        let (nine, now) = (time(NINE), "2026-01-01T21:00:00Z");
        assert_eq!(check(None, EVENING, now), Some(Finding::Stalled { right: nine }));
        let stored = time("2026-01-02T09:30:00Z");
        let astray = Finding::Astray { stored, right: Some(nine) };
        assert_eq!(check(Some("2026-01-02T09:30:00Z"), EVENING, now), Some(astray));
        let far = Finding::Astray { stored: time("2031-01-02T09:00:00Z"), right: Some(nine) };
        assert_eq!(check(Some("2031-01-02T09:00:00Z"), EVENING, now), Some(far), "a slot, but not the next");
        assert_eq!(check(Some(NINE), EVENING, "2026-01-02T10:00:00Z"), Some(Finding::Overdue { since: nine }));
        assert_eq!(check(Some(NINE), EVENING, "2025-06-01T00:00:00Z"), Some(Finding::Ahead { until: time(EVENING) }));
    }
}
