//! Where a repair stands.

use std::fmt;
use std::str::FromStr;

/// Where a repair stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It waits for its turn: others fail in the same way, and one is looked at first.
    Queued,
    /// The maintainer works on it.
    Working,
    /// A candidate waits for the person's yes: it does something else than past runs did.
    Confirming,
    /// It is live, and the next runs are watched.
    Watching,
    /// It is live, and has proved good.
    Kept,
    /// It was taken back by itself: a run failed under it.
    RolledBack,
    /// A person took it back.
    Undone,
    /// The maintainer could not do it: a need says what was tried.
    GivenUp,
    /// The automation became another meanwhile, or is gone: there is nothing to repair.
    Dropped,
}

/// A word that is no state of a repair.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no state of a repair")]
pub struct UnknownState(pub String);

impl State {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Working,
        Self::Confirming,
        Self::Watching,
        Self::Kept,
        Self::RolledBack,
        Self::Undone,
        Self::GivenUp,
        Self::Dropped,
    ];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Working => "working",
            Self::Confirming => "confirming",
            Self::Watching => "watching",
            Self::Kept => "kept",
            Self::RolledBack => "rolled_back",
            Self::Undone => "undone",
            Self::GivenUp => "given_up",
            Self::Dropped => "dropped",
        }
    }

    /// Whether runs that failed in the same way wait for what becomes of it.
    pub const fn is_open(self) -> bool {
        match self {
            Self::Queued | Self::Working | Self::Confirming => true,
            Self::Watching | Self::Kept | Self::RolledBack | Self::Undone | Self::GivenUp | Self::Dropped => false,
        }
    }

    /// Whether its script is in force, and can be taken back.
    pub const fn is_live(self) -> bool {
        match self {
            Self::Watching | Self::Kept => true,
            Self::Queued
            | Self::Working
            | Self::Confirming
            | Self::RolledBack
            | Self::Undone
            | Self::GivenUp
            | Self::Dropped => false,
        }
    }

    /// Whether it was tried and did not help: the same failure is not tried again at once.
    pub const fn has_failed(self) -> bool {
        match self {
            Self::RolledBack | Self::Undone | Self::GivenUp => true,
            Self::Queued | Self::Working | Self::Confirming | Self::Watching | Self::Kept | Self::Dropped => false,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| UnknownState(text.to_owned()))
    }
}
