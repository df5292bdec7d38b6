//! Whether a failure is repaired, or a person is asked.

use std::fmt;
use std::time::Duration;

use super::state::State;
use crate::Timestamp;
use crate::canonical::Digest;

/// A repair of the same automation, as it is looked at when the next failure comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier<Id> {
    /// Its id.
    pub id: Id,
    /// Where it stands.
    pub state: State,
    /// What failed: see [`admit`].
    pub cause: Digest,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended; now, while it goes on.
    pub ended_at: Timestamp,
}

/// What bounds repairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Whether failures are repaired at all.
    pub on: bool,
    /// Whether there is a model that could be asked.
    pub has_model: bool,
    /// Repairs of one automation in any seven days.
    pub per_week: u32,
    /// How long the same failure is left alone after a repair of it did not help.
    pub cooldown: Duration,
}

/// Seven days, in which so many repairs may begin.
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// What is done about a failure of logic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission<Id> {
    /// A repair begins.
    Begin,
    /// A repair of the same failure goes on: the run waits for that one.
    Join(Id),
    /// A person is asked.
    Ask(Why),
}

/// Why a failure is not repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Repairs are switched off.
    Off,
    /// No model is there that could be asked.
    NoModel,
    /// An engine outside executes it: there is no script that could be repaired.
    Outside,
    /// The script said itself that it cannot go on.
    SaidSo,
    /// A repair of the same failure did not help a while ago.
    Cooldown {
        /// Until when it is left alone.
        until: Timestamp,
    },
    /// A person took the last repair back.
    Undone,
    /// Another repair of the automation waits for a person's yes or goes on.
    Busy,
    /// As many repairs as a week may have.
    Week {
        /// So many.
        max: u32,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("repairs are switched off (`repair.on`)"),
            Self::NoModel => f.write_str("there is no model to ask for a repair; add a provider"),
            Self::Outside => f.write_str("an engine outside executes it, and there is no script to repair"),
            Self::SaidSo => f.write_str("the script said itself that a person has to look at this"),
            Self::Cooldown { until } => {
                write!(f, "a repair of the same failure did not help; it is not tried again before {until}")
            }
            Self::Undone => f.write_str("the last repair was taken back by you; the next one is made when you say so"),
            Self::Busy => f.write_str("another repair of it is under way"),
            Self::Week { max: 0 } => f.write_str("it may never be repaired by itself"),
            Self::Week { max } => write!(f, "it was repaired {max} times in a week, and more is not allowed"),
        }
    }
}

/// Decides what is done about a failure. `cause` is what failed: the code, the call site and what changed there; two runs
/// with one cause are one failure.
pub fn admit<Id: Copy>(cause: &Digest, earlier: &[Earlier<Id>], limits: &Limits, now: Timestamp) -> Admission<Id> {
    if !limits.on {
        return Admission::Ask(Why::Off);
    }
    if let Some(open) = earlier.iter().find(|repair| repair.state.is_open()) {
        return if open.cause == *cause { Admission::Join(open.id) } else { Admission::Ask(Why::Busy) };
    }
    if !limits.has_model {
        return Admission::Ask(Why::NoModel);
    }
    // Whoever takes a repair back does not want another one a moment later, whatever fails then.
    let last = earlier.iter().filter(|repair| repair.state != State::Dropped).max_by_key(|repair| repair.began_at);
    if last.is_some_and(|repair| repair.state == State::Undone) {
        return Admission::Ask(Why::Undone);
    }
    let failed = earlier.iter().filter(|repair| repair.cause == *cause && repair.state.has_failed());
    let until = failed.map(|repair| repair.ended_at + limits.cooldown).max();
    if let Some(until) = until.filter(|until| *until > now) {
        return Admission::Ask(Why::Cooldown { until });
    }
    // What was never begun counts for nothing.
    let begun = earlier.iter().filter(|repair| repair.state != State::Dropped);
    let this_week = begun.filter(|repair| now.since(repair.began_at) < WEEK);
    if this_week.count() >= usize::try_from(limits.per_week).unwrap_or(usize::MAX) {
        return Admission::Ask(Why::Week { max: limits.per_week });
    }
    Admission::Begin
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
    const LIMITS: Limits = Limits { on: true, has_model: true, per_week: 3, cooldown: Duration::from_secs(3600) };

    fn cause(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    fn earlier(id: u8, state: State, name: &str, minutes_ago: u64) -> Earlier<u8> {
        let at = NOW - Duration::from_secs(minutes_ago * 60);
        Earlier { id, state, cause: cause(name), began_at: at, ended_at: at }
    }

    #[test]
    fn a_first_failure_is_repaired_and_the_same_one_joins_it() {
        assert_eq!(admit::<u8>(&cause("a"), &[], &LIMITS, NOW), Admission::Begin);
        let open = [earlier(1, State::Working, "a", 1)];
        assert_eq!(admit(&cause("a"), &open, &LIMITS, NOW), Admission::Join(1));
        assert_eq!(admit(&cause("b"), &open, &LIMITS, NOW), Admission::Ask(Why::Busy));
    }

    #[test]
    fn what_did_not_help_is_left_alone_for_a_while() {
        for state in State::ALL {
            let failed = [earlier(1, state, "a", 30)];
            let until = NOW + Duration::from_secs(30 * 60);
            let expected = if state.is_open() {
                Admission::Join(1)
            } else if state == State::Undone {
                Admission::Ask(Why::Undone)
            } else if state.has_failed() {
                Admission::Ask(Why::Cooldown { until })
            } else {
                Admission::Begin
            };
            assert_eq!(admit(&cause("a"), &failed, &LIMITS, NOW), expected, "{state}");
        }
        assert_eq!(admit(&cause("a"), &[earlier(1, State::GivenUp, "a", 61)], &LIMITS, NOW), Admission::Begin);
    }

    #[test]
    fn a_week_has_its_number_of_repairs() {
        let many: Vec<_> = (0..3).map(|id| earlier(id, State::Kept, "a", 60 * 24)).collect();
        assert_eq!(admit(&cause("b"), &many, &LIMITS, NOW), Admission::Ask(Why::Week { max: 3 }));
        let old: Vec<_> = (0..3).map(|id| earlier(id, State::Kept, "a", 60 * 24 * 7)).collect();
        assert_eq!(admit(&cause("b"), &old, &LIMITS, NOW), Admission::Begin);
        assert_eq!(admit(&cause("b"), &old, &Limits { on: false, ..LIMITS }, NOW), Admission::Ask(Why::Off));
        assert_eq!(admit(&cause("b"), &old, &Limits { has_model: false, ..LIMITS }, NOW), Admission::Ask(Why::NoModel));
    }
}
