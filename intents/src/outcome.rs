//! What a call leads to: what the script may see, and what only the host does.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::Class;

/// What a call gives to the script. Everything else ends, suspends or settles on the host's side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The result, in the shape of the tool's result schema.
    Value(Value),
    /// The service's domain answer was no; the script may catch it.
    Refused(Refusal),
    /// A limiting clause of the contract left the call out. The script sees `{ skipped: true, clause }`.
    Skipped {
        /// The clause, in plain words.
        clause: String,
    },
}

/// A domain answer that a script may catch: not found, conflict, rejected with a reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// One of the codes that the tool declares.
    pub code: String,
    /// What was refused, in words.
    pub message: String,
    /// More, where the service said more.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

/// Why a call gave nothing that a script may see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What a caller may do about it.
    pub class: Class,
    /// A stable code with a page in `docs/errors`.
    pub code: String,
    /// What failed. Holds no secret and no data of the script.
    pub message: String,
    /// How long the service asked to wait, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Failure {
    /// Makes a failure without a wish of the service to wait.
    pub fn new(class: Class, code: &str, message: impl Into<String>) -> Self {
        Self { class, code: code.to_owned(), message: message.into(), retry_after_ms: None }
    }
}
