//! The shape of JSON values: kinds, members, items and forms of texts, without a single value.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Deeper values are not looked into: nobody names a field there.
const DEPTH_MAX: usize = 16;
/// An object with more members is a table by key: its members are data, and no shape.
const MEMBERS_MAX: usize = 200;
/// Items of one list that are looked at: their shape is known by then.
const ITEMS_MAX: usize = 500;

/// What kind of value stands somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A text.
    Text,
    /// A list.
    List,
    /// An object.
    Object,
}

impl Kind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::List => "a list",
            Self::Object => "an object",
        }
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Bool,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::Text,
            Value::Array(_) => Self::List,
            Value::Object(_) => Self::Object,
        }
    }
}

/// How a text is written, as far as somebody may rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Nothing.
    Empty,
    /// `2026-11-30`.
    Date,
    /// `2026-11-30T08:00:00Z`.
    Time,
    /// `30/11/2026`, `30.11.2026`: the day or the month first.
    DayFirst,
    /// Digits, with a sign or a point.
    Number,
    /// A mail address.
    Mail,
    /// A web address.
    Url,
    /// A page for a browser.
    Html,
    /// Anything else.
    Other,
}

impl Form {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "an empty text",
            Self::Date => "a date such as 2026-11-30",
            Self::Time => "a time such as 2026-11-30T08:00:00Z",
            Self::DayFirst => "a date such as 30/11/2026",
            Self::Number => "digits",
            Self::Mail => "a mail address",
            Self::Url => "a web address",
            Self::Html => "a web page",
            Self::Other => "free text",
        }
    }

    /// How a text is written.
    pub fn of(text: &str) -> Self {
        let text = text.trim();
        let start: String = text.chars().take(15).collect::<String>().to_ascii_lowercase();
        if text.is_empty() {
            Self::Empty
        } else if start.starts_with("<!doctype html") || start.starts_with("<html") {
            Self::Html
        } else if text.contains(char::is_whitespace) {
            if is_date(text.get(..10).unwrap_or_default()) { Self::Time } else { Self::Other }
        } else if is_date(text) {
            Self::Date
        } else if is_date(text.get(..10).unwrap_or_default()) && text.as_bytes().get(10) == Some(&b'T') {
            Self::Time
        } else if is_day_first(text) {
            Self::DayFirst
        } else if is_number(text) {
            Self::Number
        } else if text.starts_with("http://") || text.starts_with("https://") {
            Self::Url
        } else if is_mail(text) {
            Self::Mail
        } else {
            Self::Other
        }
    }
}

fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |place: usize| bytes[place].is_ascii_digit();
    bytes.len() == 10 && [0, 1, 2, 3, 5, 6, 8, 9].into_iter().all(digit) && (bytes[4], bytes[7]) == (b'-', b'-')
}

fn is_day_first(text: &str) -> bool {
    let Some(between) = text.chars().find(|c| ['/', '.', '-'].contains(c)) else { return false };
    let parts: Vec<_> = text.split(between).collect();
    let [day, month, year] = parts[..] else { return false };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    [day, month, year].into_iter().all(digits) && day.len() <= 2 && month.len() <= 2 && [2, 4].contains(&year.len())
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && digits.bytes().filter(|byte| *byte == b'.').count() <= 1
}

fn is_mail(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
}

/// The shape of the values that were seen at one place.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Shape {
    /// The kinds.
    pub kinds: BTreeSet<Kind>,
    /// How the texts among them are written.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub forms: BTreeSet<Form>,
    /// How many of them are objects.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub objects: u64,
    /// The members of those.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub members: BTreeMap<String, Member>,
    /// The items of the lists among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Box<Shape>>,
}

/// A member of objects.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Member {
    /// How many of the objects have it.
    pub times: u64,
    /// What it holds.
    pub shape: Shape,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Shape {
    /// The shape of one value.
    pub fn of(value: &Value) -> Self {
        let mut shape = Self::default();
        shape.see(value, 0);
        shape
    }

    /// The shape of what a tool gives, without what differs from answer to answer by nature: its headers.
    pub fn of_result(value: &Value) -> Self {
        match value {
            Value::Object(members) if members.contains_key("headers") => {
                let mut members = members.clone();
                members.remove("headers");
                Self::of(&Value::Object(members))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                Self::of(value)
            }
        }
    }

    fn see(&mut self, value: &Value, depth: usize) {
        self.kinds.insert(Kind::of(value));
        if depth >= DEPTH_MAX {
            return;
        }
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::String(text) => {
                self.forms.insert(Form::of(text));
            }
            Value::Array(items) => {
                let known = self.items.get_or_insert_default();
                for item in items.iter().take(ITEMS_MAX) {
                    known.see(item, depth + 1);
                }
            }
            Value::Object(members) => {
                self.objects += 1;
                if members.len() > MEMBERS_MAX {
                    return;
                }
                for (name, member) in members {
                    if self.members.len() >= MEMBERS_MAX && !self.members.contains_key(name) {
                        continue;
                    }
                    let known = self.members.entry(name.clone()).or_default();
                    known.times += 1;
                    known.shape.see(member, depth + 1);
                }
            }
        }
    }

    /// Both shapes in one.
    pub fn merge(&mut self, other: &Self) {
        self.kinds.extend(&other.kinds);
        self.forms.extend(&other.forms);
        self.objects = self.objects.saturating_add(other.objects);
        for (name, member) in &other.members {
            if self.members.len() >= MEMBERS_MAX && !self.members.contains_key(name) {
                continue;
            }
            let known = self.members.entry(name.clone()).or_default();
            known.times = known.times.saturating_add(member.times);
            known.shape.merge(&member.shape);
        }
        if let Some(items) = &other.items {
            self.items.get_or_insert_default().merge(items);
        }
    }

    /// Whether values of both shapes have the same places of the same kinds: how often each was seen does not count.
    pub fn is_like(&self, other: &Self) -> bool {
        let same_items = match (&self.items, &other.items) {
            (None, None) => true,
            (Some(one), Some(another)) => one.is_like(another),
            (None, Some(only)) | (Some(only), None) => **only == Self::default(),
        };
        let always = |shape: &Self, member: &Member| member.times == shape.objects;
        self.kinds == other.kinds
            && self.forms == other.forms
            && self.members.len() == other.members.len()
            && same_items
            && self.members.iter().all(|(name, member)| {
                other.members.get(name).is_some_and(|known| {
                    always(self, member) == always(other, known) && member.shape.is_like(&known.shape)
                })
            })
    }

    /// The kinds beside `null`, in words.
    pub fn words(&self) -> String {
        let kinds = self.kinds.iter().filter(|kind| **kind != Kind::Null);
        let words: Vec<_> = kinds
            .map(|kind| match kind {
                Kind::Text if self.forms.len() == 1 => {
                    self.forms.first().map_or(Kind::Text.as_str(), |form| match form {
                        Form::Other => Kind::Text.as_str(),
                        Form::Empty
                        | Form::Date
                        | Form::Time
                        | Form::DayFirst
                        | Form::Number
                        | Form::Mail
                        | Form::Url
                        | Form::Html => form.as_str(),
                    })
                }
                Kind::Null | Kind::Bool | Kind::Number | Kind::Text | Kind::List | Kind::Object => kind.as_str(),
            })
            .collect();
        if words.is_empty() { "nothing".to_owned() } else { words.join(" or ") }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_have_forms() {
        for (text, form) in [
            ("2026-11-30", Form::Date),
            ("2026-11-30T08:00:00Z", Form::Time),
            ("2026-11-30 08:00", Form::Time),
            ("30/11/2026", Form::DayFirst),
            ("1.2.26", Form::DayFirst),
            ("-12.50", Form::Number),
            ("ann@example.com", Form::Mail),
            ("https://a.example/x", Form::Url),
            ("  <!DOCTYPE html><html>", Form::Html),
            ("", Form::Empty),
            ("A-17", Form::Other),
            ("1.2.3.4", Form::Other),
        ] {
            assert_eq!(Form::of(text), form, "{text}");
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z0-9@.-]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c]", inner, 0..3)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn merging_is_the_same_in_any_order_and_adds_nothing_twice(one in values(), other in values()) {
            let (one, other) = (Shape::of(&one), Shape::of(&other));
            let mut there = one.clone();
            there.merge(&other);
            let mut back = other.clone();
            back.merge(&one);
            prop_assert_eq!(&there, &back);
            let mut twice = one.clone();
            twice.merge(&one);
            prop_assert!(twice.is_like(&one));
        }
    }

    #[test]
    fn headers_are_no_shape() {
        let shape = Shape::of_result(&json!({ "status": 200, "headers": { "date": "x" }, "json": [1] }));
        assert_eq!(shape.members.keys().collect::<Vec<_>>(), ["json", "status"]);
    }
}
