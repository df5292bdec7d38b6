//! Values of the failing run that a proposed script contains: a script that knows the case it is tried on proves nothing.

use std::collections::BTreeSet;

use serde_json::Value;

/// Shorter texts are no values of their own.
const CHARS_MIN: usize = 3;
/// Values that are named; the first say enough.
const FOUND_MAX: usize = 5;

/// The values of `data` that stand in `new` and not in `old`: names of things, addresses, dates and amounts. Words that only
/// name a kind or a state of things, such as `unpaid`, are no such values.
pub fn hard_coded(old: &str, new: &str, data: &[Value]) -> Vec<String> {
    let mut values = BTreeSet::new();
    for value in data {
        gather(value, &mut values);
    }
    let stands = |source: &str, value: &str| {
        source.match_indices(value).any(|(at, _)| {
            let before = source[..at].chars().next_back();
            let after = source[at + value.len()..].chars().next();
            let is_part = |c: char| c.is_alphanumeric() || c == '_';
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        })
    };
    let found = values.into_iter().filter(|value| stands(new, value) && !stands(old, value));
    found.take(FOUND_MAX).collect()
}

fn gather(value: &Value, values: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if is_thing(text) => drop(values.insert(text.clone())),
        Value::Number(number) => {
            let text = number.to_string();
            // Round numbers stand in code for other reasons.
            if text.trim_end_matches('0').trim_end_matches('.').trim_start_matches('-').len() >= CHARS_MIN {
                values.insert(text);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, values)),
        Value::Object(members) => members.values().for_each(|member| gather(member, values)),
        Value::String(_) | Value::Null | Value::Bool(_) => {}
    }
}

fn is_thing(text: &str) -> bool {
    text.chars().count() >= CHARS_MIN
        && !text.starts_with("http")
        && text.chars().any(|c| c.is_ascii_digit() || c == '@' || c == ' ')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_case_that_is_written_into_the_script_is_seen() {
        let data = [json!({ "items": [
            { "id": "inv-17", "total": 1250, "to": "ann@a.example", "status": "unpaid", "name": "Ann Lee", "n": 30 }
        ], "url": "https://books.example/api/1" })];
        let old = "const stage = days >= 30 ? 'x' : 'y'; fetch('https://books.example/api/1')";
        assert_eq!(
            hard_coded(old, "if (inv.status === 'unpaid' && days >= 30) send(inv.total ?? inv.amount)", &data),
            Vec::<String>::new()
        );
        for (new, value) in [
            ("const rows = [{ id: 'inv-17' }]", "inv-17"),
            ("return { total: 1250 }", "1250"),
            ("to: \"ann@a.example\"", "ann@a.example"),
            ("`Dear Ann Lee`", "Ann Lee"),
        ] {
            assert_eq!(hard_coded(old, new, &data), [value], "{new}");
        }
        assert_eq!(hard_coded("x = 'inv-17'", "y = 'inv-17'", &data), Vec::<String>::new());
    }
}
