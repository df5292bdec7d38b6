//! JSON pointers (RFC 6901), with `*` for any member or item.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

/// A path into a JSON value: `/to`, `/items/*/amount`. The empty pointer is the whole value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pointer(Vec<String>);

/// Why a text is no pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a JSON pointer: it is empty or starts with `/`")]
pub struct Malformed(pub String);

impl Pointer {
    /// The names on the way, `*` for any.
    pub fn segments(&self) -> &[String] {
        &self.0
    }

    /// The place that `inner` names, counted from this one.
    #[must_use]
    pub fn join(&self, inner: &Self) -> Self {
        Self(self.0.iter().chain(&inner.0).cloned().collect())
    }

    /// All places in `value` that this pointer names, with the concrete path to each.
    pub fn select<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        let mut found = vec![value];
        for segment in &self.0 {
            found = found.into_iter().flat_map(|value| step(value, segment)).collect();
        }
        found
    }

    /// All places in `value` that this pointer names, or none at all where a part of the way is missing anywhere: one
    /// item without the path, or a list without items.
    pub fn every<'v>(&self, value: &'v Value) -> Option<Vec<&'v Value>> {
        let mut found = vec![value];
        for segment in &self.0 {
            let mut next = Vec::new();
            for value in found {
                let inner = step(value, segment);
                if inner.is_empty() {
                    return None;
                }
                next.extend(inner);
            }
            found = next;
        }
        Some(found)
    }

    /// The one place that this pointer names, if it names exactly one.
    pub fn get<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match self.select(value).as_slice() {
            [one] => Some(one),
            [] | [_, _, ..] => None,
        }
    }

    /// Applies `change` to each place that this pointer names.
    pub fn update(&self, value: &mut Value, change: &mut dyn FnMut(&mut Value)) {
        fn walk(value: &mut Value, segments: &[String], change: &mut dyn FnMut(&mut Value)) {
            let Some((first, rest)) = segments.split_first() else { return change(value) };
            match value {
                Value::Object(members) if first == "*" => {
                    members.values_mut().for_each(|member| walk(member, rest, change));
                }
                Value::Object(members) => {
                    if let Some(member) = members.get_mut(first) {
                        walk(member, rest, change);
                    }
                }
                Value::Array(items) if first == "*" => {
                    items.iter_mut().for_each(|item| walk(item, rest, change));
                }
                Value::Array(items) => {
                    if let Some(item) = first.parse().ok().and_then(|index: usize| items.get_mut(index)) {
                        walk(item, rest, change);
                    }
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        walk(value, &self.0, change);
    }
}

fn step<'v>(value: &'v Value, segment: &str) -> Vec<&'v Value> {
    match value {
        Value::Object(members) if segment == "*" => members.values().collect(),
        Value::Object(members) => members.get(segment).into_iter().collect(),
        Value::Array(items) if segment == "*" => items.iter().collect(),
        Value::Array(items) => segment.parse().ok().and_then(|index: usize| items.get(index)).into_iter().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

impl FromStr for Pointer {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let rest = text.strip_prefix('/').ok_or_else(|| Malformed(text.to_owned()))?;
        Ok(Self(rest.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect()))
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| write!(f, "/{}", part.replace('~', "~0").replace('/', "~1")))
    }
}

impl serde::Serialize for Pointer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Pointer {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Pointer {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Pointer".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A JSON pointer such as /to or /items/*/amount.",
            "pattern": "^(/.*)?$"
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pointers_select_and_update() {
        let mut value = json!({ "items": [{ "a": 1 }, { "a": 2 }], "a/b": { "~": 3 } });
        let all: Pointer = "/items/*/a".parse().unwrap();
        assert_eq!(all.select(&value), [&json!(1), &json!(2)]);
        assert_eq!(all.get(&value), None);
        let odd: Pointer = "/a~1b/~0".parse().unwrap();
        assert_eq!(odd.get(&value), Some(&json!(3)));
        assert_eq!(odd.to_string(), "/a~1b/~0");
        all.update(&mut value, &mut |place| *place = json!(0));
        assert_eq!(value["items"], json!([{ "a": 0 }, { "a": 0 }]));
        assert!("items".parse::<Pointer>().is_err());
    }
}
