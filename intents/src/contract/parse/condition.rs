//! Conditions on arguments and on bound rows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::common::{COUNT_MAX, TEXT_MAX, argument};
use crate::canonical;
use crate::contract::address::Address;
use crate::contract::condition::Against;
use crate::contract::place::{Place, RowName, RowPlace};
use crate::contract::read::{Node, Problems, advice, echo};
use crate::contract::{AddressPrefix, Comparison, Condition, Pattern, Prefix, Shape, bare_address, problem, schema};
use crate::tool::Definition;

/// Values to choose from in one condition.
const ONE_OF_MAX: usize = 256;
/// Conditions of one clause.
const CONDITIONS_MAX: usize = 32;

/// Reads the conditions of a clause about calls of a tool, which may speak of these rows.
pub(super) fn conditions(
    node: Option<Node<'_>>,
    definition: &Definition,
    rows: &BTreeSet<RowName>,
    problems: &mut Problems,
) -> BTreeMap<Place, Condition> {
    let mut conditions = BTreeMap::new();
    let entries = node.map(|node| node.entries(CONDITIONS_MAX, problems)).unwrap_or_default();
    for (text, node) in entries {
        let place = match RowPlace::read(text) {
            Some(read) => row_place(read, &node.at, rows, problems).map(Place::Row),
            None => argument(text, &node.at, definition, problems).map(Place::Argument),
        };
        if let Some(place) = place
            && let Some(condition) = condition(&node, definition, &place, rows, problems)
        {
            conditions.insert(place, condition);
        }
    }
    conditions
}

fn row_place(
    read: Result<RowPlace, crate::contract::place::MalformedPlace>,
    at: &str,
    rows: &BTreeSet<RowName>,
    problems: &mut Problems,
) -> Option<RowPlace> {
    match read {
        Err(error) => problems.add(problem::POINTER_MALFORMED, at, echo(&error.to_string())),
        Ok(place) if rows.contains(&place.row) => return Some(place),
        Ok(place) => {
            let advice = advice(place.row.as_str(), rows.iter().map(RowName::as_str));
            let message = format!(
                "no row is bound as `{}`; {advice}bind it with \"bind\": {{ \"{}\": {{ \"row_of\": …, \"at\": … }} }}",
                place.row, place.row
            );
            problems.add(problem::ROW_UNKNOWN, at, message);
        }
    }
    None
}

fn condition(
    node: &Node<'_>,
    definition: &Definition,
    place: &Place,
    rows: &BTreeSet<RowName>,
    problems: &mut Problems,
) -> Option<Condition> {
    const KEYS: [&str; 9] =
        ["equals", "one_of", "same_as", "prefix", "contains", "matches", "greater_than", "less_than", "at_most_length"];
    let members = node.members(&KEYS, problems)?;
    let stated: Vec<_> = KEYS.into_iter().filter_map(|key| members.maybe(key).map(|value| (key, value))).collect();
    let [(key, value)] = stated.as_slice() else {
        let list = KEYS.map(|key| format!("`{key}`")).join(", ");
        problems.add(problem::CONDITION_MALFORMED, &node.at, format!("a condition has exactly one of {list}"));
        return None;
    };
    // What stands in a row has no schema of its own.
    let pointer = place.argument();
    let mut shape = pointer.map_or(Shape::Plain, |pointer| schema::shape(definition, pointer));
    let comparison = match *key {
        "equals" => Comparison::Equals(scalar(value, problems)?),
        "one_of" => Comparison::OneOf(one_of(value, problems)?),
        "same_as" => Comparison::AsRow(Against::Same, reference(value, place, rows, problems)?),
        "prefix" => match written_reference(value, place, rows, problems)? {
            Written::Row(row) => Comparison::AsRow(Against::Prefix, row),
            Written::Text(text) => {
                if text.starts_with("http://") || text.starts_with("https://") {
                    shape = Shape::Address;
                }
                Comparison::Prefix(prefix(text, shape, value, problems)?)
            }
        },
        "contains" => match written_reference(value, place, rows, problems)? {
            Written::Row(row) => Comparison::AsRow(Against::Contains, row),
            Written::Text(text) => Comparison::Contains(text.to_owned()),
        },
        "matches" => {
            let pattern = Pattern::parse(value.text(TEXT_MAX, problems)?);
            let pattern = pattern.map_err(|reason| problems.add(problem::PATTERN_MALFORMED, &value.at, reason));
            Comparison::Matches(pattern.ok()?)
        }
        "greater_than" if value.value.is_string() => {
            Comparison::AsRow(Against::Greater, reference(value, place, rows, problems)?)
        }
        "greater_than" => Comparison::GreaterThan(number(value, problems)?),
        "less_than" if value.value.is_string() => {
            Comparison::AsRow(Against::Less, reference(value, place, rows, problems)?)
        }
        "less_than" => Comparison::LessThan(number(value, problems)?),
        _ => Comparison::AtMostLength(value.count(COUNT_MAX, problems)?),
    };
    let alternatives = pointer.map(|pointer| schema::argument(definition, pointer)).unwrap_or_default();
    if let Some(needed) = schema::misfit(&comparison, &alternatives) {
        let message = format!("this can never hold: the argument is never a {needed}");
        problems.add(problem::CONDITION_UNFIT, &value.at, message);
        return None;
    }
    constants_have_the_shape(&comparison, shape, value, problems);
    Some(Condition { comparison, shape })
}

/// What a text in a condition stands for.
enum Written<'v> {
    Row(RowPlace),
    Text(&'v str),
}

/// A text that may be a constant or a place in a bound row. Where no row is bound, every text is a constant.
fn written_reference<'v>(
    node: &Node<'v>,
    place: &Place,
    rows: &BTreeSet<RowName>,
    problems: &mut Problems,
) -> Option<Written<'v>> {
    let text = node.text(TEXT_MAX, problems)?;
    match RowPlace::read(text) {
        Some(_) if !rows.is_empty() => reference(node, place, rows, problems).map(Written::Row),
        Some(_) | None => Some(Written::Text(text)),
    }
}

fn reference(node: &Node<'_>, place: &Place, rows: &BTreeSet<RowName>, problems: &mut Problems) -> Option<RowPlace> {
    let text = node.text(TEXT_MAX, problems)?;
    let Some(read) = RowPlace::read(text) else {
        let message = "this must be a place in a bound row, such as \"inv:/client/email\"; `equals` takes constants";
        problems.add(problem::CONDITION_MALFORMED, &node.at, message);
        return None;
    };
    if let Place::Row(_) = place {
        let message = "what stands in a row is compared with constants; compare an argument with a row instead";
        problems.add(problem::CONDITION_MALFORMED, &node.at, message);
        return None;
    }
    row_place(read, &node.at, rows, problems)
}

/// A constant that no argument of the shape can be would make a condition that never holds.
fn constants_have_the_shape(comparison: &Comparison, shape: Shape, node: &Node<'_>, problems: &mut Problems) {
    let constants = match comparison {
        Comparison::Equals(value) => std::slice::from_ref(value),
        Comparison::OneOf(values) => values.as_slice(),
        Comparison::Prefix(_)
        | Comparison::Contains(_)
        | Comparison::Names(_)
        | Comparison::Matches(_)
        | Comparison::GreaterThan(_)
        | Comparison::LessThan(_)
        | Comparison::AtMostLength(_)
        | Comparison::AsRow(..) => &[],
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
