//! What a model is asked for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a model is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A conversation with a person.
    Chat,
    /// The making of an automation.
    Planner,
    /// A call of a script.
    Script,
    /// The repair of a script.
    Maintainer,
    /// Whether a provider answers.
    Test,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Chat, Self::Planner, Self::Script, Self::Maintainer, Self::Test];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Planner => "planner",
            Self::Script => "script",
            Self::Maintainer => "maintainer",
            Self::Test => "test",
        }
    }
}

/// A word that is no purpose.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no purpose of a model call")]
pub struct UnknownPurpose(pub String);

impl FromStr for Purpose {
    type Err = UnknownPurpose;

    fn from_str(text: &str) -> Result<Self, UnknownPurpose> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text).ok_or_else(|| UnknownPurpose(text.to_owned()))
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
