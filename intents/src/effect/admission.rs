//! Whether an effect may be performed, given what the ledger holds under its key.

use super::State;
use crate::Timestamp;
use crate::canonical::Digest;
use crate::id::{ItemId, RunId};

/// A call that wants to perform an effect under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The run that calls.
    pub run: RunId,
    /// The number of the call in its run.
    pub call: u32,
    /// The inbox item that the run is about.
    pub item: ItemId,
    /// The digest of the canonical arguments.
    pub arguments: Digest,
}

/// What the ledger holds under the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prior {
    /// What is known about the effect.
    pub state: State,
    /// Who claimed it last.
    pub claim: Claim,
    /// When it was started last.
    pub started_at: Timestamp,
    /// When it became known what is known.
    pub settled_at: Option<Timestamp>,
}

/// A time of which the ledger knows nothing, since it was restored from a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// When the backup was taken.
    pub from: Timestamp,
    /// When it was restored.
    pub until: Timestamp,
}

/// What the call may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Nothing happened under this key: perform it.
    Perform,
    /// It happened, for this item or with these arguments: give back what it led to.
    GiveBack {
        /// Whether another item asked for the same again: counted and shown.
        suppressed: bool,
    },
    /// It happened with other arguments for another item: the key is too coarse.
    KeyConflict,
    /// It may have happened: settle it first.
    Settle {
        /// When the earlier performance began.
        started_at: Timestamp,
    },
    /// Nothing is known of it, and it may have happened in a time that the ledger has forgotten: settle it first.
    Forgotten(Gap),
    /// Another run is performing or settling it: wait for that run.
    WaitFor(RunId),
}

/// Decides whether an effect may be performed. What the ledger does not know did not happen, unless it may have
/// forgotten it.
pub fn admit(prior: Option<&Prior>, claim: &Claim, gap: Option<Gap>) -> Admission {
    let unknown = || gap.map_or(Admission::Perform, Admission::Forgotten);
    let Some(prior) = prior else { return unknown() };
    let same_call = prior.claim.run == claim.run && prior.claim.call == claim.call;
    match prior.state {
        // What was known before the gap may have changed in it.
        State::NotApplied if gap.is_some_and(|gap| prior.settled_at.is_none_or(|at| at < gap.until)) => unknown(),
        State::NotApplied => Admission::Perform,
        State::Applied if prior.claim.item == claim.item => Admission::GiveBack { suppressed: false },
        State::Applied if prior.claim.arguments == claim.arguments => Admission::GiveBack { suppressed: true },
        State::Applied => Admission::KeyConflict,
        State::Started | State::Uncertain if same_call => Admission::Settle { started_at: prior.started_at },
        State::Started | State::Uncertain => Admission::WaitFor(prior.claim.run),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn claim(run: u128, call: u32, item: u128, arguments: u8) -> Claim {
        Claim {
            run: RunId::from_parts(Timestamp::EPOCH, run),
            call,
            item: ItemId::from_parts(Timestamp::EPOCH, item),
            arguments: Digest::of(&[arguments]),
        }
    }

    fn prior(state: State, settled_at: Option<Timestamp>) -> Prior {
        Prior { state, claim: claim(1, 1, 1, 1), started_at: Timestamp::EPOCH, settled_at }
    }

    #[test]
    fn the_same_item_gets_its_outcome_back_whatever_it_asks() {
        let prior = prior(State::Applied, None);
        assert_eq!(admit(Some(&prior), &claim(2, 5, 1, 9), None), Admission::GiveBack { suppressed: false });
        assert_eq!(admit(Some(&prior), &claim(2, 5, 2, 1), None), Admission::GiveBack { suppressed: true });
        assert_eq!(admit(Some(&prior), &claim(2, 5, 2, 9), None), Admission::KeyConflict);
    }

    #[test]
    fn what_may_have_been_forgotten_is_settled_once() {
        let gap = Gap { from: Timestamp::from_millis(10), until: Timestamp::from_millis(20) };
        assert_eq!(admit(None, &claim(2, 5, 1, 9), Some(gap)), Admission::Forgotten(gap));
        let before = prior(State::NotApplied, Some(Timestamp::from_millis(9)));
        assert_eq!(admit(Some(&before), &claim(2, 5, 1, 9), Some(gap)), Admission::Forgotten(gap));
        // Found out after the restore, it is known.
        let after = prior(State::NotApplied, Some(Timestamp::from_millis(21)));
        assert_eq!(admit(Some(&after), &claim(2, 5, 1, 9), Some(gap)), Admission::Perform);
    }

    proptest! {
        #[test]
        fn a_key_is_performed_only_when_nothing_can_have_happened(
            state in prop::sample::select(State::ALL.to_vec()),
            run in 0u128..3, call in 0u32..3, item in 0u128..3, arguments in 0u8..3,
            gap in prop::option::of((0i64..30, 0i64..30)), settled_at in prop::option::of(0i64..30),
        ) {
            let prior = prior(state, settled_at.map(Timestamp::from_millis));
            let gap = gap.map(|(from, until)| Gap { from: Timestamp::from_millis(from), until: Timestamp::from_millis(until) });
            let admission = admit(Some(&prior), &claim(run, call, item, arguments), gap);
            let known = gap.is_none_or(|gap| prior.settled_at.is_some_and(|at| at >= gap.until));
            prop_assert_eq!(admission == Admission::Perform, state == State::NotApplied && known);
            prop_assert_eq!(matches!(admission, Admission::Forgotten(_)), state == State::NotApplied && !known);
        }
    }
}
