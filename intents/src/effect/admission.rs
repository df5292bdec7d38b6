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
    /// Another run is performing or settling it: wait for that run.
    WaitFor(RunId),
}

/// Decides whether an effect may be performed.
pub fn admit(prior: Option<&Prior>, claim: &Claim) -> Admission {
    let Some(prior) = prior else { return Admission::Perform };
    let same_call = prior.claim.run == claim.run && prior.claim.call == claim.call;
    match prior.state {
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

    #[test]
    fn the_same_item_gets_its_outcome_back_whatever_it_asks() {
        let prior = Prior { state: State::Applied, claim: claim(1, 0, 1, 1), started_at: Timestamp::EPOCH };
        assert_eq!(admit(Some(&prior), &claim(2, 5, 1, 9)), Admission::GiveBack { suppressed: false });
        assert_eq!(admit(Some(&prior), &claim(2, 5, 2, 1)), Admission::GiveBack { suppressed: true });
        assert_eq!(admit(Some(&prior), &claim(2, 5, 2, 9)), Admission::KeyConflict);
    }

    proptest! {
        #[test]
        fn a_key_is_performed_only_when_nothing_can_have_happened(
            state in prop::sample::select(State::ALL.to_vec()),
            run in 0u128..3, call in 0u32..3, item in 0u128..3, arguments in 0u8..3,
        ) {
            let prior = Prior { state, claim: claim(1, 1, 1, 1), started_at: Timestamp::EPOCH };
            let admission = admit(Some(&prior), &claim(run, call, item, arguments));
            prop_assert_eq!(admission == Admission::Perform, state == State::NotApplied);
        }
    }
}
