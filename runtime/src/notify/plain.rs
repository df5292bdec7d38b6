//! A value in lines that people read on a phone.

use serde_json::Value;

/// Deeper than this nobody follows.
const DEPTH_MAX: usize = 6;

/// Writes a value in lines of at most so many characters in all; what is beyond is said to be left out.
pub fn in_lines(value: &Value, chars_max: usize) -> Vec<String> {
    let mut lines = Vec::new();
    write(value, 0, &mut lines);
    let mut left = chars_max;
    let mut kept = Vec::new();
    for line in lines {
        let length = line.chars().count() + 1;
        if length > left {
            kept.push("… and more, which the inbox shows".to_owned());
            break;
        }
        left -= length;
        kept.push(line);
    }
    kept
}

fn write(value: &Value, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    let mut member = |name: String, value: &Value| match value {
        Value::Object(_) | Value::Array(_) if is_empty(value) => {}
        Value::Object(_) | Value::Array(_) if depth < DEPTH_MAX => {
            lines.push(format!("{indent}{name}"));
            write(value, depth + 1, lines);
        }
        Value::Null => {}
        Value::Object(_) | Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            lines.push(format!("{indent}{name} {}", scalar(value)));
        }
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| member(format!("{name}:"), value)),
        Value::Array(items) => items.iter().for_each(|value| member("-".to_owned(), value)),
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) => lines.push(format!("{indent}{}", scalar(value))),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn scalar(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    // One line, whatever it holds.
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod unit {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_reads_like_a_list() {
        let value = json!({ "tool": "email.send", "arguments": { "to": "a@b", "cc": [], "text": "one\ntwo" }, "rows": [1, { "a": null, "b": true }] });
        let expected =
            ["arguments:", "  text: one two", "  to: a@b", "rows:", "  - 1", "  -", "    b: true", "tool: email.send"];
        let mut lines = in_lines(&value, 1000);
        lines.sort();
        let mut sorted = expected.map(str::to_owned).to_vec();
        sorted.sort();
        assert_eq!(lines, sorted);
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        let lines = in_lines(&json!(vec!["x".repeat(100); 10]), 250);
        assert_eq!((lines.len(), lines[2].starts_with('…')), (3, true));
    }
}
