//! Shadow: what a run would have done, and what it is told instead.
//!
//! A run that was made while its automation is in shadow is a shadow run for its whole life. Its effects pass the gate and
//! are looked up like any other; then they are noted, with what would have kept them, and not performed.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::Timestamp;
use crate::canonical::Digest;
use crate::effect::Admission;
use crate::gate::{Conclusion, Consent, Mark, Passed, Take};
use crate::id::ShadowId;
use crate::outcome::Outcome;

/// A call is followed over so many waits: one for the window that is full, and one for another that is full by then.
/// One that must wait still longer would wait for ever, or nearly so.
const WAITS_MAX: usize = 2;

/// Whether a run may go on: a shadow run only in its own shadow, a real run only outside of any.
pub fn may_go_on(run: Option<ShadowId>, automation: Option<ShadowId>) -> bool {
    run == automation
}

/// What is to be done with an effect of a shadow run, given what is known under its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Nothing: look what the clauses say.
    Nothing,
    /// It may have happened in reality, which nobody is asked about: as before, and the note says so.
    Perhaps,
    /// It was done, or noted: give back what that led to.
    Before {
        /// Whether another item asked for the same again: counted and shown.
        suppressed: bool,
    },
    /// It was done, or noted, with other arguments for another item: the key is too coarse.
    Conflict,
}

impl From<Admission> for Known {
    fn from(admission: Admission) -> Self {
        match admission {
            Admission::Perform => Self::Nothing,
            Admission::Settle { .. } | Admission::Forgotten(_) | Admission::WaitFor(_) => Self::Perhaps,
            Admission::GiveBack { suppressed } => Self::Before { suppressed },
            Admission::KeyConflict => Self::Conflict,
        }
    }
}

/// What the clauses would have done with a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Foreseen {
    /// The clauses for which it would have waited, and until when.
    pub waits: Option<(Timestamp, Vec<String>)>,
    /// The clauses for which a person would have been asked.
    pub asks: Vec<String>,
    /// The clause for which it is left out.
    pub skip: Option<String>,
    /// What it takes in the counters of its shadow.
    pub takes: Vec<Take>,
}

/// Follows a call through the clauses: what would have been waited for is over, and what would have been asked is answered
/// with yes. `taken` has the marks of each counter, as [`Passed::conclude`] wants them.
pub fn foresee(passed: &Passed, taken: &[Vec<Vec<Mark>>], envelopes: BTreeSet<Digest>, now: Timestamp) -> Foreseen {
    let mut foreseen = Foreseen::default();
    let mut consent = Consent { grounds: BTreeSet::new(), envelopes };
    let mut passed = passed.clone();
    let (mut at, mut waits) = (now, 0);
    loop {
        match passed.conclude(taken, &consent, at) {
            Conclusion::Wait { until, clauses } => {
                let (_, mut words) = foreseen.waits.take().unwrap_or((until, Vec::new()));
                words.extend(clauses);
                words.dedup();
                foreseen.waits = Some((until, words));
                waits += 1;
                if waits == WAITS_MAX {
                    return foreseen;
                }
                // By then the hour is another one, too.
                at = until;
                passed.held.retain(|held| held.until > at);
            }
            Conclusion::Skip { clause } => {
                foreseen.skip = Some(clause);
                return foreseen;
            }
            // The person has said yes to all of it, and to ask again would be to ask for ever.
            Conclusion::NeedsApproval { grounds } if foreseen.asks.is_empty() => {
                consent.grounds = grounds.iter().map(|ground| ground.subject).collect();
                foreseen.asks = grounds.into_iter().map(|ground| ground.words).collect();
            }
            Conclusion::NeedsApproval { .. } => return foreseen,
            Conclusion::Allow { takes, .. } => {
                foreseen.takes = takes;
                return foreseen;
            }
        }
    }
}

impl Foreseen {
    /// What the script is given: what was made up, unless it is told that the call is left out.
    pub fn outcome(&self, made: Outcome) -> Outcome {
        match &self.skip {
            Some(clause) => Outcome::Skipped { clause: clause.clone() },
            None => made,
        }
    }

    /// When it would have been done.
    pub fn at(&self, now: Timestamp) -> Timestamp {
        self.waits.as_ref().map_or(now, |(until, _)| *until)
    }

    /// What matters most of it, in one word.
    pub fn would(&self, known: Known) -> Would {
        match known {
            Known::Conflict => Would::Conflict,
            Known::Before { .. } => Would::BeSuppressed,
            Known::Nothing | Known::Perhaps if self.skip.is_some() => Would::BeSkipped,
            Known::Nothing | Known::Perhaps if !self.asks.is_empty() => Would::Ask,
            Known::Nothing | Known::Perhaps if self.waits.is_some() => Would::Wait,
            Known::Perhaps => Would::BeSettled,
            Known::Nothing => Would::BeDone,
        }
    }
}

/// What would have become of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Would {
    /// It would have been done at once.
    BeDone,
    /// A person would have been asked first.
    Ask,
    /// It would have waited.
    Wait,
    /// It would have been left out; the script was told so.
    BeSkipped,
    /// It was really done before; the script was given what that led to.
    BeSuppressed,
    /// It would first have been found out whether an earlier one happened.
    BeSettled,
    /// The key was used before with other arguments; the run has failed.
    Conflict,
}

impl Would {
    /// Every one.
    pub const ALL: [Self; 7] =
        [Self::BeDone, Self::Ask, Self::Wait, Self::BeSkipped, Self::BeSuppressed, Self::BeSettled, Self::Conflict];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BeDone => "done",
            Self::Ask => "asked",
            Self::Wait => "waited",
            Self::BeSkipped => "skipped",
            Self::BeSuppressed => "suppressed",
            Self::BeSettled => "settled",
            Self::Conflict => "conflict",
        }
    }

    /// Whether the next call under the same key finds it done.
    pub const fn holds_its_key(self) -> bool {
        match self {
            Self::BeDone | Self::Ask | Self::Wait | Self::BeSettled => true,
            Self::BeSkipped | Self::BeSuppressed | Self::Conflict => false,
        }
    }
}

impl fmt::Display for Would {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Would {
    type Err = crate::need::UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|would| would.as_str() == text)
            .ok_or_else(|| crate::need::UnknownName(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::amount::Amount;
    use crate::contract::Excess;
    use crate::gate::{Beyond, Clause, Counter, Ground, Held};

    const HOUR: Duration = Duration::from_secs(3600);
    const NOW: Timestamp = Timestamp::from_millis(1_772_442_000_000);

    fn passed() -> Passed {
        Passed {
            clause: Clause { capability: Some(0), words: "May.".to_owned() },
            identity: None,
            connection: None,
            rows: Vec::new(),
            counters: Vec::new(),
            held: Vec::new(),
            grounds: Vec::new(),
        }
    }

    fn ground(words: &str) -> Ground {
        Ground { subject: Digest::of(words.as_bytes()), words: words.to_owned(), envelope: None }
    }

    fn rate(excess: Excess) -> Counter {
        let subject = Digest::of(b"rate");
        let beyond = Beyond::Limit { excess, words: "One an hour.".to_owned(), subject };
        Counter { subjects: vec![subject], amount: Amount::ONE, max: Amount::ONE, window: Some(HOUR), beyond }
    }

    fn first(count: u32) -> Counter {
        let beyond = Beyond::Trusted(Box::new(ground("The first few ask.")));
        let subjects = vec![Digest::of(b"first")];
        Counter { subjects, amount: Amount::ONE, max: Amount::whole(count), window: None, beyond }
    }

    fn mark() -> Mark {
        Mark { at: NOW, amount: Amount::ONE }
    }

    fn seen(passed: &Passed, taken: &[Vec<Vec<Mark>>]) -> Foreseen {
        foresee(passed, taken, BTreeSet::new(), NOW)
    }

    #[test]
    fn what_waits_is_followed_to_when_it_would_be_asked_about() {
        let passed = Passed { counters: vec![rate(Excess::Wait), first(2)], ..passed() };
        let foreseen = seen(&passed, &[vec![vec![mark()]], vec![vec![mark()]]]);
        assert_eq!(foreseen.waits, Some((NOW + HOUR, vec!["One an hour.".to_owned()])));
        assert_eq!(foreseen.asks, ["The first few ask."]);
        assert_eq!((foreseen.takes.len(), foreseen.at(NOW)), (2, NOW + HOUR));
        assert_eq!(foreseen.would(Known::Nothing), Would::Ask);
        let trusted = seen(&passed, &[vec![vec![mark()]], vec![vec![mark(), mark()]]]);
        assert_eq!((trusted.would(Known::Nothing), trusted.asks), (Would::Wait, Vec::new()));
    }

    #[test]
    fn what_is_left_out_takes_no_place_and_is_told_so() {
        let passed = Passed { counters: vec![rate(Excess::Skip)], grounds: vec![ground("Ask.")], ..passed() };
        let foreseen = seen(&passed, &[vec![vec![mark()]]]);
        assert_eq!((foreseen.would(Known::Nothing), foreseen.takes.len()), (Would::BeSkipped, 0));
        assert!(foreseen.asks.is_empty(), "nobody is asked about a call that could not be made anyway");
        let made = Outcome::Value(true.into());
        assert_eq!(foreseen.outcome(made.clone()), Outcome::Skipped { clause: "One an hour.".to_owned() });
        assert_eq!(seen(&passed, &[vec![Vec::new()]]).outcome(made.clone()), made);
    }

    #[test]
    fn an_hour_that_is_over_when_it_has_waited_holds_no_more() {
        let until = NOW + HOUR;
        let quiet = Held { excess: Excess::Wait, until, words: "Not now.".to_owned(), subject: Digest::of(b"q") };
        let foreseen = seen(&Passed { held: vec![quiet], ..passed() }, &[]);
        assert_eq!((foreseen.at(NOW), foreseen.would(Known::Perhaps)), (until, Would::Wait));
    }

    #[test]
    fn a_run_goes_on_only_where_it_belongs() {
        let shadow = |number| Some(ShadowId::from_parts(NOW, number));
        assert!(may_go_on(None, None) && may_go_on(shadow(1), shadow(1)));
        assert!(!may_go_on(shadow(1), None), "a shadow run never goes on as a real one");
        assert!(!may_go_on(None, shadow(1)), "a real run never becomes a shadow one");
        assert!(!may_go_on(shadow(1), shadow(2)), "each shadow is its own");
    }

    fn clause() -> impl Strategy<Value = (Counter, Vec<Vec<Mark>>)> {
        let counter = prop_oneof![
            prop::sample::select(vec![Excess::Wait, Excess::Skip, Excess::Ask]).prop_map(rate),
            (1_u32..3).prop_map(first),
        ];
        (counter, 0_usize..4).prop_map(|(counter, marks)| (counter, vec![vec![mark(); marks]]))
    }

    proptest! {
        #[test]
        fn every_call_comes_to_an_end_and_what_is_free_goes_at_once(
            clauses in prop::collection::vec(clause(), 0..4), asks in 0_usize..2,
        ) {
            let (counters, taken): (Vec<_>, Vec<_>) = clauses.into_iter().unzip();
            let passed = Passed { counters, grounds: vec![ground("Ask."); asks], ..passed() };
            let foreseen = seen(&passed, &taken);
            let allowed = matches!(
                passed.conclude(&taken, &Consent::default(), NOW), Conclusion::Allow { .. }
            );
            prop_assert_eq!(foreseen.would(Known::Nothing) == Would::BeDone, allowed);
            prop_assert_eq!(foreseen.skip.is_some(), foreseen.would(Known::Nothing) == Would::BeSkipped);
            prop_assert!(foreseen.skip.is_none() || foreseen.takes.is_empty());
        }
    }
}
