//! Masking in JSON values.

use serde_json::{Map, Value};

use super::Policy;
use super::check_digits::is_card;
use super::names::says_secret;
use super::text::{MASK, redact_text};
use crate::pointer::Pointer;

/// Deeper values are masked as a whole.
const DEPTH_MAX: usize = 128;

/// A copy of a value without secrets: the declared places, and everything that looks like one.
pub fn redact(value: &Value, declared: &[Pointer], policy: Policy) -> Value {
    let mut copy = value.clone();
    for pointer in declared {
        pointer.update(&mut copy, &mut |place| *place = masked(place, Masked::All, 0));
    }
    walk(&copy, policy, 0)
}

/// What of a value is masked.
#[derive(Clone, Copy)]
enum Masked {
    /// Everything: the place is declared.
    All,
    /// Texts and numbers: the name says that it holds a secret, and whether there is one is none.
    Named,
}

fn walk(value: &Value, policy: Policy, depth: usize) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        Value::Number(number) if is_card(&number.to_string()) => 0.into(),
        Value::Number(_) => value.clone(),
        Value::String(text) => redact_text(text, policy).into(),
        Value::Array(_) | Value::Object(_) if depth >= DEPTH_MAX => MASK.into(),
        Value::Array(items) => items.iter().map(|item| walk(item, policy, depth + 1)).collect(),
        Value::Object(members) => {
            let mut copy = Map::new();
            for (name, member) in members {
                let member = if says_secret(name) {
                    masked(member, Masked::Named, depth + 1)
                } else {
                    walk(member, policy, depth + 1)
                };
                copy.insert(free_name(&copy, redact_text(name, policy)), member);
            }
            Value::Object(copy)
        }
    }
}

/// Two names may become one when they are masked; each member stays.
fn free_name(taken: &Map<String, Value>, name: String) -> String {
    if !taken.contains_key(&name) {
        return name;
    }
    let numbered = (2..).map(|number| format!("{name} {number}"));
    numbered.into_iter().find(|candidate| !taken.contains_key(candidate)).unwrap_or(name)
}

fn masked(value: &Value, what: Masked, depth: usize) -> Value {
    match (value, what) {
        (Value::Null, _) | (Value::Bool(_), Masked::Named) => value.clone(),
        (Value::Bool(_), Masked::All) => false.into(),
        (Value::Number(_), _) => 0.into(),
        (Value::String(_), _) => MASK.into(),
        (Value::Array(_) | Value::Object(_), _) if depth >= DEPTH_MAX => MASK.into(),
        (Value::Array(items), what) => items.iter().map(|item| masked(item, what, depth + 1)).collect(),
        (Value::Object(members), what) => {
            Value::Object(members.iter().map(|(name, member)| (name.into(), masked(member, what, depth + 1))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn shape_stays_and_secrets_go() {
        let value = json!({
            "to": "ann@example.com",
            "auth": { "user": "bob", "password": "hunter2", "pin": 1234, "has_password": true },
            "headers": { "Authorization": "Bearer abc", "Accept": "text/html" },
            "lines": [{ "text": "token=abc123" }, { "text": null }],
            "account": { "number": 42, "active": true, "notes": ["a", "b"] }
        });
        let copy = redact(&value, &["/account".parse().unwrap()], Policy::Secrets);
        assert_eq!(
            copy,
            json!({
                "to": "ann@example.com",
                "auth": { "user": "[redacted]", "password": "[redacted]", "pin": 0, "has_password": true },
                "headers": { "Authorization": "[redacted]", "Accept": "text/html" },
                "lines": [{ "text": "token=[redacted]" }, { "text": null }],
                "account": { "number": 0, "active": false, "notes": ["[redacted]", "[redacted]"] }
            })
        );
    }

    #[test]
    fn people_in_names_go_too_and_no_member_is_lost() {
        let value = json!({ "ann@example.com": 1, "bob@example.com": 2 });
        assert_eq!(redact(&value, &[], Policy::People), json!({ "[redacted]": 1, "[redacted] 2": 2 }));
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            Just(json!(4_111_111_111_111_111u64)),
            prop::sample::select(vec!["password=abc", "ann@example.com", "GB82 WEST 1234 5698 7654 32", "plain"])
                .prop_map(Value::from),
            "\\PC{0,10}".prop_map(Value::from),
        ];
        let names = prop_oneof![
            prop::sample::select(vec!["password", "a", "ann@example.com", "bob@example.com", "[redacted] 2"])
                .prop_map(str::to_owned),
            "\\PC{0,5}"
        ];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(names.clone(), inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn kind(value: &Value) -> u8 {
        match value {
            Value::Null => 0,
            Value::Bool(_) => 1,
            Value::Number(_) => 2,
            Value::String(_) => 3,
            Value::Array(items) => 4 + items.len() as u8,
            Value::Object(members) => 20 + members.len() as u8,
        }
    }

    proptest! {
        #[test]
        fn twice_is_once_and_kinds_stay(
            value in values(), policy in prop::sample::select(vec![Policy::Secrets, Policy::People]),
        ) {
            let declared = ["/a".parse().unwrap(), "/*/password".parse().unwrap()];
            let once = redact(&value, &declared, policy);
            prop_assert_eq!(kind(&once), kind(&value));
            prop_assert_eq!(&redact(&once, &declared, policy), &once);
            prop_assert!(!once.to_string().contains("4111111111111111"));
        }
    }
}
