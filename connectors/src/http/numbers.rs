//! Numbers in a JSON text, judged before anything has rounded them.

use intents::canonical::is_exact;
use intents::pointer::Pointer;
use serde_json::Value;

use crate::{Code, Error};

/// Which numbers of an answer arrive as text, digit by digit as the service wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum AsText {
    /// None: a number that no double holds exactly is an error.
    #[default]
    None,
    /// All of them, so that the shape does not depend on the value.
    All,
    /// Those at these places; elsewhere an inexact one is an error.
    At(Vec<Pointer>),
}

/// Reads JSON. No number is rounded: it is exact, it arrives as text, or the whole is refused.
pub(super) fn parse(text: &str, as_text: &AsText) -> Result<Value, Error> {
    if *as_text == AsText::None && all_exact(text) {
        return serde_json::from_str(text).map_err(|error| not_json(&error));
    }
    // The first pass proves that the text is JSON of bounded depth, so that the second may be simple.
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| not_json(&error))?;
    let rewritten = Scanner { text, at: 0, path: Vec::new(), as_text, out: String::with_capacity(text.len()) }.run()?;
    serde_json::from_str(&rewritten)
        .map_err(|_| Error::new(Code::ResponseNotJson, "the answer holds a number beyond any range"))
}

/// Whether every number of a JSON text is exact. Of a text that is no JSON it says nothing.
fn all_exact(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at = match byte {
            b'"' => string_end(bytes, at),
            b'-' | b'0'..=b'9' => {
                let length = number_length(&text[at..]);
                if !is_exact(&text[at..at + length]) {
                    return false;
                }
                at + length
            }
            _ => at + 1,
        };
    }
    true
}

/// Where the string that begins here has ended.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut end = start + 1;
    while bytes.get(end).is_some_and(|&byte| byte != b'"') {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    end + 1
}

fn number_length(text: &str) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    text.bytes().position(|byte| !is_part(&byte)).unwrap_or(text.len())
}

fn not_json(error: &serde_json::Error) -> Error {
    Error::new(
        Code::ResponseNotJson,
        format!("the answer is not JSON at line {}, column {}", error.line(), error.column()),
    )
}

/// Walks over JSON that is known to be valid and copies it, with some numbers turned into strings.
struct Scanner<'t> {
    text: &'t str,
    at: usize,
    path: Vec<Step>,
    as_text: &'t AsText,
    out: String,
}

enum Step {
    Member(String),
    Item(usize),
}

impl Scanner<'_> {
    fn run(mut self) -> Result<String, Error> {
        while let Some(byte) = self.peek() {
            match byte {
                b'{' => {
                    self.path.push(Step::Member(String::new()));
                    self.copy(1);
                }
                b'[' => {
                    self.path.push(Step::Item(0));
                    self.copy(1);
                }
                b'}' | b']' => {
                    self.path.pop();
                    self.copy(1);
                }
                b',' => {
                    if let Some(Step::Item(index)) = self.path.last_mut() {
                        *index += 1;
                    }
                    self.copy(1);
                }
                b'"' => self.string(),
                b'-' | b'0'..=b'9' => self.number()?,
                _ => self.copy(1),
            }
        }
        Ok(self.out)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Copies bytes that are ASCII, since everything outside strings is.
    fn copy(&mut self, count: usize) {
        self.out.push_str(&self.text[self.at..self.at + count]);
        self.at += count;
    }

    fn string(&mut self) {
        let bytes = self.text.as_bytes();
        let literal = &self.text[self.at..string_end(bytes, self.at)];
        self.copy(literal.len());
        // A string before a colon is the name of a member.
        let after = bytes[self.at..].iter().find(|byte| !byte.is_ascii_whitespace());
        if after == Some(&b':')
            && let Some(Step::Member(name)) = self.path.last_mut()
        {
            *name = serde_json::from_str(literal).unwrap_or_default();
        }
    }

    fn number(&mut self) -> Result<(), Error> {
        let length = number_length(&self.text[self.at..]);
        let token = &self.text[self.at..self.at + length];
        if self.wants_text() {
            self.out.push('"');
            self.out.push_str(token);
            self.out.push('"');
            self.at += length;
            return Ok(());
        }
        if !is_exact(token) {
            let message = format!(
                "the number at `{}` is not one that a double holds exactly; ask for it as text with `numbers_as_text`",
                self.place()
            );
            return Err(Error::new(Code::NumberNotExact, message));
        }
        self.copy(length);
        Ok(())
    }

    fn wants_text(&self) -> bool {
        match self.as_text {
            AsText::None => false,
            AsText::All => true,
            AsText::At(pointers) => pointers.iter().any(|pointer| {
                let segments = pointer.segments();
                segments.len() == self.path.len()
                    && segments.iter().zip(&self.path).all(|(segment, step)| segment == "*" || *segment == step.text())
            }),
        }
    }

    /// Where we are, with items as `*` since their number is the data's.
    fn place(&self) -> String {
        self.path.iter().fold(String::new(), |place, step| match step {
            Step::Member(name) => format!("{place}/{}", name.replace('~', "~0").replace('/', "~1")),
            Step::Item(_) => format!("{place}/*"),
        })
    }
}

impl Step {
    fn text(&self) -> String {
        match self {
            Self::Member(name) => name.clone(),
            Self::Item(index) => index.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_long_id_is_refused_or_arrives_as_text() {
        let text =
            r#"{ "items": [ { "id": 9007199254740993, "amount": 12.5 }, { "id": 7, "amount": 1e2 } ], "a\"b": "1,2" }"#;
        let refused = parse(text, &AsText::None).unwrap_err();
        assert_eq!(refused.code(), Code::NumberNotExact);
        assert!(refused.to_string().contains("`/items/*/id`"), "{refused}");
        let ids = AsText::At(vec!["/items/*/id".parse().unwrap()]);
        assert_eq!(
            parse(text, &ids).unwrap(),
            json!({ "items": [{ "id": "9007199254740993", "amount": 12.5 }, { "id": "7", "amount": 100.0 }], "a\"b": "1,2" })
        );
        assert_eq!(parse(text, &AsText::All).unwrap()["items"][1]["amount"], json!("1e2"));
    }

    #[test]
    fn what_is_no_json_is_said_to_be_none() {
        for text in ["", "{", "[1,]", "NaN", "{\"a\":1}x", "1e999999"] {
            assert!(parse(text, &AsText::None).is_err(), "{text}");
        }
        assert_eq!(parse("1e400", &AsText::All).unwrap(), json!("1e400"));
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(parse(&deep, &AsText::None).unwrap_err().code(), Code::ResponseNotJson);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn json_of_exact_numbers_arrives_as_it_is(value in any_json()) {
            let text = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(parse(&text, &AsText::None).unwrap(), value);
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in r#"[\[\]{},:"0-9eE.+\- a\\ä]{0,40}"#) {
            let exact = parse(&text, &AsText::None);
            let as_text = parse(&text, &AsText::All);
            prop_assert!(exact.is_err() || as_text.is_ok());
        }
    }
}
