//! Reading a JSON value place by place, gathering every problem rather than the first.

use std::fmt::Display;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::problem::{self, Problem};

/// More problems than this are one problem: it is no contract.
const PROBLEMS_MAX: usize = 100;
/// Texts in clauses; longer ones are data.
pub(super) const TEXT_MAX: usize = 2048;
/// Echoed text is cut here.
const ECHO_MAX: usize = 256;
/// Names this unlike each other are not confused.
const LIKENESS_MIN: f64 = 0.8;

/// The problems found so far.
#[derive(Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, code: &'static str, pointer: &str, message: impl Into<String>) {
        if self.0.len() < PROBLEMS_MAX {
            self.0.push(Problem { code, pointer: pointer.to_owned(), message: message.into() });
        }
    }

    pub(super) fn into_result<T>(self, value: Option<T>) -> Result<T, Vec<Problem>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            Some(_) | None => Err(self.0),
        }
    }
}

/// A place in the contract.
#[derive(Clone)]
pub(super) struct Node<'v> {
    pub(super) value: &'v Value,
    pub(super) at: String,
}

/// An object in the contract, with the keys that it may have.
pub(super) struct Members<'v> {
    map: &'v Map<String, Value>,
    at: String,
}

impl<'v> Node<'v> {
    pub(super) fn root(value: &'v Value) -> Self {
        Self { value, at: String::new() }
    }

    /// Reads an object; keys that it must not have are problems.
    pub(super) fn members(&self, known: &[&str], problems: &mut Problems) -> Option<Members<'v>> {
        let map = self.object(problems)?;
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            let advice = advice(key, known.iter().copied());
            let list = known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            let message = format!("there is no key `{}` here; {advice}the keys are {list}", echo(key));
            problems.add(problem::UNKNOWN_KEY, &format!("{}/{}", self.at, escaped(key)), message);
        }
        Some(Members { map, at: self.at.clone() })
    }

    /// Reads an object with free keys.
    pub(super) fn entries(&self, max: usize, problems: &mut Problems) -> Vec<(&'v String, Node<'v>)> {
        let Some(map) = self.object(problems) else { return Vec::new() };
        if map.len() > max {
            problems.add(problem::TOO_LARGE, &self.at, format!("there are {} entries; at most {max} fit", map.len()));
        }
        map.iter()
            .take(max)
            .map(|(key, value)| (key, Node { value, at: format!("{}/{}", self.at, escaped(key)) }))
            .collect()
    }

    fn object(&self, problems: &mut Problems) -> Option<&'v Map<String, Value>> {
        let map = self.value.as_object();
        if map.is_none() {
            self.wrong_type("an object", problems);
        }
        map
    }

    /// Reads a list.
    pub(super) fn items(&self, max: usize, problems: &mut Problems) -> Vec<Node<'v>> {
        let Some(items) = self.value.as_array() else {
            self.wrong_type("a list", problems);
            return Vec::new();
        };
        if items.len() > max {
            problems.add(problem::TOO_LARGE, &self.at, format!("there are {} items; at most {max} fit", items.len()));
        }
        let item = |(index, value)| Node { value, at: format!("{}/{index}", self.at) };
        items.iter().take(max).enumerate().map(item).collect()
    }

    /// Reads a text of at most `max` bytes that says something and has no control characters.
    pub(super) fn text(&self, max: usize, problems: &mut Problems) -> Option<&'v str> {
        let Some(text) = self.value.as_str() else {
            self.wrong_type("a text", problems);
            return None;
        };
        if text.trim().is_empty() {
            problems.add(problem::EMPTY, &self.at, "this text says nothing; write something");
        } else if text.len() > max {
            problems.add(
                problem::TOO_LARGE,
                &self.at,
                format!("this text has {} bytes; at most {max} fit", text.len()),
            );
        } else if text.chars().any(|c| c.is_control() && c != '\n') {
            problems.add(problem::VALUE, &self.at, "this text holds control characters; leave them out");
        } else {
            return Some(text);
        }
        None
    }

    /// Reads a text that has a form of its own.
    pub(super) fn parsed<T>(&self, code: &'static str, problems: &mut Problems) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        match self.text(TEXT_MAX, problems)?.parse::<T>() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                problems.add(code, &self.at, echo(&error.to_string()));
                None
            }
        }
    }

    /// Reads one of several words.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)], problems: &mut Problems) -> Option<T> {
        let found = self.value.as_str().and_then(|text| words.iter().find(|(word, _)| *word == text));
        if found.is_none() {
            let list = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
            problems.add(problem::VALUE, &self.at, format!("this must be one of {list}"));
        }
        found.map(|(_, meaning)| *meaning)
    }

    /// Reads a whole number from 1 to `max`.
    pub(super) fn count(&self, max: u32, problems: &mut Problems) -> Option<u32> {
        let count = self.value.as_u64().and_then(|count| u32::try_from(count).ok());
        let count = count.filter(|count| (1..=max).contains(count));
        if count.is_none() {
            problems.add(problem::VALUE, &self.at, format!("this must be a whole number from 1 to {max}"));
        }
        count
    }

    pub(super) fn wrong_type(&self, wanted: &str, problems: &mut Problems) {
        problems.add(problem::TYPE, &self.at, format!("this must be {wanted}"));
    }
}

impl<'v> Members<'v> {
    /// A member that may be left out.
    pub(super) fn maybe(&self, key: &str) -> Option<Node<'v>> {
        self.map.get(key).map(|value| Node { value, at: format!("{}/{key}", self.at) })
    }

    /// A member that must be there.
    pub(super) fn need(&self, key: &str, problems: &mut Problems) -> Option<Node<'v>> {
        let member = self.maybe(key);
        if member.is_none() {
            problems.add(problem::KEY_MISSING, &self.at, format!("the key `{key}` is missing here"));
        }
        member
    }
}

/// "did you mean `x`? " where one of the known names is near.
pub(super) fn advice<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let near = known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    near.map(|(_, candidate)| format!("did you mean `{candidate}`? ")).unwrap_or_default()
}

/// Text of the contract as it may stand in a message.
pub(super) fn echo(text: &str) -> String {
    text.chars()
        .take(ECHO_MAX)
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}

fn escaped(key: &str) -> String {
    echo(key).replace('~', "~0").replace('/', "~1")
}
