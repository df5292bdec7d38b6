//! What must hold for an argument or for a place in a bound row.
//!
//! A comparison has three answers. A clause that allows something wants a plain yes. A clause that asks a person applies
//! unless the answer is a plain no: what cannot be compared is asked about.

use serde_json::Value;

use super::place::RowPlace;
use super::{Address, AddressPrefix, Pattern, bare_address};
use crate::canonical;
use crate::pointer::Pointer;

/// A comparison with constants that the user confirmed, or with a bound row.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What is compared.
    pub comparison: Comparison,
    /// How the value is read.
    pub shape: Shape,
}

/// How a value is read before it is compared.
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
    /// Text that holds this text as a word of its own. Never written in a contract: what `contains` means of a row.
    Names(String),
    /// Text that the pattern matches as a whole.
    Matches(Pattern),
    /// A greater number.
    GreaterThan(f64),
    /// A lesser number.
    LessThan(f64),
    /// Text of at most so many characters.
    AtMostLength(u32),
    /// As a place in a bound row says.
    AsRow(Against, RowPlace),
}

impl Comparison {
    /// The texts that it names one by one; none where it means more than these.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Equals(value) => value.as_str().into_iter().collect(),
            Self::OneOf(values) => values.iter().filter_map(Value::as_str).collect(),
            Self::Prefix(_)
            | Self::Contains(_)
            | Self::Names(_)
            | Self::Matches(_)
            | Self::GreaterThan(_)
            | Self::LessThan(_)
            | Self::AtMostLength(_)
            | Self::AsRow(..) => Vec::new(),
        }
    }

    /// Whether it says where something may go: to hosts or addresses that it names, and to no others.
    pub fn names_destinations(&self) -> bool {
        match self {
            Self::Equals(_) | Self::OneOf(_) | Self::Prefix(Prefix::Address(_)) => true,
            Self::Prefix(Prefix::Text(_))
            | Self::Contains(_)
            | Self::Names(_)
            | Self::Matches(_)
            | Self::GreaterThan(_)
            | Self::LessThan(_)
            | Self::AtMostLength(_)
            | Self::AsRow(..) => false,
        }
    }
}

/// How an argument is compared with a place in a bound row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// The same.
    Same,
    /// Text that starts so.
    Prefix,
    /// Text that names it: it stands there as a word of its own, so that `A-17` is not found in `A-170`.
    Contains,
    /// A greater number.
    Greater,
    /// A lesser number.
    Less,
}

/// The start of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prefix {
    /// Of plain text. Where it holds a `/`, no step of the text may lead elsewhere.
    Text(String),
    /// Of a web address.
    Address(AddressPrefix),
}

/// What a comparison says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
    /// The two cannot be compared.
    Unclear,
}

impl From<bool> for Answer {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

impl Condition {
    /// Whether it holds at every place that `pointer` names in a value.
    ///
    /// A clause about an absent path applies to it, and so fails: also where only some items lack the path, and where
    /// there is no item at all.
    pub fn holds_at(&self, pointer: &Pointer, value: &Value) -> bool {
        leaves(value, pointer.segments(), &mut |leaf| leaf.is_some_and(|leaf| self.answer(leaf) == Answer::Yes))
    }

    /// Whether it may hold at any place that `pointer` names in a value: unless each is there and says no.
    pub fn may_hold_at(&self, pointer: &Pointer, value: &Value) -> bool {
        !leaves(value, pointer.segments(), &mut |leaf| leaf.is_some_and(|leaf| self.answer(leaf) == Answer::No))
    }

    /// Whether it holds for a value; for a list, whether there is an item and it holds for every one.
    pub fn holds(&self, value: &Value) -> bool {
        self.holds_at(&Pointer::default(), value)
    }

    /// The condition with what a row says in the place of its reference. None where the row says nothing there: no
    /// number or boolean, and no text that is not empty. A condition without a reference is itself.
    pub(crate) fn bound_to(&self, row: &Value) -> Option<Self> {
        let Comparison::AsRow(against, place) = &self.comparison else { return Some(self.clone()) };
        let value = place.at.get(row).filter(|value| says_something(value))?;
        let text = || match value {
            Value::String(text) => text.clone(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                canonical::to_string(value)
            }
        };
        let comparison = match against {
            Against::Same => Comparison::Equals(value.clone()),
            Against::Prefix => Comparison::Prefix(match self.shape {
                Shape::Plain | Shape::Mailbox => Prefix::Text(text()),
                Shape::Address => Prefix::Address(AddressPrefix::parse(&text()).ok()?),
            }),
            Against::Contains => Comparison::Names(text()),
            Against::Greater => Comparison::GreaterThan(value.as_f64()?),
            Against::Less => Comparison::LessThan(value.as_f64()?),
        };
        Some(Self { comparison, shape: self.shape })
    }

    /// The bound row that it speaks of.
    pub fn row(&self) -> Option<&RowPlace> {
        match &self.comparison {
            Comparison::AsRow(_, place) => Some(place),
            Comparison::Equals(_)
            | Comparison::OneOf(_)
            | Comparison::Prefix(_)
            | Comparison::Contains(_)
            | Comparison::Names(_)
            | Comparison::Matches(_)
            | Comparison::GreaterThan(_)
            | Comparison::LessThan(_)
            | Comparison::AtMostLength(_) => None,
        }
    }

    fn answer(&self, value: &Value) -> Answer {
        match (self.shape, value.as_str()) {
            (Shape::Plain, _) => self.compares(value),
            (Shape::Address, Some(text)) if Address::parse(text).is_ok() => self.compares(value),
            (Shape::Mailbox, Some(text)) => match bare_address(text) {
                Some(bare) => self.compares(&Value::String(bare)),
                None => Answer::Unclear,
            },
            (Shape::Address | Shape::Mailbox, _) => Answer::Unclear,
        }
    }

    fn compares(&self, value: &Value) -> Answer {
        let text = |holds: &dyn Fn(&str) -> Answer| value.as_str().map_or(Answer::Unclear, holds);
        let number =
            |holds: &dyn Fn(f64) -> bool| value.as_f64().map_or(Answer::Unclear, |number| holds(number).into());
        match &self.comparison {
            Comparison::Equals(wanted) => self.same(value, wanted),
            Comparison::OneOf(wanted) => {
                let answers: Vec<_> = wanted.iter().map(|wanted| self.same(value, wanted)).collect();
                // One that can be compared and is another says no for those that cannot.
                let rank = [Answer::Yes, Answer::No];
                rank.into_iter().find(|answer| answers.contains(answer)).unwrap_or(Answer::Unclear)
            }
            Comparison::Prefix(Prefix::Address(prefix)) => text(&|text| match Address::parse(text) {
                Ok(address) => prefix.covers(&address).into(),
                Err(_) => Answer::Unclear,
            }),
            Comparison::Prefix(Prefix::Text(prefix)) => text(&|text| starts_safely(text, prefix)),
            Comparison::Contains(part) => text(&|text| text.contains(part.as_str()).into()),
            Comparison::Names(word) => text(&|text| names(text, word).into()),
            Comparison::Matches(pattern) => text(&|text| pattern.matches(text).into()),
            Comparison::GreaterThan(bound) => number(&|number| number > *bound),
            Comparison::LessThan(bound) => number(&|number| number < *bound),
            Comparison::AtMostLength(max) => text(&|text| (text.chars().count() <= *max as usize).into()),
            // Without its row there is nothing to compare with.
            Comparison::AsRow(..) => Answer::Unclear,
        }
    }

    /// The same canonical bytes, so that `1` is `1.0` and nothing else is; for mail, the same address.
    fn same(&self, value: &Value, wanted: &Value) -> Answer {
        match (self.shape, wanted) {
            (Shape::Mailbox, Value::String(wanted)) => (bare_address(wanted).as_deref() == value.as_str()).into(),
            (Shape::Plain | Shape::Address | Shape::Mailbox, wanted) if kind(value) == kind(wanted) => {
                (canonical::to_string(value) == canonical::to_string(wanted)).into()
            }
            (Shape::Plain | Shape::Address | Shape::Mailbox, _) => Answer::Unclear,
        }
    }
}

/// Whether a test holds for every leaf that a path leads to: of a list at its end for every item. Where the path leads
/// nowhere, and where a list is empty, the test is given nothing.
fn leaves(value: &Value, segments: &[String], test: &mut dyn FnMut(Option<&Value>) -> bool) -> bool {
    let Some((first, rest)) = segments.split_first() else {
        return match value {
            Value::Array(items) if items.is_empty() => test(None),
            Value::Array(items) => items.iter().all(|item| test(Some(item))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => test(Some(value)),
        };
    };
    let any = first == "*";
    match value {
        Value::Object(members) if any && !members.is_empty() => {
            members.values().all(|member| leaves(member, rest, test))
        }
        Value::Array(items) if any && !items.is_empty() => items.iter().all(|item| leaves(item, rest, test)),
        Value::Object(members) if !any && members.contains_key(first) => leaves(&members[first], rest, test),
        Value::Array(items) => match first.parse().ok().and_then(|index: usize| items.get(index)) {
            Some(item) => leaves(item, rest, test),
            None => test(None),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => test(None),
    }
}

/// Null and the empty text are in every row that lacks something; nothing can be bound to them.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.trim().is_empty(),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

/// `reports/` shall not cover `reports/../secrets`.
fn starts_safely(text: &str, prefix: &str) -> Answer {
    let is_path = prefix.contains('/');
    let leads_elsewhere = || text.contains('\\') || text.split('/').any(|step| step == "." || step == "..");
    if is_path && leads_elsewhere() { Answer::Unclear } else { text.starts_with(prefix).into() }
}

/// Whether a text holds a word that no letter or digit touches, neither directly nor over one joining sign: `A-17` is in
/// `Invoice A-17.`, and neither in `A-170` nor in `A-17-2` nor in `BA-17`.
fn names(text: &str, word: &str) -> bool {
    !word.is_empty()
        && text.match_indices(word).any(|(at, found)| {
            let (before, after) = (&text[..at], &text[at + found.len()..]);
            !touched(before.chars().rev()) && !touched(after.chars())
        })
}

fn touched(mut further: impl Iterator<Item = char>) -> bool {
    match further.next() {
        Some(c) if c.is_alphanumeric() => true,
        Some('-' | '_' | '.' | '/' | '\\') => further.next().is_some_and(char::is_alphanumeric),
        Some(_) | None => false,
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
    fn whatever_is_compared_an_address_has_one_form() {
        let contains =
            Condition { comparison: Comparison::Contains("books.example".to_owned()), shape: Shape::Address };
        assert!(contains.holds(&json!("https://books.example/a")));
        assert!(!contains.holds(&json!("https://books.example@evil.example/a")));
    }
}
