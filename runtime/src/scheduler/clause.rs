//! Reads single clauses of a stored contract.
//!
//! What is stored was parsed whole when it came in. Reading a clause again needs none of the tools that the rest of
//! its contract speaks of, so it works whatever connectors this server has.

use intents::contract::{Contract, Expect, Problem, Trigger, parse_exact};
use intents::tool::Definition;
use serde_json::{Value, json};

/// Why a stored clause is not understood: this version of Steward does not know its form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotUnderstood(String);

impl NotUnderstood {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// The trigger of a stored row.
pub(crate) fn trigger(body: &str) -> Result<Trigger, NotUnderstood> {
    let contract = carrier(json!([value(body)?]), json!([]))?;
    contract.triggers().first().cloned().ok_or_else(|| NotUnderstood::new("it states no trigger"))
}

/// The expectations of a stored contract, in its order.
pub(super) fn expectations(contract: &str) -> Result<Vec<Expect>, NotUnderstood> {
    let expect = value(contract)?.get("expect").cloned().unwrap_or_else(|| json!([]));
    Ok(carrier(json!([{ "manual": true }]), expect)?.expect().to_vec())
}

/// A contract of nothing but the given clauses.
fn carrier(triggers: Value, expect: Value) -> Result<Contract, NotUnderstood> {
    let whole = json!({ "title": "-", "goal": "-", "triggers": triggers, "capabilities": [], "expect": expect });
    let problems = |problems: Vec<Problem>| {
        let texts: Vec<_> = problems.iter().map(Problem::to_string).collect();
        NotUnderstood::new(texts.join("; "))
    };
    Contract::from_value(&whole, &Vec::<Definition>::new()).map_err(problems)
}

fn value(text: &str) -> Result<Value, NotUnderstood> {
    parse_exact(text).map_err(|error| NotUnderstood::new(error.reason()))
}

#[cfg(test)]
mod tests {
    use intents::contract::Source;

    use super::*;

    #[test]
    fn clauses_are_read_without_the_tools_of_their_contract() {
        let read = trigger(r#"{"schedule":"0 9 * * 1-5","tz":"Europe/Rome","useful_for":"6h"}"#).unwrap();
        assert!(matches!(read.source, Source::Schedule { .. }) && read.useful_for.is_some());
        let contract =
            r#"{"title":"t","capabilities":[{"tool":"unheard.of"}],"expect":[{"runs":{"per":"1d","at_least":2}}]}"#;
        assert_eq!(expectations(contract).unwrap()[0].at_least, 2);
        assert_eq!(expectations("{}").unwrap(), []);
    }

    #[test]
    fn what_is_not_understood_says_why() {
        for body in ["", "{", "[]", r#"{"schedule":"0 9 * * *"}"#, r#"{"moon":"full"}"#] {
            assert!(!trigger(body).unwrap_err().to_string().is_empty(), "{body}");
        }
    }
}
