//! What comes round again and again, whatever the clock does.

use std::time::Duration;

use intents::Timestamp;

use crate::store;

/// Something that is to be done every so often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rhythm {
    period: Duration,
    next: Timestamp,
}

impl Rhythm {
    /// Due for the first time at a point in time.
    pub(crate) const fn from(first: Timestamp, period: Duration) -> Self {
        Self { period, next: first }
    }

    /// Whether its time has come; if so, it comes again after the period.
    pub(crate) fn is_due(&mut self, now: Timestamp) -> bool {
        // Further away than a period: the clock went back.
        let due = now >= self.next || self.next.since(now) > self.period;
        if due {
            self.next = now + self.period;
        }
        due
    }

    /// When its time comes next.
    pub(crate) const fn next(&self) -> Timestamp {
        self.next
    }
}

/// Whether a loop tries again by itself, rather than dying: the disk has space again, the other program lets go.
pub(crate) fn passes_by_itself(error: &store::Error) -> bool {
    use store::Error::{
        Busy, Closed, Conflict, Damaged, Database, Fenced, Folder, Full, LeftBehind, Locked, Moved, Newer, NotFound,
        OtherKeys, Sealed, StandingBy, Unreachable, Unreadable,
    };
    match error {
        Full | Busy | Unreachable { .. } | StandingBy | Fenced => true,
        Closed
        | Conflict { .. }
        | Damaged { .. }
        | Database { .. }
        | Folder { .. }
        | Locked { .. }
        | LeftBehind { .. }
        | Moved { .. }
        | OtherKeys
        | Newer { .. }
        | NotFound { .. }
        | Sealed { .. }
        | Unreadable { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rhythm_survives_a_clock_that_goes_back() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let mut minute = Rhythm::from(at(1000), Duration::from_secs(60));
        assert!(minute.is_due(at(1000)) && !minute.is_due(at(1059)) && minute.is_due(at(1061)));
        assert!(minute.is_due(at(5)), "an hour back");
        assert!(!minute.is_due(at(6)) && minute.is_due(at(65)));
    }
}
