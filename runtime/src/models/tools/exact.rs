//! Numbers that a script can hold.

use serde_json::Value;

/// The largest whole number up to which a double holds every one.
const EXACT_MAX: u64 = 1 << 53;

/// Whether a script can hold every number of a value as it stands: a larger whole number would be another one there.
pub(super) fn holds_exactly(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(whole), _) => whole <= EXACT_MAX,
            (None, Some(whole)) => whole.unsigned_abs() <= EXACT_MAX,
            (None, None) => number.as_f64().is_some_and(f64::is_finite),
        },
        Value::Array(items) => items.iter().all(holds_exactly),
        Value::Object(members) => members.values().all(holds_exactly),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_no_double_holds_is_found_at_any_depth() {
        assert!(holds_exactly(&json!({ "a": [1, -2, 0.5, 9_007_199_254_740_992u64] })));
        assert!(!holds_exactly(&json!({ "a": [{ "b": 9_007_199_254_740_993u64 }] })));
        assert!(!holds_exactly(&json!(i64::MIN + 1)));
    }
}
