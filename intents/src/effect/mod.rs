//! Once, or ask: what an effect is identified by, and what a further call under the same key may do.

mod admission;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical::{self, Digest};
use crate::id::AutomationId;
use crate::tool::Name;

pub use admission::{Admission, Claim, Gap, Prior, admit};

/// The named parts, taken from the data, under which an effect happens once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(BTreeMap<String, Value>);

/// Why parts make no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedKey {
    /// Not an object.
    #[error("an effect key is an object of named parts, such as {{ invoice: \"A-17\" }}")]
    NotAnObject,
    /// A part that two executions could spell in two ways, or that says nothing.
    #[error("the part `{0}` of an effect key is no text, number or boolean, or is empty")]
    Part(String),
    /// Too long to be a name for something.
    #[error("an effect key has at most {PARTS_MAX} parts and {BYTES_MAX} bytes")]
    TooLong,
}

/// More parts are no name for one thing.
pub const PARTS_MAX: usize = 8;
/// Longer keys are data, not names.
pub const BYTES_MAX: usize = 1024;

impl Key {
    /// Reads a key from what a script gave.
    pub fn parse(value: &Value) -> Result<Self, MalformedKey> {
        let Value::Object(members) = value else { return Err(MalformedKey::NotAnObject) };
        if members.is_empty() {
            return Err(MalformedKey::NotAnObject);
        }
        let parts: BTreeMap<_, _> = members.iter().map(|(name, part)| (name.clone(), part.clone())).collect();
        for (name, part) in &parts {
            let sound = match part {
                Value::String(text) => !text.is_empty(),
                Value::Number(_) | Value::Bool(_) => true,
                Value::Null | Value::Array(_) | Value::Object(_) => false,
            };
            if !sound {
                return Err(MalformedKey::Part(name.clone()));
            }
        }
        let key = Self(parts);
        if key.0.len() > PARTS_MAX || key.canonical().len() > BYTES_MAX {
            return Err(MalformedKey::TooLong);
        }
        Ok(key)
    }

    /// The key of an effect that needs none: the run's own call, counted anew when the run starts afresh.
    pub fn of_call(run: crate::id::RunId, generation: u32, call: u32) -> Self {
        Self(BTreeMap::from([
            ("call".to_owned(), Value::from(call)),
            ("generation".to_owned(), Value::from(generation)),
            ("run".to_owned(), Value::from(run.to_string())),
        ]))
    }

    /// The names of the parts, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The canonical text.
    pub fn canonical(&self) -> String {
        canonical::to_string(&self.to_value())
    }

    /// The parts as a JSON object.
    pub fn to_value(&self) -> Value {
        Value::Object(self.0.clone().into_iter().collect())
    }

    /// The identity of the effect: unique over runs, attempts and versions.
    pub fn identity(&self, automation: AutomationId, tool: &Name) -> Digest {
        Digest::of_parts(
            "steward effect 1",
            &[automation.to_string().as_bytes(), tool.as_str().as_bytes(), self.canonical().as_bytes()],
        )
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, part)) in self.0.iter().enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            match part {
                Value::String(text) => write!(f, "{separator}{name}={text}")?,
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    write!(f, "{separator}{name}={part}")?;
                }
            }
        }
        Ok(())
    }
}

/// What is known about an effect. Only `Applied` is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// On its way; nothing is known yet.
    Started,
    /// It happened.
    Applied,
    /// It is proven that it did not happen; the key is free.
    NotApplied,
    /// Nobody knows; the key is blocked until it is settled.
    Uncertain,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Started, Self::Applied, Self::NotApplied, Self::Uncertain];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Applied => "applied",
            Self::NotApplied => "not_applied",
            Self::Uncertain => "uncertain",
        }
    }

    /// Whether the state of an effect may become `next`.
    pub const fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Started, Self::Applied | Self::NotApplied | Self::Uncertain)
            | (Self::Uncertain, Self::Applied | Self::NotApplied | Self::Started)
            | (Self::NotApplied, Self::Started) => true,
            (Self::Started, Self::Started)
            | (Self::Uncertain, Self::Uncertain)
            | (Self::NotApplied, Self::NotApplied | Self::Applied | Self::Uncertain)
            | (Self::Applied, Self::Started | Self::Applied | Self::NotApplied | Self::Uncertain) => false,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = crate::need::UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| crate::need::UnknownName(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Timestamp;

    #[test]
    fn a_key_names_one_thing_in_one_way() {
        let automation = AutomationId::from_parts(Timestamp::EPOCH, 1);
        let tool: Name = "email.send".parse().unwrap();
        let one = Key::parse(&json!({ "stage": "14d", "invoice": 7 })).unwrap();
        let other_order = Key::parse(&json!({ "invoice": 7.0, "stage": "14d" })).unwrap();
        let text = Key::parse(&json!({ "invoice": "7", "stage": "14d" })).unwrap();
        assert_eq!(one.identity(automation, &tool), other_order.identity(automation, &tool));
        assert_ne!(one.identity(automation, &tool), text.identity(automation, &tool));
        assert_eq!(one.to_string(), "invoice=7, stage=14d");
    }

    #[test]
    fn parts_that_name_nothing_are_refused() {
        for value in [json!(null), json!([]), json!({}), json!({ "a": null }), json!({ "a": "" }), json!({ "a": [1] })]
        {
            assert!(Key::parse(&value).is_err(), "{value}");
        }
        assert_eq!(Key::parse(&json!({ "a": "x".repeat(2000) })), Err(MalformedKey::TooLong));
    }

    #[test]
    fn applied_is_final() {
        for next in State::ALL {
            assert!(!State::Applied.may_become(next));
        }
    }
}
