//! What stands for what, found by its text without regard to case.

use std::collections::BTreeMap;
use std::ops::Range;

/// Pairs of texts, both ways alike.
///
/// Case is laid over the result: `ANN@X.example` finds what `ann@x.example` stands for, in capitals. So a script that
/// compares in lower case compares the same.
#[derive(Default)]
pub(super) struct Dictionary {
    exact: BTreeMap<String, String>,
    /// Those that are also found inside a text, by their first word.
    spoken: BTreeMap<String, Vec<Spoken>>,
}

struct Spoken {
    text: String,
    /// Whether it is only meant where it begins with a capital.
    is_capital: bool,
}

impl Dictionary {
    pub(super) fn len(&self) -> usize {
        self.exact.len()
    }

    pub(super) fn insert(&mut self, from: &str, to: &str, is_spoken: bool, is_capital: bool) {
        let text = lower(from);
        self.exact.insert(text.clone(), lower(to));
        if !is_spoken {
            return;
        }
        let entries = self.spoken.entry(first_word(&text).to_owned()).or_default();
        entries.push(Spoken { text, is_capital });
        // The longest first: a name before its first word.
        entries.sort_by_key(|spoken| std::cmp::Reverse(spoken.text.len()));
    }

    /// What exactly this text stands for.
    pub(super) fn exact(&self, text: &str) -> Option<String> {
        self.exact.get(&lower(text)).map(|other| with_case_of(text, other))
    }

    /// Where in a text one of these stands, each bounded by what is no letter and no digit.
    pub(super) fn find(&self, text: &str) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        if self.spoken.is_empty() {
            return found;
        }
        let folded = lower(text);
        let mut free_from = 0;
        for start in word_starts(text) {
            if start < free_from {
                continue;
            }
            let Some(entries) = self.spoken.get(first_word(&folded[start..])) else { continue };
            let stands = |spoken: &&Spoken| {
                let is_capital = text[start..].starts_with(char::is_uppercase);
                folded[start..].starts_with(&spoken.text)
                    && !folded[start + spoken.text.len()..].starts_with(char::is_alphanumeric)
                    && (is_capital || !spoken.is_capital)
            };
            if let Some(spoken) = entries.iter().find(stands) {
                free_from = start + spoken.text.len();
                found.push(start..free_from);
            }
        }
        found
    }
}

/// A text in lower case, character by character, so that places in it stay the same.
pub(super) fn lower(text: &str) -> String {
    text.chars().map(lower_char).collect()
}

/// The lower case of a character, where that is one character of the same length in bytes and back again.
pub(super) fn lower_char(c: char) -> char {
    let mut folded = c.to_lowercase();
    match (folded.next(), folded.next()) {
        (Some(one), None) if one.len_utf8() == c.len_utf8() && one.to_uppercase().eq([c]) => one,
        (Some(_) | None, _) => c,
    }
}

/// Lays the case of one text over another, character by character.
fn with_case_of(pattern: &str, text: &str) -> String {
    let mut cases = pattern.chars();
    text.chars()
        .map(|c| match cases.next() {
            Some(case) if lower_char(case) != case => upper_char(c),
            Some(_) | None => c,
        })
        .collect()
}

pub(super) fn upper_char(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) if lower_char(one) == c => one,
        (Some(_) | None, _) => c,
    }
}

fn first_word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
    &text[..end]
}

fn word_starts(text: &str) -> impl Iterator<Item = usize> + '_ {
    let mut was_word = false;
    text.char_indices().filter_map(move |(place, c)| {
        let is_word = c.is_alphanumeric();
        let starts = is_word && !was_word;
        was_word = is_word;
        starts.then_some(place)
    })
}
