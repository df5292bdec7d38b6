//! What is wrong with a contract, each with a stable code and what to do about it.

use std::fmt;

use crate::failure::Class;

/// One thing that is wrong with a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Stable, with a page in `docs/errors`.
    pub code: &'static str,
    /// Where in the contract, as a JSON pointer.
    pub pointer: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Problem {
    /// What a caller may do about it: write another contract.
    pub const fn class(&self) -> Class {
        Class::Logic
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = if self.pointer.is_empty() { "/" } else { &self.pointer };
        write!(f, "{} at {at}: {}", self.code, self.message)
    }
}

impl std::error::Error for Problem {}

/// Declares each code once: as a constant, and in the list with its meaning.
macro_rules! codes {
    ($($name:ident: $meaning:literal),* $(,)?) => {
        $(pub(super) const $name: &str = concat!("CONTRACT_", stringify!($name));)*

        /// Every code that a contract's problems have, with its meaning.
        pub const CODES: &[(&str, &str)] = &[$((concat!("CONTRACT_", stringify!($name)), $meaning)),*];
    };
}

codes! {
    NOT_JSON: "the contract is no JSON text, or says one key twice",
    TOO_LARGE: "the contract, a list or a text in it is larger than the format allows",
    TYPE: "a value is not of the kind that its key takes",
    UNKNOWN_KEY: "the format has no such key",
    KEY_MISSING: "a key that the format needs is not there",
    EMPTY: "a text or list that must say something says nothing",
    VALUE: "a value is not one of those that its key takes",
    DUPLICATE: "the same trigger, clause or part is stated twice",
    TOOL_UNKNOWN: "there is no such tool",
    TOOL_ALWAYS_ALLOWED: "the tool needs no clause: every script may use it",
    TOOL_NOT_GRANTED: "a clause is about a tool that no capability grants",
    POINTER_MALFORMED: "a place in the arguments is not written as a JSON pointer",
    POINTER_UNKNOWN: "the tool's arguments have no such place",
    CONDITION_MALFORMED: "a condition does not state exactly one comparison",
    CONDITION_UNFIT: "a condition can never hold for an argument of that type",
    PATTERN_MALFORMED: "a pattern does not parse, or is too costly",
    ADDRESS_MALFORMED: "a web address is not written in its one plain form",
    GLOB_MALFORMED: "a file pattern does not parse",
    CRON_MALFORMED: "a schedule is no cron line",
    CRON_NEVER_FIRES: "a schedule names times that never come",
    TZ_UNKNOWN: "there is no such time zone",
    SPAN_MALFORMED: "a length of time is not written as one",
    USEFUL_FOR_MISSING: "making up for all missed times needs a bound",
    ONCE_MISSING: "an effect has no clause that says under which key it happens once",
    ONCE_UNFIT: "the tool takes no effect key",
    IDENTITY_UNFIT: "the tool takes no declared identity",
    ROW_UNKNOWN: "a condition speaks of a row that is not bound",
    BIND_UNFIT: "a bound row has no use, or comes from a tool that does not read",
    CONNECTION_UNFIT: "the tool uses no connection, or nothing says where its credential may go",
    LABEL_MALFORMED: "the origin of data is not written as a label",
    SINK_UNFIT: "data cannot leave the machine by that way",
    APPROVAL_UNFIT: "the tool needs no approval",
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_mean_something() {
        let unique: BTreeSet<_> = CODES.iter().map(|(code, _)| code).collect();
        assert_eq!(unique.len(), CODES.len());
        assert!(CODES.iter().all(|(code, meaning)| code.starts_with("CONTRACT_") && !meaning.is_empty()));
    }
}
