//! Why a lease lets something not through, and how leases end.

use std::fmt;

use intents::run::Phase;

/// How a lease has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    /// The run was not to run after all.
    NotReady,
    /// Nothing was heard of the holder for too long.
    Expired,
    /// The token that the holder came with was revoked.
    Revoked,
    /// The holder gave the run back, or was told that it may try again later.
    GivenBack,
    /// The attempt was stopped from our side.
    Stopped,
    /// The run sleeps.
    Asleep,
    /// The run has ended.
    Ended {
        /// As what.
        phase: Phase,
        /// The code and the words of its failure.
        failure: Option<(String, String)>,
    },
    /// Another run has changed the same state: the run begins afresh.
    Overtaken,
    /// Something went wrong on our side; the run waits for its turn again.
    Broken,
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReady => f.write_str("the run is not to run now"),
            Self::Expired => {
                f.write_str("nothing was heard of its holder for too long; another holder may have the run")
            }
            Self::Revoked => f.write_str("the token that it was taken with was revoked"),
            Self::GivenBack => f.write_str("the run was given back"),
            Self::Stopped => f.write_str("the run was stopped"),
            Self::Asleep => f.write_str("the run sleeps; it can be claimed again when it wakes"),
            Self::Ended { phase, failure: None } => write!(f, "the run has ended: {phase}"),
            Self::Ended { phase, failure: Some((code, message)) } => {
                write!(f, "the run has ended: {phase}, {code}: {message}")
            }
            Self::Overtaken => f.write_str("another run changed the same state, so the run begins afresh"),
            Self::Broken => f.write_str("something went wrong in Steward; the run can be claimed again"),
        }
    }
}

/// Why a lease lets something not through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is over.
    Over(Over),
    /// It is about to be over: the run is being ended, put to sleep or given back.
    Ending,
    /// The holder has not said that it begins.
    NotStarted,
    /// The engine has made another call under this name.
    CallDiffers {
        /// The name.
        id: String,
    },
    /// The engine has made no call under this name.
    CallUnknown {
        /// The name.
        id: String,
    },
    /// The engine has made another mark under this name.
    StepDiffers {
        /// The name.
        id: String,
    },
    /// The run has as many marks as it may.
    StepsFull,
    /// More is under way than one holder may have at once.
    Busy,
}
