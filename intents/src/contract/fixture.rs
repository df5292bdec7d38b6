//! Tools and contracts for the tests of this crate.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Contract;
use crate::tool::{Definition, Identity, Kind, Name, Shape};

/// A contract that must parse.
pub(crate) fn contract(value: Value) -> Contract {
    Contract::from_value(&value, &vocabulary()).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// The tools that the tests speak of.
pub(crate) fn vocabulary() -> BTreeMap<Name, Definition> {
    [
        "http.get",
        "http.request",
        "email.send",
        "files.read",
        "files.write",
        "notify.user",
        "events.emit",
        "pay.send",
        "state.get",
        "state.set",
        "steward.sleep",
    ]
    .into_iter()
    .map(|name| (name.parse().unwrap(), definition(name)))
    .collect()
}

/// One of them.
pub(crate) fn definition(name: &str) -> Definition {
    let text = || json!({ "type": "string" });
    let (kind, properties) = match name {
        "http.get" => (
            Kind::Read,
            json!({
                "url": { "type": "string", "format": "uri" },
                "query": { "type": "object", "additionalProperties": {} },
                "headers": { "type": "object", "additionalProperties": text() }
            }),
        ),
        "http.request" => (
            Kind::Effect(Identity::Blind),
            json!({ "url": { "type": "string", "format": "uri" }, "method": text(), "body": {} }),
        ),
        "email.send" => {
            let people = json!({ "type": ["string", "array"], "items": text() });
            (
                Kind::Effect(Identity::Queryable { absent_after_ms: 1000, window_ms: 86_400_000 }),
                json!({ "to": people, "cc": people, "subject": text(), "text": text() }),
            )
        }
        "files.read" => (Kind::Read, json!({ "folder": text(), "path": text() })),
        "files.write" => (Kind::Effect(Identity::Natural), json!({ "folder": text(), "path": text(), "text": text() })),
        "notify.user" | "events.emit" => {
            (Kind::Effect(Identity::Keyed { window_ms: 86_400_000 }), json!({ "text": text(), "name": text() }))
        }
        "pay.send" => (
            Kind::Effect(Identity::Blind),
            json!({ "amount": { "type": "number" }, "lines": { "type": "array", "items": { "$ref": "#/$defs/line" } } }),
        ),
        _ => (Kind::Read, json!({})),
    };
    Definition {
        name: name.parse().unwrap(),
        version: 1,
        summary: name.to_owned(),
        kind,
        shape: Shape::BuiltIn,
        arguments: json!({
            "type": "object", "properties": properties, "additionalProperties": false,
            "$defs": { "line": { "type": "object", "properties": { "text": text() } } }
        }),
        result: json!({}),
        errors: Vec::new(),
        scopes: Vec::new(),
        rate_limit: None,
        cost_micro_usd: 0,
        redacted: Vec::new(),
        label: None,
        leaves_machine: matches!(name.split('.').next(), Some("http" | "email" | "pay")),
        sink: match name.split('.').next() {
            Some("http") => Some("http:{/url#host}".to_owned()),
            Some("email") => Some("mail:{/to#domain}".to_owned()),
            Some(_) | None => None,
        },
        data: name.starts_with("http.").then(|| "/json".parse().unwrap()),
        connects_at: name.starts_with("http.").then(|| "/url".parse().unwrap()),
        timeout_ms: 1000,
        example: json!({}),
    }
}
