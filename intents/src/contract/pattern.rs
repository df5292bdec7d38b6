//! Patterns: regular expressions that match whole texts.

use std::fmt;

use regex::{Regex, RegexBuilder};

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

    pub(super) fn matches(&self, text: &str) -> bool {
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
    use super::*;

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
}
