//! Recorded data as it might have been: rows in another order, other subjects, another row in front.

use serde_json::Value;

use crate::drift::Form;

/// The value with the rows of each list in the opposite order. Says whether anything moved.
pub fn reversed(value: &mut Value) -> bool {
    match value {
        Value::Array(items) => {
            let mut moved = false;
            for item in items.iter_mut() {
                moved |= reversed(item);
            }
            items.reverse();
            moved || items.len() > 1 && items.first() != items.last()
        }
        Value::Object(members) => {
            let mut moved = false;
            for member in members.values_mut() {
                moved |= reversed(member);
            }
            moved
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// The value with other subjects: names and numbers of things change, times, amounts and long texts stay.
pub fn other_subjects(value: &Value) -> Value {
    renamed(value, "")
}

/// The value with one more row at the beginning of each list of objects: the first one under another name. Says whether
/// there was such a list.
pub fn row_in_front(value: &mut Value) -> bool {
    match value {
        Value::Array(items) => {
            let first = items.first().filter(|first| first.is_object()).map(other_subjects);
            let found = first.is_some();
            if let Some(first) = first {
                items.insert(0, first);
            }
            found
        }
        Value::Object(members) => {
            let mut found = false;
            for member in members.values_mut() {
                found |= row_in_front(member);
            }
            found
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// The length of the longest list of objects.
pub fn rows_max(value: &Value) -> usize {
    match value {
        Value::Array(items) => {
            let own = if items.first().is_some_and(Value::is_object) { items.len() } else { 0 };
            items.iter().map(rows_max).max().unwrap_or(0).max(own)
        }
        Value::Object(members) => members.values().map(rows_max).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Longer texts are content, not names.
const NAME_CHARS_MAX: usize = 128;
/// Members whose numbers are names.
const NUMBERED: [&str; 5] = ["id", "number", "no", "nr", "key"];

fn renamed(value: &Value, member: &str) -> Value {
    match value {
        Value::String(text) => rename(text).into(),
        Value::Number(number) if NUMBERED.contains(&member) => {
            number.as_i64().map_or_else(|| value.clone(), |number| number.wrapping_add(1_000_003).into())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        Value::Array(items) => items.iter().map(|item| renamed(item, member)).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, inner)| (name.clone(), renamed(inner, name))).collect())
        }
    }
}

fn rename(text: &str) -> String {
    let is_time = text.len() >= 8
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || "-:.TZ+ ".contains(c))
        && text.contains(['-', ':']);
    let form = Form::of(text);
    // An amount stays; digits that are no amount name something, and stay digits.
    if form == Form::Number {
        let named = if text.contains('.') { None } else { text.parse::<u64>().ok() };
        return named.map_or_else(|| text.to_owned(), |number| number.wrapping_add(1_000_003).to_string());
    }
    let is_day = form == Form::DayFirst;
    if is_time || is_day || text.is_empty() || text.contains('\n') || text.chars().count() > NAME_CHARS_MAX {
        return text.to_owned();
    }
    if let Some((local, domain)) = text.split_once('@') {
        return format!("{local}x@{domain}");
    }
    // A digest stays one.
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    if text.len() >= DIGEST_CHARS_MIN && text.chars().all(is_hex) {
        let (name, last) = text.split_at(text.len() - 1);
        return format!("{name}{}", if last == "0" { "1" } else { "0" });
    }
    // A path keeps its ending. No name becomes that of another thing.
    let ending = text.rfind('.').filter(|dot| text.len() - dot <= ENDING_CHARS_MAX).unwrap_or(text.len());
    let (name, ending) = text.split_at(ending);
    format!("{name}x{ending}")
}

/// Shorter texts of these letters are names as others are.
const DIGEST_CHARS_MIN: usize = 32;
/// What stands behind the last dot is an ending up to this length, the dot included.
const ENDING_CHARS_MAX: usize = 6;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn other_subjects_have_other_names_and_the_same_times() {
        let row = json!({ "id": 7, "number": "A-17", "due": "2026-10-31", "to": "ann@c.example", "amount": 5, "f": "a/b.csv" });
        let other = other_subjects(&row);
        assert_eq!(
            other,
            json!({ "id": 1_000_010, "number": "A-17x", "due": "2026-10-31", "to": "annx@c.example", "amount": 5, "f": "a/bx.csv" })
        );
    }

    #[test]
    fn rows_move_and_more_come() {
        let mut rows = json!({ "items": [{ "n": "a1" }, { "n": "b1" }] });
        assert!(reversed(&mut rows));
        assert_eq!(rows, json!({ "items": [{ "n": "b1" }, { "n": "a1" }] }));
        assert!(row_in_front(&mut rows));
        assert_eq!(rows["items"][0], json!({ "n": "b1x" }));
        assert_eq!(rows_max(&rows), 3);
        assert!(!reversed(&mut json!({ "one": [1], "same": [2, 2] })));
    }
}
