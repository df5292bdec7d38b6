//! Finding an argument in a tool's schema: how a condition reads it, and whether it can ever hold.

use serde_json::Value;

use super::condition::{Against, Comparison, Shape};
use crate::pointer::Pointer;
use crate::tool::Definition;

/// References and alternatives that lead on further than this go in circles.
const STEPS_MAX: usize = 16;

/// What the tool says about one value of an argument: its schema, or each of its alternatives; of lists, the items.
pub(super) fn argument<'d>(definition: &'d Definition, pointer: &Pointer) -> Vec<&'d Value> {
    let root = &definition.arguments;
    let found = pointer.segments().iter().try_fold(resolve(root, root), |schema, segment| {
        let member = schema.get("properties").and_then(|properties| properties.get(segment));
        let item = schema.get("items");
        let free = schema.get("additionalProperties").filter(|more| more.is_object());
        member.or(item).or(free).map(|inner| resolve(root, inner))
    });
    let mut alternatives = Vec::new();
    if let Some(found) = found {
        gather(root, found, STEPS_MAX, &mut alternatives);
    }
    alternatives
}

fn gather<'d>(root: &'d Value, schema: &'d Value, steps: usize, into: &mut Vec<&'d Value>) {
    let schema = resolve(root, schema);
    let choices = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
    let items = schema.get("items").filter(|_| types(schema).contains(&"array"));
    match (choices, items) {
        (_, _) if steps == 0 => {}
        (Some(choices), _) => choices.iter().for_each(|choice| gather(root, choice, steps - 1, into)),
        (None, Some(items)) => gather(root, items, steps - 1, into),
        (None, None) => into.push(schema),
    }
}

fn resolve<'d>(root: &'d Value, schema: &'d Value) -> &'d Value {
    let mut schema = schema;
    for _ in 0..STEPS_MAX {
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
        match target.and_then(|pointer| root.pointer(pointer)) {
            Some(next) => schema = next,
            None => break,
        }
    }
    schema
}

/// How conditions on an argument read it.
pub(super) fn shape(definition: &Definition, pointer: &Pointer) -> Shape {
    let says = |formats: &[&str]| {
        let format = |schema: &&Value| schema.get("format").and_then(Value::as_str).map(str::to_owned);
        argument(definition, pointer).iter().filter_map(format).any(|format| formats.contains(&format.as_str()))
    };
    let place = pointer.segments().first().map(String::as_str);
    let mail = definition.name.service() == "email" && matches!(place, Some("to" | "cc" | "bcc" | "reply_to"));
    if mail || says(&["email", "idn-email", "mailbox"]) {
        Shape::Mailbox
    } else if says(&["uri", "url", "iri"]) {
        Shape::Address
    } else {
        Shape::Plain
    }
}

/// What the comparison needs that the argument can never be, if so.
pub(super) fn misfit(comparison: &Comparison, alternatives: &[&Value]) -> Option<&'static str> {
    let allowed: Vec<_> = alternatives.iter().map(|schema| types(schema)).collect();
    if allowed.is_empty() || allowed.iter().any(Vec::is_empty) {
        return None;
    }
    let has = |wanted: &str| allowed.iter().flatten().any(|allowed| *allowed == wanted);
    let can_be = |wanted: &str| has(wanted) || (wanted == "number" && has("integer"));
    let kind = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) | Value::Object(_) => "scalar",
    };
    let needed = match comparison {
        Comparison::Equals(value) => kind(value),
        Comparison::OneOf(values) => return values.iter().map(kind).find(|needed| !can_be(needed)),
        Comparison::Prefix(_)
        | Comparison::Contains(_)
        | Comparison::Names(_)
        | Comparison::Matches(_)
        | Comparison::AtMostLength(_)
        | Comparison::AsRow(Against::Prefix | Against::Contains, _) => "string",
        Comparison::GreaterThan(_)
        | Comparison::LessThan(_)
        | Comparison::AsRow(Against::Greater | Against::Less, _) => "number",
        // What a row says is not known before it is read.
        Comparison::AsRow(Against::Same, _) => return None,
    };
    (!can_be(needed)).then_some(needed)
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Vec::new(),
    }
}
