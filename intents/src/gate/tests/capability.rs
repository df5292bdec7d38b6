//! Capabilities, keys and redirects.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{call, calm};
use crate::contract::{Contract, fixture};
use crate::effect::Key;
use crate::gate::reason::{CONDITION_FAILED, KEY_MISSING, KEY_PARTS, KEY_UNEXPECTED, TOOL_NOT_GRANTED};
use crate::gate::{CODES, Verdict, allows_redirect, decide};
use crate::label::Labels;

fn contract() -> Contract {
    fixture::contract(json!({
        "title": "Statements",
        "goal": "Mail each statement once.",
        "triggers": [{ "manual": true }],
        "capabilities": [
            { "tool": "http.get", "where": { "/url": { "prefix": "https://books.example/api" } } },
            { "tool": "email.send", "where": { "/to": { "equals": "ops@example.com" } } },
            { "tool": "email.send", "where": { "/to": { "one_of": ["a@example.com", "b@example.com"] }, "/subject": { "prefix": "Report" } } },
            { "tool": "files.write", "where": { "/folder": { "equals": "reports" } } }
        ],
        "once": [{ "tool": "email.send", "per": ["statement", "stage"] }],
        "limits": [{ "rate": { "tool": "email.send", "per": "/to", "max": 1, "window": "72h" }, "else": "skip" }]
    }))
}

fn key(value: Value) -> Option<Key> {
    Some(Key::parse(&value).unwrap())
}

fn decided(tool: &str, arguments: Value, key: Option<Key>) -> Result<Option<usize>, Vec<&'static str>> {
    let (contract, definition) = (contract(), fixture::definition(tool));
    match decide(&contract, &call(&definition, &arguments, key.as_ref()), &calm(&Labels::new())) {
        Verdict::Pass(passed) => Ok(passed.clause.capability),
        Verdict::Deny { reasons } => Err(reasons.iter().map(|reason| reason.code).collect()),
        other @ (Verdict::Stale { .. } | Verdict::NeedsFreshRead { .. }) => panic!("{other:?}"),
    }
}

#[test]
fn any_clause_of_the_tool_may_grant_the_call() {
    let statement = || key(json!({ "statement": "s1", "stage": "first" }));
    assert_eq!(decided("email.send", json!({ "to": ["ops@example.com"] }), statement()), Ok(Some(1)));
    assert_eq!(
        decided("email.send", json!({ "to": ["a@example.com"], "subject": "Report 1" }), statement()),
        Ok(Some(2))
    );
    let refused = decided("email.send", json!({ "to": ["a@example.com", "ops@example.com"] }), statement());
    assert_eq!(refused, Err(vec![CONDITION_FAILED, CONDITION_FAILED]));
    assert_eq!(decided("notify.user", json!({}), None), Err(vec![TOOL_NOT_GRANTED]));
}

#[test]
fn a_key_has_exactly_the_parts_that_the_contract_names() {
    let send = |key| decided("email.send", json!({ "to": ["ops@example.com"] }), key);
    assert!(send(key(json!({ "stage": "x", "statement": 1 }))).is_ok());
    assert_eq!(send(None), Err(vec![KEY_MISSING]));
    for parts in
        [json!({ "statement": 1 }), json!({ "statement": 1, "stage": 2, "more": 3 }), json!({ "a": 1, "b": 2 })]
    {
        assert_eq!(send(key(parts)), Err(vec![KEY_PARTS]));
    }
    assert!(decided("files.write", json!({ "folder": "reports" }), None).is_ok());
    assert_eq!(
        decided("files.write", json!({ "folder": "reports" }), key(json!({ "a": 1 }))),
        Err(vec![KEY_UNEXPECTED])
    );
    assert_eq!(
        decided("http.get", json!({ "url": "https://books.example/api" }), key(json!({ "a": 1 }))),
        Err(vec![KEY_UNEXPECTED])
    );
}

#[test]
fn what_the_host_offers_needs_no_clause() {
    assert_eq!(decided("state.get", json!({ "key": "x" }), None), Ok(None));
    assert_eq!(decided("steward.sleep", json!({}), key(json!({ "a": 1 }))), Ok(None));
}

#[test]
fn a_refusal_says_which_clause_and_which_place() {
    let (contract, definition) = (contract(), fixture::definition("http.get"));
    let arguments = json!({ "url": "https://evil.example" });
    let verdict = decide(&contract, &call(&definition, &arguments, None), &calm(&Labels::new()));
    let Verdict::Deny { reasons } = verdict else { panic!("another host was allowed") };
    expect_test::expect![[r"GATE_CONDITION_FAILED: May read web pages only at addresses under https://books.example/api. This call fails at `/url`."]]
        .assert_eq(&reasons[0].to_string());
}

#[test]
fn a_redirect_stays_within_the_clause() {
    let (contract, definition) = (contract(), fixture::definition("http.get"));
    let from = json!({ "url": "https://books.example/api/a" });
    let labels = Labels::new();
    let allows =
        |from: &Value, to: &str| allows_redirect(&contract, &call(&definition, from, None), &calm(&labels), to);
    assert!(allows(&from, "https://books.example/api/b"));
    assert!(!allows(&from, "https://evil.example/api/b"));
    assert!(!allows(&json!({}), "https://books.example/api/b"));
}

fn names() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["to", "cc", "url", "subject", "folder", "x"]).prop_map(str::to_owned)
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec![
            "ops@example.com",
            "a@example.com",
            "Report",
            "reports",
            "https://books.example/api/x",
            ""
        ])
        .prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(names(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

const TOOLS: [&str; 6] = ["http.get", "email.send", "files.write", "http.request", "notify.user", "state.set"];

proptest! {
    #[test]
    fn every_call_gets_a_verdict_and_every_refusal_a_reason(
        tool in prop::sample::select(TOOLS.to_vec()),
        arguments in values(),
        parts in prop::option::of(prop::sample::select(vec![
            json!({ "statement": 1, "stage": 2 }),
            json!({ "x": "y" }),
        ])),
    ) {
        let (contract, definition) = (contract(), fixture::definition(tool));
        let key = parts.map(|parts| Key::parse(&parts).unwrap());
        match decide(&contract, &call(&definition, &arguments, key.as_ref()), &calm(&Labels::new())) {
            Verdict::Pass(passed) => match passed.clause.capability {
                Some(index) => {
                    let capability = &contract.capabilities()[index];
                    prop_assert_eq!(capability.tool.as_str(), tool);
                    prop_assert!(capability.failing(&arguments).is_empty() && !passed.clause.words.is_empty());
                    prop_assert_eq!(key.is_some(), definition.takes_key());
                }
                None => prop_assert!(definition.name.is_host_tool()),
            },
            Verdict::Deny { reasons } => {
                prop_assert!(!reasons.is_empty());
                prop_assert!(reasons.iter().all(|reason| CODES.iter().any(|(code, _)| *code == reason.code)));
            }
            other @ (Verdict::Stale { .. } | Verdict::NeedsFreshRead { .. }) => panic!("{other:?}"),
        }
    }
}
