//! The tools that the cases speak of.

use std::collections::BTreeMap;

use intents::tool::{Definition, Identity, Kind, Name, Shape};
use serde_json::{Value, json};

pub(crate) type Tools = BTreeMap<Name, Definition>;

pub(crate) fn tools() -> Tools {
    ["http.get", "email.send", "pay.send", "files.write", "model.ask"]
        .into_iter()
        .map(|name| (name.parse().unwrap(), definition(name)))
        .collect()
}

fn definition(name: &str) -> Definition {
    let text = || json!({ "type": "string" });
    let pointer = |text: &str| Some(text.parse().unwrap());
    let web = name == "http.get";
    let (kind, properties) = match name {
        "http.get" => (
            Kind::Read,
            json!({ "url": { "type": "string", "format": "uri" }, "query": { "type": "object", "additionalProperties": {} } }),
        ),
        "email.send" => {
            let people = json!({ "type": ["string", "array"], "items": text() });
            (
                Kind::Effect(Identity::Queryable { absent_after_ms: 1000, window_ms: 86_400_000 }),
                json!({ "to": people, "cc": people, "subject": text(), "text": text() }),
            )
        }
        "pay.send" => {
            let amount = json!({ "type": "number" });
            (
                Kind::Effect(Identity::Blind),
                json!({
                    "to": text(), "amount": amount,
                    "lines": { "type": "array", "items": { "type": "object", "properties": { "amount": amount } } }
                }),
            )
        }
        "files.write" => (Kind::Effect(Identity::Natural), json!({ "folder": text(), "path": text(), "text": text() })),
        _ => (Kind::Read, json!({ "text": text() })),
    };
    Definition {
        name: name.parse().unwrap(),
        version: 1,
        summary: name.to_owned(),
        kind,
        shape: Shape::BuiltIn,
        arguments: json!({ "type": "object", "properties": properties, "additionalProperties": false }),
        result: if web {
            json!({ "type": "object", "properties": { "status": {}, "json": {} } })
        } else {
            Value::Bool(true)
        },
        errors: Vec::new(),
        scopes: Vec::new(),
        rate_limit: None,
        cost_micro_usd: if name == "model.ask" { 50_000 } else { 0 },
        redacted: Vec::new(),
        label: None,
        leaves_machine: name != "files.write",
        sink: match name {
            "http.get" => Some("http:{/url#host}".to_owned()),
            "email.send" => Some("mail:{/to#domain}".to_owned()),
            _ => None,
        },
        data: if web { pointer("/json") } else { None },
        connects_at: if web { pointer("/url") } else { None },
        timeout_ms: 1000,
        example: json!({}),
    }
}
