//! How much a need matters: by it needs are listed, and by it the quiet hours are broken or kept.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use super::{Kind, UnknownName};

/// How much a need matters, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Good to know.
    Low,
    /// Something does not go on.
    Normal,
    /// Something happened, or may happen, that only a person can tell or allow.
    High,
    /// Steward itself is not well: the disk is full, its record was changed, a part of it has stopped.
    Urgent,
}

impl Priority {
    /// Every priority, the least first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Urgent];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }

    /// A number that grows with the priority, for rows that are sorted by it.
    pub const fn rank(self) -> i64 {
        match self {
            Self::Low => 1,
            Self::Normal => 2,
            Self::High => 3,
            Self::Urgent => 4,
        }
    }

    /// The priority of a number.
    pub fn of_rank(rank: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.rank() == rank)
    }
}

/// Judges a need by its kind and by what is known about it.
pub fn priority(kind: Kind, evidence: &Value) -> Priority {
    match kind {
        // What is about a run holds up that run; what is not is about the whole installation.
        Kind::Internal if evidence.get("failure").is_none() => Priority::Urgent,
        Kind::Settle | Kind::Approve | Kind::Reconnect | Kind::Internal => Priority::High,
        // Single files that cannot be read: the trigger goes on with all others.
        Kind::Trigger if evidence.get("files").is_some() => Priority::Low,
        Kind::Repair
        | Kind::Grant
        | Kind::Confirm
        | Kind::Decide
        | Kind::Unavailable
        | Kind::Trigger
        | Kind::Silence => Priority::Normal,
        Kind::Limit => Priority::Low,
    }
}

impl FromStr for Priority {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|priority| priority.as_str() == text).ok_or_else(|| UnknownName(text.to_owned()))
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_only_a_person_can_tell_comes_before_what_merely_stands_still() {
        let of = |kind| priority(kind, &json!({ "failure": {} }));
        assert_eq!(of(Kind::Settle), Priority::High);
        assert!(of(Kind::Approve) > of(Kind::Repair) && of(Kind::Repair) > of(Kind::Limit));
        assert_eq!(priority(Kind::Internal, &json!({ "free_bytes": 0 })), Priority::Urgent);
        assert_eq!(of(Kind::Internal), Priority::High, "one run is not the whole installation");
        assert_eq!(priority(Kind::Trigger, &json!({ "folder": "in" })), Priority::Normal);
        assert_eq!(priority(Kind::Trigger, &json!({ "folder": "in", "files": [] })), Priority::Low);
    }

    #[test]
    fn names_and_ranks_are_read_back_and_sort_alike() {
        for priority in Priority::ALL {
            assert_eq!(priority.as_str().parse(), Ok(priority));
            assert_eq!(Priority::of_rank(priority.rank()), Some(priority));
        }
        assert!(Priority::ALL.is_sorted() && Priority::ALL.is_sorted_by_key(|priority| priority.rank()));
    }
}
