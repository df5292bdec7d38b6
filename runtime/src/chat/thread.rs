//! A conversation.

use std::fmt;
use std::str::FromStr;

use intents::Timestamp;
use intents::id::{AutomationId, RoomId, ThreadId};

/// Whose turn it is in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ThreadState {
    /// The person's.
    Idle,
    /// The person's: a question was put to them.
    Asking,
    /// The planner's.
    Working,
    /// An answer was cut off: by the person, by a bound, by trouble, or by the end of the server. The person says whether
    /// to go on.
    CutOff,
}

/// A word that is no state of a thread.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no state of a thread")]
pub struct UnknownState(String);

impl ThreadState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Idle, Self::Asking, Self::Working, Self::CutOff];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Asking => "asking",
            Self::Working => "working",
            Self::CutOff => "cut_off",
        }
    }
}

impl fmt::Display for ThreadState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ThreadState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| UnknownState(text.to_owned()))
    }
}

/// A conversation, without what was said in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// Its id.
    pub id: ThreadId,
    /// Whose turn it is.
    pub state: ThreadState,
    /// How it began; none while nothing was said.
    pub title: Option<String>,
    /// The automation that came of it, or that it is about.
    pub automation: Option<AutomationId>,
    /// The number of its last step.
    pub step: i64,
    /// The number of its last message.
    pub seq: i64,
    /// How often its next step was given up and begun anew: a model call that nobody knows about is not made again under
    /// the same name.
    pub attempt: i64,
    /// The step after which the present allowance counts.
    pub allowance_step: i64,
    /// Since when it counts.
    pub allowance_at: Timestamp,
    /// Who began it.
    pub created_by: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}

impl Thread {
    /// The room of its events, and of what its model calls cost.
    pub fn room(&self) -> RoomId {
        room_of_thread(self.id)
    }
}

/// The room of a thread.
pub(crate) fn room_of_thread(thread: ThreadId) -> RoomId {
    RoomId::from_ulid(thread.ulid())
}
