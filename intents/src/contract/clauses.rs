//! The whole contract, parsed: what it holds cannot be wrong.

use std::fmt;
use std::str::FromStr;

use super::{Approval, Budgets, Capability, Limit, Trigger};
use crate::expect::Expect;
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
    pub(super) approvals: Vec<Approval>,
    pub(super) expect: Vec<Expect>,
    pub(super) budgets: Budgets,
}

/// The named parts under which an effect of a tool happens once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// The tool.
    pub tool: Name,
    /// The parts, as the contract lists them; unique.
    pub per: Vec<PartName>,
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

    /// The bounds on what happens.
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// What a person says yes to before it happens.
    pub fn approvals(&self) -> &[Approval] {
        &self.approvals
    }

    /// What is expected to happen.
    pub fn expect(&self) -> &[Expect] {
        &self.expect
    }

    /// What may be spent.
    pub fn budgets(&self) -> &Budgets {
        &self.budgets
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
