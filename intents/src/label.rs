//! Where data came from, as a coarse label that a run gathers as it reads, and where data may go.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One source of data: `http:books.example`, `folder:statements`, `webhook:orders`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Label(pub String);

/// Everything that a run has read so far.
pub type Labels = BTreeSet<Label>;

/// The kinds of labels that there are, each with what stands behind the colon.
pub const KINDS: &[(&str, &str)] = &[
    ("http", "the host that was read from"),
    ("conn", "the connection that was read through"),
    ("folder", "the folder that a file lay in"),
    ("webhook", "the webhook that a request came to"),
    ("event", "the event that brought data along"),
    ("mail", "the domain of the sender or recipient"),
];

/// Longer labels are no names of sources.
const BYTES_MAX: usize = 256;

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which labels a clause is about: one, or with a `*` at the end all that start so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(String);

/// Why a text is no pattern of labels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no label such as `http:books.example`, `folder:statements` or `http:*`")]
pub struct MalformedPattern(pub String);

impl Pattern {
    /// Whether a label is one of those.
    pub fn covers(&self, label: &Label) -> bool {
        match self.0.strip_suffix('*') {
            Some(start) => label.0.starts_with(start),
            None => label.0 == self.0,
        }
    }

    /// Whether every label that `other` is about is one of those, too.
    pub fn includes(&self, other: &Self) -> bool {
        match (self.0.strip_suffix('*'), other.0.strip_suffix('*')) {
            (Some(start), Some(narrower)) => narrower.starts_with(start),
            (Some(start), None) => other.0.starts_with(start),
            (None, None) => self.0 == other.0,
            (None, Some(_)) => false,
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Pattern {
    type Err = MalformedPattern;

    fn from_str(text: &str) -> Result<Self, MalformedPattern> {
        let malformed = || MalformedPattern(text.chars().take(BYTES_MAX).collect());
        if text == "*" {
            return Ok(Self(text.to_owned()));
        }
        let (kind, rest) = text.split_once(':').ok_or_else(malformed)?;
        let name = rest.strip_suffix('*').unwrap_or(rest);
        let sound = text.len() <= BYTES_MAX
            && KINDS.iter().any(|(known, _)| *known == kind)
            && !rest.is_empty()
            && !name.contains('*')
            && name.chars().all(|c| !c.is_control() && !c.is_whitespace() && !c.is_uppercase());
        if sound { Ok(Self(text.to_owned())) } else { Err(malformed()) }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(pattern: &str, label: &str) -> bool {
        pattern.parse::<Pattern>().unwrap().covers(&Label(label.to_owned()))
    }

    #[test]
    fn a_pattern_is_one_label_or_the_start_of_several() {
        assert!(covers("http:books.example", "http:books.example"));
        assert!(!covers("http:books.example", "http:books.example.evil.example"));
        assert!(covers("http:*", "http:books.example"));
        assert!(covers("folder:2026-*", "folder:2026-11"));
        assert!(!covers("folder:2026-*", "folder:2025-11"));
        assert!(covers("*", "webhook:orders"));
        for text in ["", "books", "http:", "ftp:x", "http:a*b", "http:A.example", "http:a b", ":x", "http"] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_pattern_includes_narrower_ones() {
        let includes =
            |wide: &str, narrow: &str| wide.parse::<Pattern>().unwrap().includes(&narrow.parse::<Pattern>().unwrap());
        assert!(includes("*", "http:*") && includes("http:*", "http:a") && includes("http:a*", "http:ab*"));
        assert!(!includes("http:a", "http:a*") && !includes("http:ab*", "http:a*") && !includes("http:a", "http:b"));
    }
}
