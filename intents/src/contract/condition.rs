//! What must hold for an argument.

use std::fmt;

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::{Address, AddressPrefix, bare_address};
use crate::canonical;
use crate::pointer::Pointer;

/// A comparison with constants that the user confirmed.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What is compared.
    pub comparison: Comparison,
    /// How the argument is read.
    pub shape: Shape,
}

/// How an argument is read before it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// As it is.
    Plain,
    /// As a web address, which must be written in its one form whatever the comparison.
    Address,
    /// As a mail address, with or without a name before it; the address alone is compared.
    Mailbox,
}

/// The comparisons.
#[derive(Debug, Clone, PartialEq)]
pub enum Comparison {
    /// The same scalar.
    Equals(Value),
    /// One of these scalars.
    OneOf(Vec<Value>),
    /// Text that starts so.
    Prefix(Prefix),
    /// Text that holds this text.
    Contains(String),
    /// Text that the pattern matches as a whole.
    Matches(Pattern),
    /// A greater number.
    GreaterThan(f64),
    /// A lesser number.
    LessThan(f64),
    /// Text of at most so many characters.
    AtMostLength(u32),
}

/// The start of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prefix {
    /// Of plain text. Where it holds a `/`, no step of the text may lead elsewhere.
    Text(String),
    /// Of a web address.
    Address(AddressPrefix),
}

impl Condition {
    /// Whether it holds at every place that `pointer` names in the arguments.
    ///
    /// A clause about an absent path applies to it, and so fails: also where only some items lack the path, and where
    /// there is no item at all.
    pub fn holds_at(&self, pointer: &Pointer, arguments: &Value) -> bool {
        self.holds_below(arguments, pointer.segments())
    }

    fn holds_below(&self, value: &Value, segments: &[String]) -> bool {
        let Some((first, rest)) = segments.split_first() else { return self.holds(value) };
        let any = first == "*";
        match value {
            Value::Object(members) if any => {
                !members.is_empty() && members.values().all(|member| self.holds_below(member, rest))
            }
            Value::Array(items) if any => !items.is_empty() && items.iter().all(|item| self.holds_below(item, rest)),
            Value::Object(members) => members.get(first).is_some_and(|member| self.holds_below(member, rest)),
            Value::Array(items) => {
                let item = first.parse().ok().and_then(|index: usize| items.get(index));
                item.is_some_and(|item| self.holds_below(item, rest))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }

    /// Whether it holds for a value; for a list, whether there is an item and it holds for every one.
    pub fn holds(&self, value: &Value) -> bool {
        match value {
            Value::Array(items) => !items.is_empty() && items.iter().all(|item| self.holds_for_one(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                self.holds_for_one(value)
            }
        }
    }

    fn holds_for_one(&self, value: &Value) -> bool {
        match self.shape {
            Shape::Plain => self.compares(value),
            Shape::Address => value.as_str().is_some_and(|text| Address::parse(text).is_ok()) && self.compares(value),
            Shape::Mailbox => {
                let bare = value.as_str().and_then(bare_address);
                bare.is_some_and(|bare| self.compares(&Value::String(bare)))
            }
        }
    }

    fn compares(&self, value: &Value) -> bool {
        let text = value.as_str();
        match &self.comparison {
            Comparison::Equals(wanted) => self.same(value, wanted),
            Comparison::OneOf(wanted) => wanted.iter().any(|wanted| self.same(value, wanted)),
            Comparison::Prefix(Prefix::Address(prefix)) => {
                text.and_then(|text| Address::parse(text).ok()).is_some_and(|address| prefix.covers(&address))
            }
            Comparison::Prefix(Prefix::Text(prefix)) => text.is_some_and(|text| starts_safely(text, prefix)),
            Comparison::Contains(part) => text.is_some_and(|text| text.contains(part.as_str())),
            Comparison::Matches(pattern) => text.is_some_and(|text| pattern.matches(text)),
            Comparison::GreaterThan(bound) => value.as_f64().is_some_and(|number| number > *bound),
            Comparison::LessThan(bound) => value.as_f64().is_some_and(|number| number < *bound),
            Comparison::AtMostLength(max) => text.is_some_and(|text| text.chars().count() <= *max as usize),
        }
    }

    /// The same canonical bytes, so that `1` is `1.0` and nothing else is; for mail, the same address.
    fn same(&self, value: &Value, wanted: &Value) -> bool {
        match (self.shape, wanted) {
            (Shape::Mailbox, Value::String(wanted)) => bare_address(wanted).as_deref() == value.as_str(),
            (Shape::Plain | Shape::Address | Shape::Mailbox, wanted) => {
                canonical::to_string(value) == canonical::to_string(wanted)
            }
        }
    }
}

/// `reports/` shall not cover `reports/../secrets`.
fn starts_safely(text: &str, prefix: &str) -> bool {
    let is_path = prefix.contains('/');
    let leads_elsewhere = || text.contains('\\') || text.split('/').any(|step| step == "." || step == "..");
    text.starts_with(prefix) && !(is_path && leads_elsewhere())
}

/// A regular expression that matches a whole text.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    whole: Regex,
}

/// Longer patterns nobody can confirm.
const PATTERN_MAX: usize = 512;
/// What a compiled pattern may take, in bytes: `(a{1000}){1000}` is a mistake or an attack.
const COMPILED_MAX: usize = 256 * 1024;
/// How deep groups may nest.
const NESTING_MAX: u32 = 32;

impl Pattern {
    /// Compiles a pattern. It matches whole texts whether or not it says so.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > PATTERN_MAX {
            return Err(format!("a pattern has 1 to {PATTERN_MAX} bytes"));
        }
        let compile = |pattern: &str| {
            let limited = RegexBuilder::new(pattern).size_limit(COMPILED_MAX).nest_limit(NESTING_MAX).build();
            limited.map_err(|error| error.to_string())
        };
        // Alone first, so that `a)|(b` cannot close the group that anchors it.
        compile(text)?;
        let whole = compile(&format!(r"\A(?:{text})\z"))?;
        Ok(Self { text: text.to_owned(), whole })
    }

    /// The pattern as the contract writes it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn matches(&self, text: &str) -> bool {
        self.whole.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plain(comparison: Comparison) -> Condition {
        Condition { comparison, shape: Shape::Plain }
    }

    fn holds(comparison: Comparison, pointer: &str, arguments: Value) -> bool {
        plain(comparison).holds_at(&pointer.parse().unwrap(), &arguments)
    }

    #[test]
    fn each_item_must_do_and_there_must_be_one() {
        let ops = || Comparison::Equals(json!("ops@example.com"));
        assert!(holds(ops(), "/to", json!({ "to": "ops@example.com" })));
        assert!(holds(ops(), "/to", json!({ "to": ["ops@example.com", "ops@example.com"] })));
        assert!(!holds(ops(), "/to", json!({ "to": ["ops@example.com", "eve@example.com"] })));
        for absent in [json!({}), json!({ "to": [] }), json!({ "to": null }), json!([]), json!("x")] {
            assert!(!holds(ops(), "/to", absent));
        }
    }

    #[test]
    fn one_item_without_the_path_fails_the_clause() {
        let short = || Comparison::AtMostLength(3);
        assert!(holds(short(), "/lines/*/text", json!({ "lines": [{ "text": "abc" }, { "text": "äöü" }] })));
        assert!(!holds(short(), "/lines/*/text", json!({ "lines": [{ "text": "abc" }, { "note": "x" }] })));
        assert!(!holds(short(), "/lines/*/text", json!({ "lines": [] })));
    }

    #[test]
    fn numbers_compare_as_numbers_and_texts_as_texts() {
        assert!(holds(Comparison::Equals(json!(1)), "", json!(1.0)));
        assert!(!holds(Comparison::Equals(json!(1)), "", json!("1")));
        assert!(holds(Comparison::LessThan(5000.0), "", json!(4999.99)));
        assert!(!holds(Comparison::LessThan(5000.0), "", json!(5000)));
        assert!(!holds(Comparison::GreaterThan(1.0), "", json!("2")));
        assert!(holds(Comparison::OneOf(vec![json!("a"), json!(true)]), "", json!(true)));
        assert!(!holds(Comparison::OneOf(vec![json!("a"), json!(true)]), "", json!("true")));
    }

    #[test]
    fn a_path_does_not_leave_its_prefix() {
        let reports = || Comparison::Prefix(Prefix::Text("reports/".to_owned()));
        assert!(holds(reports(), "", json!("reports/2026/a.csv")));
        for path in ["reports/../secrets", "reports/./../x", "reports/..\\x", "report", "/reports/a", "reports/.."] {
            assert!(!holds(reports(), "", json!(path)), "{path}");
        }
    }

    #[test]
    fn a_pattern_matches_the_whole_text() {
        let pattern = |text: &str| Pattern::parse(text).unwrap();
        assert!(pattern("a|ab").matches("ab"));
        assert!(!pattern("[0-9]+").matches("12a"));
        assert!(!pattern("(?m)^a$").matches("a\nb"));
        assert!(!pattern("a").matches("a\n"));
        for text in ["", "a)|(b", "(", "(a{1000}){1000}", "a(?x) #", &"x".repeat(600)] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn whatever_is_compared_an_address_has_one_form() {
        let contains =
            Condition { comparison: Comparison::Contains("books.example".to_owned()), shape: Shape::Address };
        assert!(contains.holds(&json!("https://books.example/a")));
        assert!(!contains.holds(&json!("https://books.example@evil.example/a")));
    }
}
