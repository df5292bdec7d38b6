//! What only the person can give: the kinds of needs, their choices, and what an answer does.

mod priority;
mod question;
mod terms;
mod ways;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::RunId;

pub use priority::{Priority, priority};
pub use question::{Nth, OPTIONS_MAX, choices_of, default_of, option_with, options, words_of};
pub use terms::{LIFE, Lapse, SNOOZE_DEFAULT, SNOOZE_MAX, default_choice, lapse, snoozed, unsnoozed};
pub use ways::{DeadLink, LINK_LIFE, TOGETHER_MAX, judge_link, link_expires, may_answer_together, may_link};

/// What a need asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Say whether an effect happened.
    Settle,
    /// The script does not fit the world any more, or said itself that it cannot go on.
    Repair,
    /// Credentials are refused.
    Reconnect,
    /// Something is not allowed: by the service, or by the contract.
    Grant,
    /// The contract wants a person's yes before this effect happens.
    Approve,
    /// A repair is ready, and does something else than past runs did.
    Confirm,
    /// The script asks which way to go on.
    Decide,
    /// A limit of the sandbox was broken.
    Limit,
    /// A service has been unavailable for too long.
    Unavailable,
    /// A trigger cannot do its work: a folder is gone, a schedule never fires.
    Trigger,
    /// Something that should have happened did not.
    Silence,
    /// Something is wrong with Steward or with its record.
    Internal,
}

/// What a person may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Choice {
    /// The effect happened.
    ItHappened,
    /// The effect did not happen.
    ItDidNot,
    /// Go on where the run stopped.
    Continue,
    /// Run the same item again from the start; effects that happened are not repeated.
    RunAgain,
    /// Let the maintainer try to repair the script, with a new allowance.
    Repair,
    /// Yes: it may happen.
    Approve,
    /// No: it may not; the script is told.
    Refuse,
    /// End the run here.
    Stop,
    /// Seen; nothing more to do. A script that asked is told that nobody decided.
    Dismiss,
    /// This option of the question.
    Chosen(Nth),
}

/// What an answer does to the run that waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// The effect is settled as applied, then the run goes on.
    SettleApplied,
    /// The effect is settled as not applied, then the run goes on.
    SettleNotApplied,
    /// The run goes on where it stopped.
    Resume,
    /// The approval is given, then the run goes on.
    Approve,
    /// The approval is refused, then the run goes on and is told so.
    Refuse,
    /// A new run takes the same item from the start.
    Restart,
    /// The maintainer tries to repair the script, with a new allowance.
    Repair,
    /// The repair goes live with its differences.
    Accept,
    /// The repair is dropped, and the maintainer is told so.
    Decline,
    /// The run ends, stopped.
    EndRun,
    /// Nothing but the need is closed.
    Close,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Settle,
        Self::Repair,
        Self::Reconnect,
        Self::Grant,
        Self::Approve,
        Self::Confirm,
        Self::Decide,
        Self::Limit,
        Self::Unavailable,
        Self::Trigger,
        Self::Silence,
        Self::Internal,
    ];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Settle => "settle",
            Self::Repair => "repair",
            Self::Reconnect => "reconnect",
            Self::Grant => "grant",
            Self::Approve => "approve",
            Self::Confirm => "confirm",
            Self::Decide => "decide",
            Self::Limit => "limit",
            Self::Unavailable => "unavailable",
            Self::Trigger => "trigger",
            Self::Silence => "silence",
            Self::Internal => "internal",
        }
    }

    /// What may be answered; to one question only with the options that it has ([`choices_of`]).
    pub const fn choices(self) -> &'static [Choice] {
        use Choice::{Approve, Chosen, Continue, Dismiss, ItDidNot, ItHappened, Refuse, Repair, RunAgain, Stop};
        match self {
            Self::Settle => &[ItHappened, ItDidNot, Stop],
            Self::Repair => &[RunAgain, Repair, Dismiss],
            Self::Reconnect | Self::Grant | Self::Unavailable => &[Continue, Stop],
            Self::Approve => &[Approve, Refuse, Stop],
            Self::Confirm => &[Approve, Refuse],
            Self::Decide => &[
                Chosen(Nth::ALL[0]),
                Chosen(Nth::ALL[1]),
                Chosen(Nth::ALL[2]),
                Chosen(Nth::ALL[3]),
                Chosen(Nth::ALL[4]),
                Chosen(Nth::ALL[5]),
                Chosen(Nth::ALL[6]),
                Chosen(Nth::ALL[7]),
                Dismiss,
                Stop,
            ],
            Self::Limit => &[RunAgain, Dismiss],
            Self::Trigger | Self::Silence => &[Dismiss],
            Self::Internal => &[RunAgain, Dismiss],
        }
    }

    /// What makes the need of one call one: asked again for the same call, it is the same need.
    pub fn of_call(self, run: RunId, generation: u32, call: u32) -> String {
        format!("{self}:{run}:{generation}:{call}")
    }

    /// Whether a run sleeps until the answer, rather than having ended.
    pub const fn holds_run(self) -> bool {
        match self {
            Self::Settle | Self::Reconnect | Self::Grant | Self::Approve | Self::Decide | Self::Unavailable => true,
            Self::Repair | Self::Confirm | Self::Limit | Self::Trigger | Self::Silence | Self::Internal => false,
        }
    }
}

impl Choice {
    /// Every choice.
    pub const ALL: [Self; 9 + OPTIONS_MAX] = [
        Self::ItHappened,
        Self::ItDidNot,
        Self::Continue,
        Self::RunAgain,
        Self::Repair,
        Self::Approve,
        Self::Refuse,
        Self::Stop,
        Self::Dismiss,
        Self::Chosen(Nth::ALL[0]),
        Self::Chosen(Nth::ALL[1]),
        Self::Chosen(Nth::ALL[2]),
        Self::Chosen(Nth::ALL[3]),
        Self::Chosen(Nth::ALL[4]),
        Self::Chosen(Nth::ALL[5]),
        Self::Chosen(Nth::ALL[6]),
        Self::Chosen(Nth::ALL[7]),
    ];

    /// The option of a question that it is, where it is one.
    pub const fn option(self) -> Option<Nth> {
        match self {
            Self::Chosen(nth) => Some(nth),
            Self::ItHappened
            | Self::ItDidNot
            | Self::Continue
            | Self::RunAgain
            | Self::Repair
            | Self::Approve
            | Self::Refuse
            | Self::Stop
            | Self::Dismiss => None,
        }
    }

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ItHappened => "it_happened",
            Self::ItDidNot => "it_did_not",
            Self::Continue => "continue",
            Self::RunAgain => "run_again",
            Self::Repair => "repair",
            Self::Approve => "approve",
            Self::Refuse => "refuse",
            Self::Stop => "stop",
            Self::Dismiss => "dismiss",
            Self::Chosen(nth) => nth.as_str(),
        }
    }
}

/// Why an answer is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a need of kind `{kind}` cannot be answered with `{choice}`")]
pub struct NotAChoice {
    /// The kind of the need.
    pub kind: Kind,
    /// The refused answer.
    pub choice: Choice,
}

/// Decides what an answer does.
pub fn answer(kind: Kind, choice: Choice) -> Result<Consequence, NotAChoice> {
    if !kind.choices().contains(&choice) {
        return Err(NotAChoice { kind, choice });
    }
    Ok(match choice {
        Choice::ItHappened => Consequence::SettleApplied,
        Choice::ItDidNot => Consequence::SettleNotApplied,
        Choice::Continue | Choice::Chosen(_) => Consequence::Resume,
        Choice::RunAgain => Consequence::Restart,
        Choice::Repair => Consequence::Repair,
        Choice::Approve if kind == Kind::Confirm => Consequence::Accept,
        Choice::Refuse if kind == Kind::Confirm => Consequence::Decline,
        Choice::Approve => Consequence::Approve,
        Choice::Refuse => Consequence::Refuse,
        Choice::Stop => Consequence::EndRun,
        Choice::Dismiss => Consequence::Close,
    })
}

/// A stored or sent name that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not known here")]
pub struct UnknownName(pub String);

impl FromStr for Kind {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| UnknownName(text.to_owned()))
    }
}

impl FromStr for Choice {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|choice| choice.as_str() == text).ok_or_else(|| UnknownName(text.to_owned()))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_offered_choices_are_taken_and_a_held_run_can_always_go_on_or_end() {
        for kind in Kind::ALL {
            for choice in Choice::ALL {
                assert_eq!(answer(kind, choice).is_ok(), kind.choices().contains(&choice), "{kind} {choice}");
            }
            assert_eq!(kind.choices().contains(&Choice::Stop), kind.holds_run(), "{kind}");
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
    }
}
