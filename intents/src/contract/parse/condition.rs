//! Conditions on arguments.

use serde_json::Value;

use super::common::{COUNT_MAX, TEXT_MAX};
use crate::canonical;
use crate::contract::address::Address;
use crate::contract::read::{Node, Problems, echo};
use crate::contract::{AddressPrefix, Comparison, Condition, Pattern, Prefix, Shape, bare_address, problem, schema};
use crate::pointer::Pointer;
use crate::tool::Definition;

/// Values to choose from in one condition.
const ONE_OF_MAX: usize = 256;

pub(super) fn condition(
    node: &Node<'_>,
    definition: &Definition,
    place: &Pointer,
    problems: &mut Problems,
) -> Option<Condition> {
    const KEYS: [&str; 8] =
        ["equals", "one_of", "prefix", "contains", "matches", "greater_than", "less_than", "at_most_length"];
    let members = node.members(&KEYS, problems)?;
    let stated: Vec<_> = KEYS.into_iter().filter_map(|key| members.maybe(key).map(|value| (key, value))).collect();
    let [(key, value)] = stated.as_slice() else {
        let list = KEYS.map(|key| format!("`{key}`")).join(", ");
        problems.add(problem::CONDITION_MALFORMED, &node.at, format!("a condition has exactly one of {list}"));
        return None;
    };
    let mut shape = schema::shape(definition, place);
    let comparison = match *key {
        "equals" => Comparison::Equals(scalar(value, problems)?),
        "one_of" => Comparison::OneOf(one_of(value, problems)?),
        "prefix" => {
            let text = value.text(TEXT_MAX, problems)?;
            if text.starts_with("http://") || text.starts_with("https://") {
                shape = Shape::Address;
            }
            Comparison::Prefix(prefix(text, shape, value, problems)?)
        }
        "contains" => Comparison::Contains(value.text(TEXT_MAX, problems)?.to_owned()),
        "matches" => {
            let pattern = Pattern::parse(value.text(TEXT_MAX, problems)?);
            let pattern = pattern.map_err(|reason| problems.add(problem::PATTERN_MALFORMED, &value.at, reason));
            Comparison::Matches(pattern.ok()?)
        }
        "greater_than" => Comparison::GreaterThan(number(value, problems)?),
        "less_than" => Comparison::LessThan(number(value, problems)?),
        _ => Comparison::AtMostLength(value.count(COUNT_MAX, problems)?),
    };
    if let Some(needed) = schema::misfit(&comparison, &schema::argument(definition, place)) {
        let message = format!("this can never hold: the argument is never a {needed}");
        problems.add(problem::CONDITION_UNFIT, &value.at, message);
        return None;
    }
    constants_have_the_shape(&comparison, shape, value, problems);
    Some(Condition { comparison, shape })
}

/// A constant that no argument of the shape can be would make a condition that never holds.
fn constants_have_the_shape(comparison: &Comparison, shape: Shape, node: &Node<'_>, problems: &mut Problems) {
    let constants = match comparison {
        Comparison::Equals(value) => std::slice::from_ref(value),
        Comparison::OneOf(values) => values.as_slice(),
        Comparison::Prefix(_)
        | Comparison::Contains(_)
        | Comparison::Matches(_)
        | Comparison::GreaterThan(_)
        | Comparison::LessThan(_)
        | Comparison::AtMostLength(_) => &[],
    };
    for text in constants.iter().filter_map(Value::as_str) {
        let wrong = match shape {
            Shape::Plain => None,
            Shape::Address => Address::parse(text).err().map(|error| error.to_string()),
            Shape::Mailbox => bare_address(text).is_none().then(|| "it is no plain mail address".to_owned()),
        };
        if let Some(wrong) = wrong {
            problems.add(problem::ADDRESS_MALFORMED, &node.at, format!("`{}`: {wrong}", echo(text)));
        }
    }
}

fn prefix(text: &str, shape: Shape, node: &Node<'_>, problems: &mut Problems) -> Option<Prefix> {
    match shape {
        Shape::Plain | Shape::Mailbox => Some(Prefix::Text(text.to_owned())),
        Shape::Address => AddressPrefix::parse(text)
            .map(Prefix::Address)
            .map_err(|error| {
                let message = format!("`{}`: {error}; write it like `https://books.example/api`", echo(text));
                problems.add(problem::ADDRESS_MALFORMED, &node.at, message);
            })
            .ok(),
    }
}

fn one_of(node: &Node<'_>, problems: &mut Problems) -> Option<Vec<Value>> {
    let items = node.items(ONE_OF_MAX, problems);
    let values: Vec<_> = items.iter().filter_map(|item| scalar(item, problems)).collect();
    if node.value.as_array().is_some_and(Vec::is_empty) {
        problems.add(problem::EMPTY, &node.at, "nothing is one of none; list at least one value");
    }
    for (index, value) in values.iter().enumerate() {
        if values[..index].contains(value) {
            problems.add(problem::DUPLICATE, &format!("{}/{index}", node.at), "this value is listed before");
        }
    }
    (!values.is_empty()).then_some(values)
}

fn scalar(node: &Node<'_>, problems: &mut Problems) -> Option<Value> {
    match node.value {
        Value::Null | Value::Bool(_) => Some(node.value.clone()),
        Value::Number(_) => number(node, problems).map(|_| node.value.clone()),
        // An empty text is a value like any other here.
        Value::String(text) if text.is_empty() => Some(node.value.clone()),
        Value::String(_) => node.text(TEXT_MAX, problems).map(|_| node.value.clone()),
        Value::Array(_) | Value::Object(_) => {
            node.wrong_type("a text, number, boolean or null", problems);
            None
        }
    }
}

fn number(node: &Node<'_>, problems: &mut Problems) -> Option<f64> {
    let Value::Number(number) = node.value else {
        node.wrong_type("a number", problems);
        return None;
    };
    if !canonical::is_exact(&number.to_string()) {
        problems.add(problem::VALUE, &node.at, "no script can hold this number exactly; use a text or a rounder one");
        return None;
    }
    number.as_f64()
}
