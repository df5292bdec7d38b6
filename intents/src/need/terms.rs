//! How long a need waits, what follows when nobody answers, and what putting it off does.

use std::time::Duration;

use super::{Choice, Kind};
use crate::Timestamp;

/// A need that nobody answers in this time gets its default: the world that it was asked about is gone by then, and
/// what a run has read is not kept for it for ever.
pub const LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// For how long a need is put off, unless the person says otherwise.
pub const SNOOZE_DEFAULT: Duration = Duration::from_secs(24 * 3600);
/// The longest time for which a need is put off at once: what is put off for longer is forgotten.
pub const SNOOZE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// What follows when nobody answers in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lapse {
    /// How long the need waits.
    pub after: Duration,
    /// The answer that it then gets.
    pub choice: Choice,
}

/// What follows when nobody answers a need of some kind; none where only a person, or its cause going away, can end it.
///
/// A default never lets anything happen outside: it ends what waits, or closes the question. The question of an approval
/// has a time of its own, which the approval keeps; one that a script asks may name a time and an option of its own.
pub const fn lapse(kind: Kind) -> Option<Lapse> {
    match kind {
        // What happened does not become known by waiting.
        Kind::Settle => None,
        Kind::Approve => None,
        // These go away by themselves when what they are about works again.
        Kind::Unavailable | Kind::Trigger | Kind::Silence => None,
        // Something is wrong with Steward, and stays so.
        Kind::Internal => None,
        Kind::Reconnect | Kind::Grant => Some(Lapse { after: LIFE, choice: Choice::Stop }),
        Kind::Confirm => Some(Lapse { after: LIFE, choice: Choice::Refuse }),
        Kind::Repair | Kind::Limit | Kind::Decide => Some(Lapse { after: LIFE, choice: Choice::Dismiss }),
    }
}

/// The answer that a need of some kind ends with when nobody gives one.
pub const fn default_choice(kind: Kind) -> Option<Choice> {
    match lapse(kind) {
        Some(lapse) => Some(lapse.choice),
        None => match kind {
            Kind::Approve => Some(Choice::Refuse),
            Kind::Settle
            | Kind::Repair
            | Kind::Reconnect
            | Kind::Grant
            | Kind::Confirm
            | Kind::Decide
            | Kind::Limit
            | Kind::Unavailable
            | Kind::Trigger
            | Kind::Silence
            | Kind::Internal => None,
        },
    }
}

/// Until when a need is put off, and when it then expires: what was left of its time waits with it.
pub fn snoozed(expires_at: Option<Timestamp>, wanted: Duration, now: Timestamp) -> (Timestamp, Option<Timestamp>) {
    let until = now + wanted.min(SNOOZE_MAX);
    (until, expires_at.map(|at| until + at.since(now)))
}

/// When a need that was put off and is asked about again before its time expires: what was left is left.
pub fn unsnoozed(expires_at: Option<Timestamp>, until: Timestamp, now: Timestamp) -> Option<Timestamp> {
    expires_at.map(|at| now + at.since(until.max(now)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::need::{Consequence, answer};

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(hours: u32) -> Timestamp {
        Timestamp::EPOCH + HOUR * hours
    }

    #[test]
    fn a_default_lets_nothing_happen_outside() {
        for kind in Kind::ALL {
            let Some(choice) = default_choice(kind) else { continue };
            let harmless = [Consequence::Refuse, Consequence::Decline, Consequence::EndRun, Consequence::Close];
            assert!(harmless.contains(&answer(kind, choice).unwrap()), "{kind} {choice}");
        }
        assert_eq!(default_choice(Kind::Settle), None, "nobody knows better by waiting");
        assert_eq!(default_choice(Kind::Approve), Some(Choice::Refuse));
    }

    #[test]
    fn what_was_left_of_its_time_waits_with_a_need_that_is_put_off() {
        assert_eq!(snoozed(Some(at(20)), HOUR * 4, at(10)), (at(14), Some(at(24))));
        assert_eq!(snoozed(None, HOUR * 4, at(10)), (at(14), None));
        assert_eq!(snoozed(None, SNOOZE_MAX * 2, at(0)).0, Timestamp::EPOCH + SNOOZE_MAX);
        assert_eq!(unsnoozed(Some(at(24)), at(14), at(11)), Some(at(21)), "ten hours were left");
        assert_eq!(unsnoozed(Some(at(24)), at(14), at(15)), Some(at(24)), "it had come back");
        assert_eq!(unsnoozed(None, at(14), at(11)), None);
    }
}
