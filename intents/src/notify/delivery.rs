//! What becomes of one message on its way out.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::Timestamp;
use crate::need::UnknownName;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It is to be sent, now or later.
    Queued,
    /// It is being sent: from here on something may have left.
    Sending,
    /// It was taken.
    Sent,
    /// It left, and nobody knows whether it was taken. It is not sent again.
    Uncertain,
    /// It was refused, or nothing left as often as it was tried.
    Failed,
    /// There was nothing left to tell when its turn came, or nowhere to send it.
    Dropped,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 6] = [Self::Queued, Self::Sending, Self::Sent, Self::Uncertain, Self::Failed, Self::Dropped];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Uncertain => "uncertain",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }

    /// Whether nothing more becomes of it.
    pub const fn is_over(self) -> bool {
        match self {
            Self::Queued | Self::Sending => false,
            Self::Sent | Self::Uncertain | Self::Failed | Self::Dropped => true,
        }
    }
}

/// What came of an attempt to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It was taken.
    Taken,
    /// Nothing left, or whoever it was for said that it was not taken for now.
    NothingLeft,
    /// Whoever it was for said no for good.
    Refused,
    /// It left, and there was no answer that says what became of it.
    Unknown,
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It is over, in this state.
    Over(State),
    /// It is tried again at this time.
    Again(Timestamp),
}

/// Attempts at one delivery. With the waits between them that is a day and a half: longer than most machines are down,
/// and shorter than anybody wants to be told late.
pub const ATTEMPTS_MAX: u32 = 9;
/// The waits between attempts.
const WAITS: [Duration; 8] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(3600),
    Duration::from_secs(3 * 3600),
    Duration::from_secs(6 * 3600),
    Duration::from_secs(12 * 3600),
    Duration::from_secs(12 * 3600),
];

/// Decides what follows an attempt, the number of which counts from 1. Only what certainly did not arrive is sent again.
pub fn after(sent: Sent, attempt: u32, now: Timestamp) -> After {
    match sent {
        Sent::Taken => After::Over(State::Sent),
        Sent::Unknown => After::Over(State::Uncertain),
        Sent::Refused => After::Over(State::Failed),
        Sent::NothingLeft => {
            let wait = usize::try_from(attempt.saturating_sub(1)).ok().and_then(|index| WAITS.get(index));
            wait.map_or(After::Over(State::Failed), |wait| After::Again(now + *wait))
        }
    }
}

/// What a delivery is after the process that sent it has died.
pub const fn on_start(state: State) -> State {
    match state {
        // It may have left just before the end.
        State::Sending => State::Uncertain,
        State::Queued | State::Sent | State::Uncertain | State::Failed | State::Dropped => state,
    }
}

impl FromStr for State {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| UnknownName(text.to_owned()))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_left_is_never_sent_again() {
        for attempt in 1..=ATTEMPTS_MAX {
            assert_eq!(after(Sent::Unknown, attempt, Timestamp::EPOCH), After::Over(State::Uncertain));
        }
        assert_eq!(on_start(State::Sending), State::Uncertain);
        assert_eq!(on_start(State::Queued), State::Queued, "nothing had left");
    }

    #[test]
    fn what_did_not_leave_is_tried_again_ever_later_and_not_for_ever() {
        let mut now = Timestamp::EPOCH;
        let mut last = Duration::ZERO;
        for attempt in 1..ATTEMPTS_MAX {
            let After::Again(at) = after(Sent::NothingLeft, attempt, now) else { panic!("given up at {attempt}") };
            assert!(at.since(now) >= last);
            (last, now) = (at.since(now), at);
        }
        assert_eq!(after(Sent::NothingLeft, ATTEMPTS_MAX, now), After::Over(State::Failed));
        assert_eq!(after(Sent::Refused, 1, now), After::Over(State::Failed), "a no stays a no");
    }

    #[test]
    fn names_are_read_back() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
    }
}
