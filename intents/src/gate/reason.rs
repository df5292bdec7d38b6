//! Why a call may not be made.

use std::fmt;

use crate::failure::Class;

/// Why a call may not be made. Shown to the user and the maintainer, never to the outside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// Stable, with a page in `docs/errors`.
    pub code: &'static str,
    /// The clause in plain words, or what the call lacks.
    pub words: String,
}

pub(super) const TOOL_NOT_GRANTED: &str = "GATE_TOOL_NOT_GRANTED";
pub(super) const CONDITION_FAILED: &str = "GATE_CONDITION_FAILED";
pub(super) const NO_ROW: &str = "GATE_NO_ROW";
pub(super) const ROWS_TOO_MANY: &str = "GATE_ROWS_TOO_MANY";
pub(super) const KEY_MISSING: &str = "GATE_KEY_MISSING";
pub(super) const KEY_PARTS: &str = "GATE_KEY_PARTS";
pub(super) const KEY_UNEXPECTED: &str = "GATE_KEY_UNEXPECTED";
pub(super) const FLOW: &str = "GATE_FLOW";
pub(super) const AMOUNT: &str = "GATE_AMOUNT";

/// Every code that a refusal has, with its meaning.
pub const CODES: &[(&str, &str)] = &[
    (TOOL_NOT_GRANTED, "no capability of the contract grants the tool"),
    (CONDITION_FAILED, "an argument does not fit the condition of the clause that grants the tool"),
    (NO_ROW, "no row that the run has read fits the call as the clause that grants the tool says"),
    (ROWS_TOO_MANY, "the run has read more rows than one call is compared with"),
    (KEY_MISSING, "the effect has no key that says of what it is the effect"),
    (KEY_PARTS, "the effect's key has other parts than the contract names"),
    (KEY_UNEXPECTED, "the call has a key, and its tool takes none"),
    (FLOW, "the run has read data that may not go where the call takes it"),
    (AMOUNT, "what a limit adds up is not a number, is negative, or is missing"),
];

impl Reason {
    /// What a caller may do about it: change the script where its key is wrong, the contract where more is wanted.
    pub fn class(&self) -> Class {
        match self.code {
            TOOL_NOT_GRANTED | CONDITION_FAILED | NO_ROW | FLOW => Class::Permission,
            ROWS_TOO_MANY => Class::Limit,
            _ => Class::Logic,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.words)
    }
}
