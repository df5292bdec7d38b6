//! What the hub can say no to.

use intents::failure::Class;

/// Why a room is not streamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There are as many listeners as there may be.
    #[error("{most} streams are open, and there may be no more; close one and try again")]
    Full {
        /// How many there may be.
        most: usize,
    },
}

impl Error {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Full { .. } => "LISTENERS_FULL",
        }
    }

    /// What a caller may do about it.
    pub const fn class(&self) -> Class {
        match self {
            Self::Full { .. } => Class::Transient,
        }
    }
}
