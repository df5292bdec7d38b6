//! The format: read, written, published.

use proptest::prelude::*;
use serde_json::json;

use super::{payments, reminders};
use crate::contract::{Contract, ContractV1, fixture, json_schema};

#[test]
fn text_that_is_no_contract_is_refused() {
    let codes = |text: &str| -> Vec<_> {
        Contract::parse(text, &fixture::vocabulary()).unwrap_err().iter().map(|problem| problem.code).collect()
    };
    assert_eq!(codes("{"), ["CONTRACT_NOT_JSON"]);
    assert_eq!(codes(r#"{"title":"a","title":"b"}"#), ["CONTRACT_NOT_JSON"]);
    assert_eq!(codes("[]"), ["CONTRACT_TYPE"]);
    assert_eq!(codes("{}"), ["CONTRACT_KEY_MISSING"; 4]);
    assert_eq!(codes(&" ".repeat(300 * 1024)), ["CONTRACT_TOO_LARGE"]);
    assert!(
        codes(&format!("{{{}}}", (0..500).map(|n| format!("\"k{n}\":1")).collect::<Vec<_>>().join(","))).len() <= 100
    );
}

#[test]
fn a_contract_written_out_is_the_same_contract() {
    let contract = fixture::contract(reminders());
    let value = contract.to_value();
    assert_eq!(fixture::contract(value.clone()), contract);
    let edge: ContractV1 = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(edge).unwrap(), value);
    let mut other_spelling = reminders();
    other_spelling["triggers"][0]["schedule"] = json!(" 0  9 * * 1-5");
    other_spelling["triggers"][4]["overlap"] = json!("queue");
    other_spelling["limits"][1]["rate"]["window"] = json!("24h");
    assert_eq!(fixture::contract(other_spelling).digest(), contract.digest());
    let mut other = reminders();
    other["limits"][1]["rate"]["max"] = json!(41);
    assert_ne!(fixture::contract(other).digest(), contract.digest());
}

#[test]
fn the_contract_of_the_design_is_a_contract() {
    let contract = fixture::contract(payments());
    let value = contract.to_value();
    assert_eq!(fixture::contract(value.clone()), contract);
    // What was left out is written: the zone of the schedule, and the label of the connection.
    assert_eq!(value["limits"][2]["quiet_hours"]["tz"], "Europe/Rome");
    assert_eq!(value["limits"][3]["flow"]["from"], "conn:books");
    let format = jsonschema::validator_for(&json_schema()).unwrap();
    assert!(format.is_valid(&payments()) && format.is_valid(&value));
}

#[test]
fn the_published_format_is_closed_and_explains_itself() {
    let schema = json_schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["additionalProperties"], false);
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        assert!(definition["description"].is_string(), "{name} has no description");
        let is_object = definition["type"] == "object";
        assert!(!is_object || definition["additionalProperties"] == false, "{name} is open");
        for (member, schema) in definition["properties"].as_object().into_iter().flatten() {
            assert!(schema.get("description").is_some() || schema.get("$ref").is_some(), "{name}.{member}");
        }
    }
}

#[test]
fn the_published_format_takes_what_the_parser_takes() {
    let format = jsonschema::validator_for(&json_schema()).unwrap();
    assert!(format.is_valid(&reminders()));
    assert!(format.is_valid(&fixture::contract(reminders()).to_value()));
    for (pointer, change) in [
        ("/triggers/4/manual", json!(false)),
        ("/triggers/0", json!({ "schedule": "0 9 * * *" })),
        ("/triggers/0", json!({ "event": "a", "manual": true })),
        ("/capabilities/0/where", json!({ "/url": { "equals": "a", "prefix": "b" } })),
        ("/capabilities/0/where", json!({ "/url": { "equals": [] } })),
        ("/once/0/per", json!([])),
        ("/limits/0/else", json!("drop")),
        ("/limits/0/rate/window", json!("soon")),
        ("/limits/0", json!({ "flow": { "from": "http:*", "to": [] }, "else": "ask" })),
        ("/limits/0", json!({ "quiet_hours": { "tool": "email.send", "from": "8", "to": "9:00" }, "else": "ask" })),
        ("/capabilities/0", json!({ "tool": "http.get", "connection": "books" })),
        ("/capabilities/0", json!({ "tool": "http.get", "bind": { "inv": { "row_of": "http.get" } } })),
    ] {
        let mut value = reminders();
        *value.pointer_mut(pointer).unwrap() = change;
        assert!(!format.is_valid(&value), "{pointer}");
    }
}

proptest! {
    #[test]
    fn no_value_at_all_breaks_the_parser(
        place in prop::sample::select(vec![
            "/title", "/triggers/0", "/triggers/1/file", "/capabilities/1/where", "/capabilities/1/where/~1to",
            "/once/0/per", "/limits/0/rate", "/expect/0/runs",
        ]),
        other in prop::sample::select(vec![
            "/capabilities/1/bind", "/capabilities/1/bind/inv", "/capabilities/1/where/~1to", "/capabilities/1/fresh_for",
            "/capabilities/0/connection", "/limits/2/quiet_hours", "/limits/3/flow", "/limits/3/flow/to", "/approvals/0",
            "/approvals/0/when", "/approvals/1/first", "/budgets", "/budgets/model_cost_per_month",
        ]),
        junk in prop::sample::select(vec![
            json!(null), json!([]), json!({}), json!(-1), json!(1.5), json!(""), json!("x"), json!([[]]),
            json!({ "": {} }), json!({ "/~": [] }),
        ]),
    ) {
        for (mut value, place) in [(reminders(), place), (payments(), other)] {
            *value.pointer_mut(place).unwrap() = junk.clone();
            if let Err(problems) = Contract::from_value(&value, &fixture::vocabulary()) {
                prop_assert!(!problems.is_empty());
            }
        }
    }
}
