//! The definitions of the host's own tools.

use intents::need::OPTIONS_MAX;
use intents::tool::{Definition, Identity, Kind};
use serde_json::{Value, json};

use crate::Code;
use crate::schema::{answer, anything, definition, failure, object};

/// Tools that no contract has to grant: waiting, asking the person, and the automation's own small store.
pub const ALWAYS_GRANTED: [&str; 6] =
    ["steward.sleep", "steward.wait_for", "steward.ask", "state.get", "state.set", "state.delete"];

/// Enough for a cursor, a table of names, a digest.
const SMALL_JSON: &str = "Any JSON, at most 64 KiB.";

/// A wait is a row in the store, so it may be long: ten years, as long as any span of a contract.
const WAIT_MS_MAX: u64 = 10 * 366 * 24 * 3600 * 1000;

/// All of them.
pub fn definitions() -> Vec<Definition> {
    vec![notify_user(), emit(), sleep(), wait_for(), ask(), state_get(), state_set(), state_delete()]
}

/// The host writes these in the same transaction as the outcome, so whether they happened is never in doubt.
const WITHIN_OUR_STORE: Kind = Kind::Effect(Identity::Natural);

fn notify_user() -> Definition {
    Definition {
        arguments: object(
            json!({
                "title": { "type": "string", "minLength": 1, "maxLength": 200 },
                "text": { "type": "string", "maxLength": 10_000 },
                "level": { "type": "string", "enum": ["info", "warning", "error"] }
            }),
            &["title", "text"],
        ),
        errors: vec![failure(Code::ArgumentsInvalid)],
        example: json!({ "title": "Statement read", "text": "42 lines, 1,203.50 EUR in all.", "level": "info" }),
        ..definition("notify.user", "Tells the user something.", WITHIN_OUR_STORE)
    }
}

fn emit() -> Definition {
    Definition {
        arguments: object(json!({ "name": event_name(), "data": anything(SMALL_JSON) }), &["name"]),
        errors: vec![failure(Code::ArgumentsInvalid)],
        example: json!({ "name": "statement.read", "data": { "file": "2026-11.csv" } }),
        ..definition("events.emit", "Emits an event that other automations may start on.", WITHIN_OUR_STORE)
    }
}

fn sleep() -> Definition {
    Definition {
        arguments: object(
            json!({
                "ms": { "type": "integer", "minimum": 0, "description": "For this long." },
                "until_ms": { "type": "integer", "minimum": 0, "description": "Until this many milliseconds after 1970." }
            }),
            &[],
        ),
        errors: vec![failure(Code::ArgumentsInvalid)],
        timeout_ms: WAIT_MS_MAX,
        example: json!({ "ms": 3_600_000 }),
        ..definition("steward.sleep", "Waits, over restarts and for as long as it takes.", Kind::Read)
    }
}

fn wait_for() -> Definition {
    Definition {
        arguments: object(
            json!({ "event": event_name(), "until_ms": { "type": "integer", "minimum": 0 } }),
            &["event"],
        ),
        result: object(
            json!({ "name": { "type": "string" }, "data": anything("What the event carries.") }),
            &["name", "data"],
        ),
        errors: vec![answer("timed_out", "the event did not come until then"), failure(Code::ArgumentsInvalid)],
        label: Some("event:{/event}".to_owned()),
        timeout_ms: WAIT_MS_MAX,
        example: json!({ "event": "payment.received" }),
        ..definition("steward.wait_for", "Waits for an event; one that came since the run began counts.", Kind::Read)
    }
}

fn ask() -> Definition {
    Definition {
        arguments: object(
            json!({
                "question": { "type": "string", "minLength": 1, "maxLength": 200 },
                "options": {
                    "type": "array", "minItems": 2, "maxItems": OPTIONS_MAX, "uniqueItems": true,
                    "items": { "type": "string", "minLength": 1, "maxLength": 100 },
                    "description": "What the person chooses from; none is the name of an answer, such as `stop`."
                },
                "text": { "type": "string", "maxLength": 4000, "description": "What helps the person to decide." },
                "otherwise": { "type": "string", "description": "The option that counts when nobody decides in time." },
                "until_ms": { "type": "integer", "minimum": 0 }
            }),
            &["question", "options"],
        ),
        result: json!({ "type": "string", "description": "The option that the person chose." }),
        errors: vec![
            answer("undecided", "nobody decided in time, or the person left it open"),
            failure(Code::ArgumentsInvalid),
        ],
        timeout_ms: WAIT_MS_MAX,
        example: json!({ "question": "Which account pays INV-17?", "options": ["Giro", "Savings"] }),
        ..definition("steward.ask", "Asks the person, and waits for as long as it takes.", Kind::Read)
    }
}

fn state_get() -> Definition {
    Definition {
        arguments: object(json!({ "key": state_key() }), &["key"]),
        result: anything("The value, or null."),
        errors: vec![failure(Code::ArgumentsInvalid)],
        example: json!({ "key": "cursor" }),
        ..definition("state.get", "Reads from the automation's own store.", Kind::Read)
    }
}

fn state_set() -> Definition {
    Definition {
        arguments: object(json!({ "key": state_key(), "value": anything(SMALL_JSON) }), &["key", "value"]),
        errors: vec![failure(Code::ArgumentsInvalid)],
        example: json!({ "key": "cursor", "value": 17 }),
        ..definition("state.set", "Writes to the automation's own store, when the run succeeds.", Kind::Read)
    }
}

fn state_delete() -> Definition {
    Definition {
        arguments: object(json!({ "key": state_key() }), &["key"]),
        errors: vec![failure(Code::ArgumentsInvalid)],
        example: json!({ "key": "cursor" }),
        ..definition("state.delete", "Deletes from the automation's own store, when the run succeeds.", Kind::Read)
    }
}

fn event_name() -> Value {
    json!({ "type": "string", "pattern": "^[a-z][a-z0-9_.-]{0,99}$" })
}

fn state_key() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 200 })
}
