//! What a call counts as.

use std::collections::BTreeSet;

use serde_json::Value;

use super::count::{Beyond, Counter};
use super::reason::{AMOUNT, Reason};
use crate::amount::Amount;
use crate::canonical::{self, Digest};
use crate::contract::{Contract, Excess, Limit, MONTH, Rate, Sum, alike, bare_address};
use crate::pointer::Pointer;
use crate::tool::{Definition, Name};

/// The counters of the contract's limits and budgets that a call counts against.
pub(super) fn counters(
    contract: &Contract,
    definition: &Definition,
    arguments: &Value,
) -> Result<Vec<Counter>, Vec<Reason>> {
    let (mut counters, mut reasons) = (Vec::new(), Vec::new());
    for limit in contract.limits().iter().filter(|limit| limit.tool() == Some(&definition.name)) {
        match limit {
            Limit::Rate { rate, beyond } => counters.push(of_rate(limit, rate, *beyond, arguments)),
            Limit::Sum { sum, beyond } => match of_sum(limit, sum, *beyond, arguments) {
                Ok(counter) => counters.push(counter),
                Err(reason) => reasons.push(reason),
            },
            Limit::Quiet { .. } | Limit::Flow(_) => {}
        }
    }
    counters.extend(of_cost(contract, definition));
    if reasons.is_empty() { Ok(counters) } else { Err(reasons) }
}

fn of_rate(limit: &Limit, rate: &Rate, excess: Excess, arguments: &Value) -> Counter {
    Counter {
        subjects: subjects("steward rate 2", &rate.tool, None, rate.per.as_ref(), arguments),
        amount: Amount::ONE,
        max: Amount::whole(rate.max),
        window: Some(rate.window.duration()),
        beyond: beyond(limit, excess),
    }
}

fn of_sum(limit: &Limit, sum: &Sum, excess: Excess, arguments: &Value) -> Result<Counter, Reason> {
    let unfit = |why: String| Reason { code: AMOUNT, words: format!("{} {why}", limit.words()) };
    let amounts = sum.of.every(arguments).and_then(|values| {
        values.into_iter().map(|value| value.as_number().and_then(Amount::rounded_up)).collect::<Option<Vec<_>>>()
    });
    let Some(amounts) = amounts else {
        return Err(unfit(format!("This call has no such amount at `{}`.", sum.of)));
    };
    let amount = amounts.into_iter().fold(Amount::ZERO, Amount::plus);
    if amount > sum.max && excess == Excess::Wait {
        return Err(unfit("This call alone is beyond it, however long it waits.".to_owned()));
    }
    Ok(Counter {
        subjects: subjects("steward sum 1", &sum.tool, Some(&sum.of), sum.per.as_ref(), arguments),
        amount,
        max: sum.max,
        window: Some(sum.window.duration()),
        beyond: beyond(limit, excess),
    })
}

/// A tool that costs something counts against the budget; beyond it a person is asked.
fn of_cost(contract: &Contract, definition: &Definition) -> Option<Counter> {
    let max = contract.budgets().model_cost_per_month?;
    let cost = i64::try_from(definition.cost_micro_usd).ok().and_then(Amount::from_millionths).unwrap_or(max);
    (cost > Amount::ZERO).then(|| Counter {
        subjects: vec![cost_subject()],
        amount: cost,
        max,
        window: Some(MONTH.duration()),
        beyond: Beyond::Limit {
            excess: Excess::Ask,
            words: contract.budgets().cost_words().unwrap_or_default(),
            subject: cost_subject(),
        },
    })
}

/// What all costs of an automation count as.
pub fn cost_subject() -> Digest {
    Digest::of_parts("steward cost 1", &[])
}

fn beyond(limit: &Limit, excess: Excess) -> Beyond {
    Beyond::Limit { excess, words: limit.words(), subject: limit.subject() }
}

/// What a call counts as. Neither the bound nor the window is a part of it, so that a contract that changes them forgets
/// no call.
fn subjects(domain: &str, tool: &Name, of: Option<&Pointer>, per: Option<&Pointer>, arguments: &Value) -> Vec<Digest> {
    let text = |pointer: Option<&Pointer>| pointer.map(ToString::to_string).unwrap_or_default();
    let (of, place) = (text(of), text(per));
    let subject = |value: &str| {
        Digest::of_parts(domain, &[tool.as_str().as_bytes(), of.as_bytes(), place.as_bytes(), value.as_bytes()])
    };
    let Some(pointer) = per else { return vec![subject("")] };
    // Who gets a copy is a recipient too.
    let places = std::iter::once(pointer.clone()).chain(alike(tool, pointer));
    let found: Vec<_> = places.flat_map(|place| place.select(arguments)).collect();
    let values = found.into_iter().flat_map(|value| match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![value],
    });
    let texts: BTreeSet<String> = values.map(spelling).collect();
    // A clause about an absent path applies: all such calls count together.
    if texts.is_empty() { vec![subject("null")] } else { texts.iter().map(|text| subject(text)).collect() }
}

/// One spelling for each subject. A mail address counts without the name before it and without regard to capitals, so
/// that `Ann <Ann@example.com>` is no second recipient.
fn spelling(value: &Value) -> String {
    match value.as_str().and_then(|text| bare_address(text.trim())) {
        Some(address) => canonical::to_string(&Value::String(address.to_lowercase())),
        None => canonical::to_string(value),
    }
}
