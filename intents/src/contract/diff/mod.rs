//! What a new contract changes, clause by clause, and whether it allows anything that the old one did not.
//!
//! The diff is sound: what is not provably narrower is said to widen. So whenever nothing widens, every call that the
//! new contract allows without asking is one that the old contract allows without asking. What widens needs the user's
//! confirmation.

mod bounds;
mod capabilities;
mod imply;
mod rest;

use std::fmt;

use super::Contract;
use super::phrase::visible;

/// What a change means for what may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// It changes nothing of it.
    Neutral,
    /// Less may happen, or more is asked about.
    Narrows,
    /// More may happen, or less is asked about; or it cannot be shown that it does not.
    Widens,
}

/// One clause that is another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What it means.
    pub direction: Direction,
    /// Which part of the contract: `capabilities`, `limits`…
    pub part: &'static str,
    /// The old clause in plain words; none when it is new.
    pub old: Option<String>,
    /// The new clause in plain words; none when it is gone.
    pub new: Option<String>,
    /// Why it is what it is, where the words alone do not say.
    pub why: Option<&'static str>,
}

/// Every clause that is another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diff {
    /// The changes, in the order of the contract.
    pub changes: Vec<Change>,
}

impl Diff {
    /// What the whole means: the widest of its changes; none when nothing is changed.
    pub fn direction(&self) -> Option<Direction> {
        self.changes.iter().map(|change| change.direction).max()
    }

    /// Whether it needs the user's confirmation.
    pub fn widens(&self) -> bool {
        self.direction() == Some(Direction::Widens)
    }

    fn add(&mut self, direction: Direction, part: &'static str, old: Option<String>, new: Option<String>) {
        self.changes.push(Change { direction, part, old, new, why: None });
    }
}

/// One line for each change, and what they mean together.
impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            let Change { direction, part, old, new, why } = change;
            let words = match (old, new) {
                (Some(old), Some(new)) => format!("{} → {}", visible(old), visible(new)),
                (Some(old), None) => format!("gone: {}", visible(old)),
                (None, Some(new)) => format!("new: {}", visible(new)),
                (None, None) => String::new(),
            };
            writeln!(f, "  {:<8} {part:<13} {words}{}", direction.as_str(), why.unwrap_or_default())?;
        }
        match self.direction() {
            None => writeln!(f, "Nothing changes."),
            Some(Direction::Neutral | Direction::Narrows) => writeln!(f, "Nothing more may happen than before."),
            Some(Direction::Widens) => writeln!(f, "More may happen, or happen unasked, than before."),
        }
    }
}

/// Compares two contracts.
pub fn diff(old: &Contract, new: &Contract) -> Diff {
    let mut diff = Diff::default();
    rest::texts(old, new, &mut diff);
    rest::triggers(old, new, &mut diff);
    capabilities::capabilities(old, new, &mut diff);
    rest::once(old, new, &mut diff);
    bounds::limits(old, new, &mut diff);
    bounds::approvals(old, new, &mut diff);
    bounds::expectations(old, new, &mut diff);
    rest::budgets(old, new, &mut diff);
    diff
}

impl Direction {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Narrows => "narrows",
            Self::Widens => "widens",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
