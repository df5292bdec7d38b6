//! What the host can do wrong, or what can go wrong on its side.

use std::io;

use intents::failure::Class;

use crate::report::ScriptFailure;

/// Why the sandbox did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The warm process could not be started.
    #[error("the sandbox's process could not be started")]
    Spawn {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no warm process, and none came up in time.
    #[error("the sandbox's process does not come up")]
    Unavailable,
    /// The attempt is over.
    #[error("the attempt is over")]
    Over,
    /// The process of the attempt could not be reached.
    #[error("the sandbox's process could not be reached")]
    Io {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What the host wants to give to the script is longer than it may be.
    #[error("{what} is longer than the {limit} bytes that a script may be given")]
    TooLong {
        /// What it is.
        what: &'static str,
        /// How long it may be.
        limit: u64,
    },
    /// A number that no double holds exactly: it would reach the script rounded.
    #[error("the number at `{path}` is held exactly by no double; it must reach the script as text")]
    Inexact {
        /// Where it is, as a JSON pointer.
        path: String,
    },
    /// An answer to a call that is not waiting for one.
    #[error("call {call} does not wait for an answer")]
    NotInFlight {
        /// The number of the call.
        call: u32,
    },
    /// The script is unsound.
    #[error("{0}")]
    Script(Box<ScriptFailure>),
}

impl Error {
    /// The stable code, with a page in `docs/errors`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Spawn { .. } => "SANDBOX_NOT_STARTED",
            Self::Unavailable => "SANDBOX_UNAVAILABLE",
            Self::Over => "SANDBOX_OVER",
            Self::Io { .. } => "SANDBOX_IO",
            Self::TooLong { .. } => "SANDBOX_TOO_LONG",
            Self::Inexact { .. } => "NUMBER_INEXACT",
            Self::NotInFlight { .. } => "SANDBOX_NOT_IN_FLIGHT",
            Self::Script(failure) => failure.code(),
        }
    }

    /// Says what a caller may do about it.
    pub fn class(&self) -> Class {
        match self {
            Self::Spawn { .. } | Self::Over | Self::Io { .. } | Self::NotInFlight { .. } | Self::Unavailable => {
                Class::Internal
            }
            Self::TooLong { .. } => Class::Limit,
            Self::Inexact { .. } | Self::Script(_) => Class::Logic,
        }
    }
}
