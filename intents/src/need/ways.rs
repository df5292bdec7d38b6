//! Which answers may be given together, and which by a link in a mail.

use std::time::Duration;

use super::{Choice, Kind};
use crate::Timestamp;

/// Needs that one request answers; who has more has them in several requests.
pub const TOGETHER_MAX: usize = 100;
/// How long a link in a mail works: a mail that is older than a week was read, or never will be.
pub const LINK_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Whether several needs of a kind may get one answer at once. Whether an effect happened, whether one may happen, what a
/// script asks, and whether a repair may do something else than before, each wants a look of its own.
pub const fn may_answer_together(kind: Kind) -> bool {
    match kind {
        Kind::Settle | Kind::Approve | Kind::Confirm | Kind::Decide => false,
        Kind::Repair
        | Kind::Reconnect
        | Kind::Grant
        | Kind::Limit
        | Kind::Unavailable
        | Kind::Trigger
        | Kind::Silence
        | Kind::Internal => true,
    }
}

/// Whether an answer may be given by whoever holds a link from a mail.
///
/// Never where the answer needs evidence that a page for a phone cannot show, where it costs money, or where it ends
/// runs: a link is a key that was sent over somebody else's machines.
pub const fn may_link(kind: Kind, choice: Choice) -> bool {
    match (kind, choice) {
        (Kind::Approve, Choice::Approve | Choice::Refuse)
        | (Kind::Decide, Choice::Chosen(_))
        // What is asked again is asked about again, when nothing has changed.
        | (Kind::Reconnect | Kind::Grant | Kind::Unavailable, Choice::Continue)
        // What happened under a key is not repeated.
        | (Kind::Repair | Kind::Limit, Choice::RunAgain)
        | (Kind::Repair | Kind::Limit | Kind::Trigger | Kind::Silence, Choice::Dismiss) => true,
        (Kind::Settle | Kind::Confirm | Kind::Internal, _)
        | (
            Kind::Decide,
            Choice::ItHappened
            | Choice::ItDidNot
            | Choice::Continue
            | Choice::RunAgain
            | Choice::Repair
            | Choice::Approve
            | Choice::Refuse
            | Choice::Stop
            | Choice::Dismiss,
        )
        | (
            Kind::Approve,
            Choice::ItHappened
            | Choice::ItDidNot
            | Choice::Continue
            | Choice::RunAgain
            | Choice::Repair
            | Choice::Stop
            | Choice::Dismiss
            | Choice::Chosen(_),
        )
        | (
            Kind::Reconnect | Kind::Grant | Kind::Unavailable,
            Choice::ItHappened
            | Choice::ItDidNot
            | Choice::RunAgain
            | Choice::Repair
            | Choice::Approve
            | Choice::Refuse
            | Choice::Stop
            | Choice::Dismiss
            | Choice::Chosen(_),
        )
        | (
            Kind::Repair | Kind::Limit,
            Choice::ItHappened
            | Choice::ItDidNot
            | Choice::Continue
            | Choice::Repair
            | Choice::Approve
            | Choice::Refuse
            | Choice::Stop
            | Choice::Chosen(_),
        )
        | (
            Kind::Trigger | Kind::Silence,
            Choice::ItHappened
            | Choice::ItDidNot
            | Choice::Continue
            | Choice::RunAgain
            | Choice::Repair
            | Choice::Approve
            | Choice::Refuse
            | Choice::Stop
            | Choice::Chosen(_),
        ) => false,
    }
}

/// Why a link answers nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadLink {
    /// It has answered already.
    Used,
    /// It is too old.
    Expired,
    /// Its need was answered in another way, or went away.
    Settled,
}

/// Judges a link that is one of ours. What it has done itself is told before what else has happened.
pub fn judge_link(used: bool, expires_at: Timestamp, need_is_open: bool, now: Timestamp) -> Result<(), DeadLink> {
    if used {
        Err(DeadLink::Used)
    } else if !need_is_open {
        Err(DeadLink::Settled)
    } else if expires_at <= now {
        Err(DeadLink::Expired)
    } else {
        Ok(())
    }
}

/// Until when a link works: never longer than the question that it answers.
pub fn link_expires(now: Timestamp, need_expires: Option<Timestamp>) -> Timestamp {
    let latest = now + LINK_LIFE;
    need_expires.map_or(latest, |at| at.min(latest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::need::{Consequence, answer};

    #[test]
    fn a_link_offers_what_the_need_offers_and_ends_no_run_and_settles_nothing() {
        for kind in Kind::ALL {
            for choice in Choice::ALL.into_iter().filter(|choice| may_link(kind, *choice)) {
                let consequence = answer(kind, choice).expect("a link answers with a choice of the need");
                let never = [
                    Consequence::SettleApplied,
                    Consequence::SettleNotApplied,
                    Consequence::EndRun,
                    Consequence::Repair,
                    Consequence::Accept,
                ];
                assert!(!never.contains(&consequence), "{kind} {choice}");
            }
        }
        assert!(may_link(Kind::Approve, Choice::Approve) && may_link(Kind::Approve, Choice::Refuse));
        assert!(!may_link(Kind::Settle, Choice::ItHappened));
    }

    #[test]
    fn what_wants_a_look_of_its_own_is_not_answered_with_others() {
        let alone: Vec<_> = Kind::ALL.into_iter().filter(|kind| !may_answer_together(*kind)).collect();
        assert_eq!(alone, [Kind::Settle, Kind::Approve, Kind::Confirm, Kind::Decide]);
    }

    #[test]
    fn a_link_works_once_in_time_and_for_an_open_need() {
        let (now, later) = (Timestamp::EPOCH, Timestamp::EPOCH + LINK_LIFE);
        assert_eq!(judge_link(false, later, true, now), Ok(()));
        assert_eq!(judge_link(true, later, false, now), Err(DeadLink::Used));
        assert_eq!(judge_link(false, now, true, now), Err(DeadLink::Expired));
        assert_eq!(judge_link(false, now, false, now), Err(DeadLink::Settled));
    }

    #[test]
    fn a_link_works_no_longer_than_its_question() {
        let now = Timestamp::EPOCH;
        assert_eq!(link_expires(now, None), now + LINK_LIFE);
        assert_eq!(link_expires(now, Some(now + LINK_LIFE / 2)), now + LINK_LIFE / 2);
        assert_eq!(link_expires(now, Some(now + LINK_LIFE * 2)), now + LINK_LIFE);
    }
}
