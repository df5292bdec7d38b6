//! A tool as a TypeScript declaration, made from its definition: what a model reads before it writes a script.

use std::fmt::Write;

use intents::tool::{Definition, Identity, Kind};
use serde_json::Value;

/// Deeper schemas are shown as `unknown`: nobody reads further.
const DEPTH_MAX: usize = 6;

/// Declares one tool, with what a script must know of it.
pub fn declaration(definition: &Definition) -> String {
    let mut page = String::new();
    let (service, verb) = definition.name.as_str().split_once('.').unwrap_or(("tools", definition.name.as_str()));
    let options = match (definition.takes_key(), definition.is_effect()) {
        (true, _) => ", options: { key: { [part: string]: string | number } }",
        (false, true) => "",
        (false, false) => ", options?: { optional?: boolean }",
    };
    // Writing to a string cannot fail.
    let _ = writeln!(page, "/** {} {}", definition.summary, kind(definition));
    for error in definition.errors.iter().filter(|error| error.class.is_none()) {
        let _ = writeln!(page, " * May throw `error.code === {:?}`: {}.", error.code, error.meaning);
    }
    if definition.leaves_machine {
        let _ = writeln!(page, " * Leaves the machine: a private or local address needs a grant of the user.");
    }
    let _ = writeln!(page, " * Example arguments: {} */", definition.example);
    let arguments = of_schema(&definition.arguments, 1);
    let result = of_schema(&definition.result, 1);
    let _ = writeln!(page, "tools.{service}.{verb}(arguments: {arguments}{options}): Promise<{result}>;");
    page
}

fn kind(definition: &Definition) -> &'static str {
    match definition.kind {
        Kind::Read => "A read: changes nothing.",
        Kind::Effect(Identity::Natural) => {
            "An effect that may be done again: the same arguments lead to the same state, so it takes no key."
        }
        Kind::Effect(Identity::Keyed { .. } | Identity::Queryable { .. } | Identity::Blind) => {
            "An effect: the contract's `once` names the parts of its key, and each call gives exactly these parts."
        }
    }
}

/// A schema as a type.
fn of_schema(schema: &Value, depth: usize) -> String {
    if depth > DEPTH_MAX {
        return "unknown".to_owned();
    }
    if let Some(values) = schema["enum"].as_array() {
        return union(values.iter().map(Value::to_string));
    }
    if let Some(constant) = schema.get("const") {
        return constant.to_string();
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(options) = schema[key].as_array() {
            return union(options.iter().map(|option| of_schema(option, depth + 1)));
        }
    }
    match &schema["type"] {
        Value::String(name) => of_type(name, schema, depth),
        Value::Array(names) => union(names.iter().filter_map(Value::as_str).map(|name| of_type(name, schema, depth))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => "unknown".to_owned(),
    }
}

fn of_type(name: &str, schema: &Value, depth: usize) -> String {
    match name {
        "string" | "boolean" | "null" => name.to_owned(),
        "integer" | "number" => "number".to_owned(),
        "array" => format!("Array<{}>", of_schema(&schema["items"], depth + 1)),
        "object" => object(schema, depth),
        _ => "unknown".to_owned(),
    }
}

fn object(schema: &Value, depth: usize) -> String {
    let Some(members) = schema["properties"].as_object().filter(|members| !members.is_empty()) else {
        let values = schema.get("additionalProperties").filter(|more| more.is_object());
        return format!("{{ [name: string]: {} }}", values.map_or("unknown".to_owned(), |more| of_schema(more, depth)));
    };
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let indent = "  ".repeat(depth);
    let mut text = String::from("{\n");
    // What must be there first; the rest by name, whatever order the schema was written in.
    let mut rest: Vec<_> = members.keys().map(String::as_str).filter(|name| !required.contains(name)).collect();
    rest.sort_unstable();
    for name in required.iter().copied().filter(|name| members.contains_key(*name)).chain(rest) {
        let member = &members[name];
        if let Some(words) = member["description"].as_str() {
            let _ = writeln!(text, "{indent}/** {words} */");
        }
        let optional = if required.contains(&name) { "" } else { "?" };
        let _ = writeln!(text, "{indent}{name}{optional}: {};", of_schema(member, depth + 1));
    }
    text.push_str(&"  ".repeat(depth - 1));
    text.push('}');
    text
}

fn union(options: impl Iterator<Item = String>) -> String {
    let options: Vec<_> = options.collect();
    if options.is_empty() { "never".to_owned() } else { options.join(" | ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_becomes_a_type() {
        let schema = json!({
            "type": "object", "required": ["to"], "additionalProperties": false,
            "properties": {
                "to": { "type": ["string", "array"], "items": { "type": "string" }, "description": "Who gets it." },
                "level": { "enum": ["info", "warn"] },
                "headers": { "type": "object", "additionalProperties": { "type": "string" } },
                "any": {}
            }
        });
        let declared = [
            "{",
            "  /** Who gets it. */",
            "  to: string | Array<string>;",
            "  any?: unknown;",
            "  headers?: { [name: string]: string };",
            "  level?: \"info\" | \"warn\";",
            "}",
        ];
        assert_eq!(of_schema(&schema, 1), declared.join("\n"));
    }
}
