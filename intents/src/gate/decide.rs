//! Whether one call may be made.

use std::fmt;

use serde_json::Value;

use super::RateToCount;
use super::rate::rates_to_count;
use crate::contract::{Capability, Contract, DeclaredIdentity};
use crate::effect::Key;
use crate::failure::Class;
use crate::tool::Definition;

/// What the gate says about a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict<'c> {
    /// It may be made, unless a rate is full.
    Allow {
        /// The clause that allows it.
        clause: Clause,
        /// The rates that it counts against.
        rates: Vec<RateToCount>,
        /// How the contract says that the effect can be known to have happened.
        identity: Option<&'c DeclaredIdentity>,
    },
    /// It may not be made.
    Deny {
        /// Why; never empty.
        reasons: Vec<Reason>,
    },
}

/// The clause that allows a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// Its place among the contract's capabilities; none for what every script may use.
    pub capability: Option<usize>,
    /// The clause in plain words. Journals keep them.
    pub words: String,
}

/// Why a call may not be made. Shown to the user and the maintainer, never to the outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Stable, with a page in `docs/errors`.
    pub code: &'static str,
    /// The clause in plain words, or what the call lacks.
    pub words: String,
}

const TOOL_NOT_GRANTED: &str = "GATE_TOOL_NOT_GRANTED";
const CONDITION_FAILED: &str = "GATE_CONDITION_FAILED";
const KEY_MISSING: &str = "GATE_KEY_MISSING";
const KEY_PARTS: &str = "GATE_KEY_PARTS";
const KEY_UNEXPECTED: &str = "GATE_KEY_UNEXPECTED";

/// Every code that a refusal has, with its meaning.
pub const CODES: &[(&str, &str)] = &[
    (TOOL_NOT_GRANTED, "no capability of the contract grants the tool"),
    (CONDITION_FAILED, "an argument does not fit the condition of the clause that grants the tool"),
    (KEY_MISSING, "the effect has no key that says of what it is the effect"),
    (KEY_PARTS, "the effect's key has other parts than the contract names"),
    (KEY_UNEXPECTED, "the call has a key, and its tool takes none"),
];

impl Reason {
    /// What a caller may do about it: change the script where its key is wrong, the contract where more is wanted.
    pub fn class(&self) -> Class {
        match self.code {
            TOOL_NOT_GRANTED | CONDITION_FAILED => Class::Permission,
            _ => Class::Logic,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.words)
    }
}

/// Decides on a call with these canonical arguments and this effect key.
pub fn decide<'c>(
    contract: &'c Contract,
    definition: &Definition,
    arguments: &Value,
    key: Option<&Key>,
) -> Verdict<'c> {
    let tool = &definition.name;
    if tool.is_host_tool() {
        let clause = Clause { capability: None, words: format!("Every script may use {tool}.") };
        return Verdict::Allow { clause, rates: Vec::new(), identity: None };
    }
    let granting: Vec<_> =
        contract.capabilities().iter().enumerate().filter(|(_, capability)| capability.tool == *tool).collect();
    if granting.is_empty() {
        return deny(TOOL_NOT_GRANTED, format!("No clause of the contract lets the script use {tool}."));
    }
    let Some((index, capability)) = granting.iter().find(|(_, capability)| capability.failing(arguments).is_empty())
    else {
        // Only the places are named: what stands there is the script's data.
        let reason = |(_, capability): &(usize, &Capability)| Reason {
            code: CONDITION_FAILED,
            words: format!(
                "{} This call fails at `{}`.",
                capability.words(),
                capability.failing(arguments).join("`, `")
            ),
        };
        return Verdict::Deny { reasons: granting.iter().map(reason).collect() };
    };
    if let Err(reason) = key_fits(contract, definition, key) {
        return Verdict::Deny { reasons: vec![reason] };
    }
    Verdict::Allow {
        clause: Clause { capability: Some(*index), words: capability.words() },
        rates: rates_to_count(contract, definition, arguments),
        identity: capability.identity.as_ref(),
    }
}

/// Whether a read may go on to another address, as a redirect asks: whether the same call to that address would pass.
pub fn allows_redirect(contract: &Contract, definition: &Definition, arguments: &Value, to: &str) -> bool {
    let mut redirected = arguments.clone();
    let Some(url) = redirected.get_mut("url") else { return false };
    *url = to.into();
    match decide(contract, definition, &redirected, None) {
        Verdict::Allow { .. } => !definition.is_effect(),
        Verdict::Deny { .. } => false,
    }
}

fn deny<'c>(code: &'static str, words: String) -> Verdict<'c> {
    Verdict::Deny { reasons: vec![Reason { code, words }] }
}

fn key_fits(contract: &Contract, definition: &Definition, key: Option<&Key>) -> Result<(), Reason> {
    let tool = &definition.name;
    let reason = |code, words| Err(Reason { code, words });
    if !definition.takes_key() {
        return match key {
            None => Ok(()),
            Some(_) => reason(KEY_UNEXPECTED, format!("A call of {tool} takes no effect key; this one has a key.")),
        };
    }
    let Some(once) = contract.once_of(tool) else {
        // The tool was another when the contract was parsed.
        return reason(KEY_MISSING, format!("No clause of the contract says under which key {tool} happens once."));
    };
    let mut wanted: Vec<_> = once.per.iter().map(|part| part.as_str()).collect();
    wanted.sort_unstable();
    match key {
        None => reason(KEY_MISSING, format!("{} This call has no key.", once.words())),
        // Names of a key are sorted and unique already.
        Some(key) if key.names().eq(wanted.iter().copied()) => Ok(()),
        Some(_) => reason(KEY_PARTS, format!("{} This call's key has other parts.", once.words())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::contract::fixture;

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
        match decide(&contract, &definition, &arguments, key.as_ref()) {
            Verdict::Allow { clause, .. } => Ok(clause.capability),
            Verdict::Deny { reasons } => Err(reasons.iter().map(|reason| reason.code).collect()),
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
        let Verdict::Deny { reasons } = decide(&contract, &definition, &json!({ "url": "https://evil.example" }), None)
        else {
            panic!("another host was allowed")
        };
        expect_test::expect![[r"GATE_CONDITION_FAILED: May read web pages only at addresses under https://books.example/api. This call fails at `/url`."]]
            .assert_eq(&reasons[0].to_string());
    }

    #[test]
    fn a_redirect_stays_within_the_clause() {
        let (contract, definition) = (contract(), fixture::definition("http.get"));
        let from = json!({ "url": "https://books.example/api/a" });
        assert!(allows_redirect(&contract, &definition, &from, "https://books.example/api/b"));
        assert!(!allows_redirect(&contract, &definition, &from, "https://evil.example/api/b"));
        assert!(!allows_redirect(&contract, &definition, &json!({}), "https://books.example/api/b"));
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
            match decide(&contract, &definition, &arguments, key.as_ref()) {
                Verdict::Allow { clause: Clause { capability: Some(index), words }, .. } => {
                    let capability = &contract.capabilities()[index];
                    prop_assert_eq!(capability.tool.as_str(), tool);
                    prop_assert!(capability.failing(&arguments).is_empty() && !words.is_empty());
                    prop_assert_eq!(key.is_some(), definition.takes_key());
                }
                Verdict::Allow { clause: Clause { capability: None, .. }, .. } => {
                    prop_assert!(definition.name.is_host_tool());
                }
                Verdict::Deny { reasons } => {
                    prop_assert!(!reasons.is_empty());
                    prop_assert!(reasons.iter().all(|reason| CODES.iter().any(|(code, _)| *code == reason.code)));
                }
            }
        }
    }
}
