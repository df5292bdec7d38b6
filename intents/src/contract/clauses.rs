//! The clauses of a contract, parsed: what they hold cannot be wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::{Condition, DeclaredIdentity, Trigger};
use crate::expect::Expect;
use crate::pointer::Pointer;
use crate::time::Span;
use crate::tool::Name;

/// What the user delegated. Made by [`Contract::parse`] alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    pub(super) title: String,
    pub(super) goal: String,
    pub(super) triggers: Vec<Trigger>,
    pub(super) capabilities: Vec<Capability>,
    pub(super) once: Vec<Once>,
    pub(super) limits: Vec<Limit>,
    pub(super) expect: Vec<Expect>,
}

/// A tool that the script may use, and for what.
#[derive(Debug, Clone, PartialEq)]
pub struct Capability {
    /// The tool.
    pub tool: Name,
    /// What must hold for the arguments of each call.
    pub conditions: BTreeMap<Pointer, Condition>,
    /// How its effects can be known to have happened, where the tool itself cannot say.
    pub identity: Option<DeclaredIdentity>,
}

/// The named parts under which an effect of a tool happens once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// The tool.
    pub tool: Name,
    /// The parts, as the contract lists them; unique.
    pub per: Vec<PartName>,
}

/// A bound on how often something happens, and what becomes of the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// The bound.
    pub rate: Rate,
    /// What becomes of calls beyond it.
    pub beyond: Excess,
}

/// So many calls in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// The tool whose calls count.
    pub tool: Name,
    /// The argument whose values are counted apart; without one all calls count together.
    pub per: Option<Pointer>,
    /// The most calls in any window.
    pub max: u32,
    /// The length of the window.
    pub window: Span,
}

/// What becomes of a call beyond a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// It waits until there is room.
    Wait,
    /// It is left out; the script sees that.
    Skip,
    /// The user is asked.
    Ask,
}

/// The name of a part of an effect key: `invoice`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartName(String);

/// Longer names are sentences.
const PART_NAME_MAX: usize = 32;

impl Contract {
    /// The title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What the user wants, in words.
    pub fn goal(&self) -> &str {
        &self.goal
    }

    /// What starts runs.
    pub fn triggers(&self) -> &[Trigger] {
        &self.triggers
    }

    /// What the script may use.
    pub fn capabilities(&self) -> &[Capability] {
        &self.capabilities
    }

    /// Under which keys effects happen once.
    pub fn once(&self) -> &[Once] {
        &self.once
    }

    /// The parts of the key of a tool's effects.
    pub fn once_of(&self, tool: &Name) -> Option<&Once> {
        self.once.iter().find(|once| once.tool == *tool)
    }

    /// The bounds on how often things happen.
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// What is expected to happen.
    pub fn expect(&self) -> &[Expect] {
        &self.expect
    }
}

impl PartName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PartName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sound = text.len() <= PART_NAME_MAX
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if sound {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "the name of a part starts with a lower-case letter and has at most {PART_NAME_MAX} letters, digits \
                 and `_`"
            ))
        }
    }
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Excess {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Wait, Self::Skip, Self::Ask];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Skip => "skip",
            Self::Ask => "ask",
        }
    }
}
