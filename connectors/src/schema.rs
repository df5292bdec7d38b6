//! Helpers to write definitions: short where all tools are alike, explicit where they differ.

use intents::failure::Class;
use intents::tool::{DeclaredError, Definition, Kind, Shape};
use serde_json::{Value, json};

use crate::Code;

/// A definition with what most tools have in common; each tool overrides what it does otherwise.
pub(crate) fn definition(name: &str, summary: &str, kind: Kind) -> Definition {
    Definition {
        name: name.parse().expect("the names of our own tools are well formed"),
        version: 1,
        summary: summary.to_owned(),
        kind,
        shape: Shape::BuiltIn,
        arguments: object(json!({}), &[]),
        result: json!({ "type": "null" }),
        errors: Vec::new(),
        scopes: Vec::new(),
        rate_limit: None,
        cost_micro_usd: 0,
        redacted: Vec::new(),
        label: None,
        leaves_machine: false,
        sink: None,
        data: None,
        connects_at: None,
        timeout_ms: 30_000,
        example: json!({}),
    }
}

/// The schema of an object that has these members and no others.
pub(crate) fn object(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// A failure that the script does not see and that proves that nothing was done.
pub(crate) fn failure(code: Code) -> DeclaredError {
    let class = code.class();
    DeclaredError {
        code: code.as_str().to_owned(),
        meaning: code.meaning().to_owned(),
        class: Some(class),
        proves_nothing_done: class != Class::Uncertain,
    }
}

/// A domain answer that the script may catch. For an effect it proves that nothing was done.
pub(crate) fn answer(code: &str, meaning: &str) -> DeclaredError {
    DeclaredError { code: code.to_owned(), meaning: meaning.to_owned(), class: None, proves_nothing_done: true }
}

/// The schema of any JSON, into which the pointers of a contract may reach as deep as they like.
pub(crate) fn anything(description: &str) -> Value {
    json!({ "description": description, "additionalProperties": true, "items": true })
}
