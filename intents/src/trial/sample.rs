//! Samples made from the schema of a result, where nothing is recorded. They can refute a script, never prove it.

use serde_json::{Map, Value, json};

use super::dice::Dice;
use crate::canonical::Digest;
use crate::outcome::Outcome;
use crate::tool::Definition;

/// Deeper schemas are cut: a script that looks further finds nothing there.
const DEPTH_MAX: u32 = 8;
/// Rows of a list that says nothing of its length: enough that their order can be told.
const ROWS: usize = 2;

/// A made outcome of a call: the same for the same call.
pub fn made(definition: &Definition, arguments: &str, seed: &Digest) -> Outcome {
    let mut dice = Dice::new(seed, &format!("{} {arguments}", definition.name));
    Outcome::Value(sample(&definition.result, &mut dice))
}

/// A value that fits a schema, as far as the schema is of the kinds that tools use.
fn sample(schema: &Value, dice: &mut Dice) -> Value {
    at_depth(schema, dice, 0)
}

fn at_depth(schema: &Value, dice: &mut Dice, depth: u32) -> Value {
    if depth > DEPTH_MAX {
        return Value::Null;
    }
    if let Some(constant) = schema.get("const") {
        return constant.clone();
    }
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        return choices.get(dice.below(choices.len())).cloned().unwrap_or(Value::Null);
    }
    for several in ["oneOf", "anyOf"] {
        if let Some(first) = schema.get(several).and_then(|choices| choices.get(0)) {
            return at_depth(first, dice, depth + 1);
        }
    }
    match kind(schema) {
        "object" => object(schema, dice, depth),
        "array" => {
            let items = schema.get("items").cloned().unwrap_or(json!({}));
            let least = number(schema, "minItems").unwrap_or(0);
            let most = number(schema, "maxItems").unwrap_or(u64::MAX);
            let rows = (ROWS as u64).max(least).min(most);
            (0..rows).map(|_| at_depth(&items, dice, depth + 1)).collect()
        }
        "string" => text(schema, dice).into(),
        "integer" | "number" => {
            let least = schema.get("minimum").and_then(Value::as_i64).unwrap_or(0);
            let drawn = i64::try_from(dice.below(90)).unwrap_or(0) + 10;
            schema.get("maximum").and_then(Value::as_i64).map_or(least + drawn, |most| (least + drawn).min(most)).into()
        }
        "boolean" => (dice.below(2) == 1).into(),
        _ => Value::Null,
    }
}

fn kind(schema: &Value) -> &str {
    let named = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
        named => named.and_then(Value::as_str),
    };
    match named {
        Some(named) => named,
        None if schema.get("properties").is_some() => "object",
        // Anything: an object is what scripts look into most.
        None if schema.get("additionalProperties").is_some() => "object",
        None => "null",
    }
}

fn object(schema: &Value, dice: &mut Dice, depth: u32) -> Value {
    let members = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    // What may be absent is there as well: scripts are written for what is there.
    Value::Object(members.map(|(name, inner)| (name.clone(), at_depth(inner, dice, depth + 1))).collect::<Map<_, _>>())
}

fn text(schema: &Value, dice: &mut Dice) -> String {
    let hex = dice.digest().to_string();
    match schema.get("format").and_then(Value::as_str) {
        Some("date-time") => "2026-01-15T09:30:00.000Z".to_owned(),
        Some("date") => "2026-01-15".to_owned(),
        Some("email") => format!("sample.{}@sample.example", &hex[..6]),
        Some("uri" | "url") => format!("https://sample.example/{}", &hex[..6]),
        Some(_) | None if schema.get("pattern").and_then(Value::as_str).is_some_and(|p| p.contains("0-9a-f")) => {
            // The digests of files and the like.
            hex
        }
        Some(_) | None => {
            let most =
                number(schema, "maxLength").map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
            format!("sample {}", &hex[..8]).chars().take(most).collect()
        }
    }
}

fn number(schema: &Value, name: &str) -> Option<u64> {
    schema.get(name).and_then(Value::as_u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::Digest;

    #[test]
    fn the_same_seed_gives_the_same_sample() {
        let schema = json!({ "type": "object", "properties": {
            "rows": { "type": "array", "items": { "type": "object", "properties": {
                "mail": { "type": "string", "format": "email" }, "kind": { "enum": ["a", "b"] }, "n": { "type": "integer", "minimum": 5 }
            } } }
        } });
        let draw = || sample(&schema, &mut Dice::new(&Digest::of(b"seed"), "test"));
        assert_eq!(draw(), draw());
        let rows = draw();
        assert_eq!(rows["rows"].as_array().map(Vec::len), Some(ROWS));
        assert!(rows["rows"][0]["n"].as_i64() >= Some(5));
        assert!(rows["rows"][0]["mail"].as_str().is_some_and(|mail| mail.contains('@')));
    }
}
