//! The life of a run: its states, what moves it, and what each move makes happen.

mod step;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use step::{Event, IllegalTransition, State, WaitsFor, step};

/// The state's name, as rows, events and people know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waits for its turn.
    Queued,
    /// An attempt is alive.
    Running,
    /// Sleeps on a row.
    Waiting,
    /// Ended as its script wanted.
    Succeeded,
    /// Ended otherwise.
    Failed,
    /// Ended by a person.
    Stopped,
    /// Left out: another run of its automation was under way, and the contract says so. It never began.
    Skipped,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 7] =
        [Self::Queued, Self::Running, Self::Waiting, Self::Succeeded, Self::Failed, Self::Stopped, Self::Skipped];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Skipped => "skipped",
        }
    }

    /// Whether nothing more happens to the run.
    pub const fn is_over(self) -> bool {
        match self {
            Self::Queued | Self::Running | Self::Waiting => false,
            Self::Succeeded | Self::Failed | Self::Stopped | Self::Skipped => true,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Phase {
    type Err = crate::need::UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|phase| phase.as_str() == text)
            .ok_or_else(|| crate::need::UnknownName(text.to_owned()))
    }
}
