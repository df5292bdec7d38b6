//! What went wrong, and what is to be done about it.

mod breaker;
mod codes;
mod route;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use breaker::Breaker;
pub use route::{Budget, Evidence, Route, TransientPolicy, route};

/// What a caller may do about an error. Errors are classified where they arise; messages are never parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// May go away by itself.
    Transient,
    /// The script does not fit the world.
    Logic,
    /// The credentials are refused and cannot be refreshed.
    Auth,
    /// The credentials are good but do not allow this, or the gate denied it.
    Permission,
    /// It was sent, and nobody knows whether it was done.
    Uncertain,
    /// A limit was broken.
    Limit,
    /// The script took another way than its journal.
    Nondeterminism,
    /// Our bug.
    Internal,
    /// Nobody classified it.
    Unknown,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 9] = [
        Self::Transient,
        Self::Logic,
        Self::Auth,
        Self::Permission,
        Self::Uncertain,
        Self::Limit,
        Self::Nondeterminism,
        Self::Internal,
        Self::Unknown,
    ];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Logic => "logic",
            Self::Auth => "auth",
            Self::Permission => "permission",
            Self::Uncertain => "uncertain",
            Self::Limit => "limit",
            Self::Nondeterminism => "nondeterminism",
            Self::Internal => "internal",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Class {
    type Err = UnknownClass;

    fn from_str(text: &str) -> Result<Self, UnknownClass> {
        Self::ALL.into_iter().find(|class| class.as_str() == text).ok_or_else(|| UnknownClass(text.to_owned()))
    }
}

/// A stored class that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no class of failure")]
pub struct UnknownClass(pub String);
