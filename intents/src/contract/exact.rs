//! Reading JSON text without losing anything: a key that is said twice is refused.
//!
//! Parsers differ in which of two equal keys they keep. A contract that reads differently to two readers is no
//! contract.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why a text is no exact JSON.
#[derive(Debug, thiserror::Error)]
#[error("the text is not JSON that reads in one way only")]
pub struct MalformedJson(#[source] serde_json::Error);

impl MalformedJson {
    /// What is wrong and where.
    pub fn reason(&self) -> String {
        self.0.to_string()
    }
}

/// Parses JSON text in which no object says one key twice.
pub fn parse_exact(text: &str) -> Result<Value, MalformedJson> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Exact.deserialize(&mut reader).map_err(MalformedJson)?;
    reader.end().map_err(MalformedJson)?;
    Ok(value)
}

struct Exact;

impl<'de> DeserializeSeed<'de> for Exact {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Exact {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number that no double holds"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Exact)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let member = members.next_value_seed(Exact)?;
            if object.contains_key(&name) {
                return Err(A::Error::custom(format!("the key {name:?} is there twice")));
            }
            object.insert(name, member);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_json_reads_as_ever() {
        let text = r#"{ "a": [1, -2, 0.5, "x", true, null], "b": {} }"#;
        assert_eq!(parse_exact(text).unwrap(), json!({ "a": [1, -2, 0.5, "x", true, null], "b": {} }));
    }

    #[test]
    fn a_key_said_twice_is_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":2}"#, r#"[{"b":{"a":1,"\u0061":1}}]"#, "{} {}", "", "{\"a\":1e999}"] {
            assert!(parse_exact(text).is_err(), "{text}");
        }
    }
}
