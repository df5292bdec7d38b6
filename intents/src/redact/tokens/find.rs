//! Finds what is replaced: in free text by its look, at a place that tells as a whole.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Number;

use super::dictionary::Dictionary;
use crate::redact::Policy;
use crate::redact::check_digits::{iban_at_start, is_card};
use crate::redact::text::{MASK, secret_spans};

/// A name has at most so many words; more are a sentence.
const NAME_WORDS_MAX: usize = 5;

/// What a piece is, which says what of its shape matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A secret, or something of no other kind.
    Plain,
    /// A mail address.
    Mail,
    /// What stands before the domain of one.
    Local,
    /// The domain of a mail address.
    Host,
    /// A payment card.
    Card,
    /// A bank account.
    Account,
    /// The name of a person, of several words.
    Name,
    /// One word of such a name.
    Word,
    /// Something that was replaced before.
    Known,
    /// A number of JSON.
    Number,
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) range: Range<usize>,
    pub(super) kind: Kind,
}

static MAIL: LazyLock<Regex> = LazyLock::new(|| expression(r"^[^\s@<>]+@[^\s@<>]+\.[^\s@<>.]+$"));
static PHONE: LazyLock<Regex> = LazyLock::new(|| expression(r"\+[1-9](?:[ ()./-]{0,2}[0-9]){7,14}\b"));
static DATE: LazyLock<Regex> = LazyLock::new(|| {
    expression(
        r"^[0-9]{4}-[0-9]{2}(-[0-9]{2})?([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?$",
    )
});
static ORIGIN: LazyLock<Regex> = LazyLock::new(|| expression(r"^[a-z][a-z0-9+.-]*://[^/?#@\s]*(/|$)"));
/// The name before an address, as mails write it.
static DISPLAY: LazyLock<Regex> =
    LazyLock::new(|| expression(r"(\p{Lu}[\p{L}'’.-]*(?: \p{Lu}[\p{L}'’.-]*){0,4})\W{0,2} <[^\s@<>]+@[^\s@<>]+>"));

fn expression(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the expression is a constant")
}

/// What of a text is replaced, in order and without overlap. What is a token already is left out.
pub(super) fn spans(text: &str, known: &Dictionary, tokens: &Dictionary) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    if trimmed(text, 0..text.len()).is_none_or(|range| tokens.exact(&text[range]).is_some()) {
        return found;
    }
    let protected = tokens.find(text);
    let add = |found: &mut Vec<Found>, range: Range<usize>, kind: Kind| {
        for free in without(range.clone(), protected.iter().chain(found.iter().map(|found| &found.range))) {
            let is_whole = free == range;
            if let Some(range) = trimmed(text, free) {
                found.push(Found { range, kind: if is_whole { kind } else { Kind::Plain } });
                found.sort_by_key(|found| found.range.start);
            }
        }
    };
    for (range, kind) in by_look(text) {
        add(&mut found, range, kind);
    }
    for range in known.find(text) {
        // Where addresses of the web lead stays: scripts and contracts look at it.
        let is_host = text[range.clone()].contains('.') && !text[range.clone()].contains('@');
        let leads_on = text[..range.start].ends_with(['.', '/']);
        if !(is_host && leads_on) {
            add(&mut found, range, Kind::Known);
        }
    }
    found
}

fn by_look(text: &str) -> Vec<(Range<usize>, Kind)> {
    let mut found: Vec<(Range<usize>, Kind)> = Vec::new();
    let of_people = PHONE.find_iter(text).map(|phone| (phone.range(), Kind::Plain));
    let whole_word = |name: Range<usize>| text[..name.start].trim_end_matches(char::is_alphanumeric).len()..name.end;
    let display = DISPLAY.captures_iter(text).filter_map(|found| found.get(1));
    let display = display.map(|name| (whole_word(name.range()), Kind::Name));
    for range in secret_spans(text, Policy::People) {
        let kind = kind_of(&text[range.clone()]);
        found.push((range, kind));
    }
    found.extend(display);
    found.extend(of_people);
    found
}

/// What a whole text is.
fn kind_of(text: &str) -> Kind {
    if MAIL.is_match(text) {
        return Kind::Mail;
    }
    if iban_at_start(text) == Some(text.len()) {
        return Kind::Account;
    }
    let is_digits = text.chars().all(|c| c.is_ascii_digit() || c == ' ' || c == '-');
    if is_digits && is_card(text) {
        return Kind::Card;
    }
    if is_name(text) { Kind::Name } else { Kind::Plain }
}

/// Whether a text is two words or more that all begin with a capital, or one such word.
fn is_name(text: &str) -> bool {
    let of_words: Vec<&str> = text.split(' ').collect();
    let is_capitalised = |word: &&str| {
        word.starts_with(char::is_uppercase) && word.chars().all(|c| c.is_alphabetic() || "'’.-".contains(c))
    };
    of_words.len() <= NAME_WORDS_MAX && of_words.iter().all(is_capitalised) && text.chars().any(char::is_lowercase)
}

/// The piece that a whole text at a telling place is; none when nothing of it is to be replaced.
pub(super) fn as_one(text: &str, tokens: &Dictionary) -> Option<Found> {
    let range = trimmed(text, 0..text.len())?;
    let piece = &text[range.clone()];
    (tokens.exact(piece).is_none()).then(|| Found { range, kind: kind_of(piece) })
}

/// Where the part begins that is hidden: behind the host of an address of the web. None for a date, which stays.
pub(super) fn begins_to_tell(text: &str) -> Option<usize> {
    if DATE.is_match(text) || text == MASK {
        return None;
    }
    Some(ORIGIN.find(text).map_or(0, |origin| origin.end()))
}

/// Where tokens stand in a text.
pub(super) fn tokens(text: &str, tokens: &Dictionary) -> Vec<Range<usize>> {
    if tokens.exact(text).is_some() {
        // Also a short one, where it is all there is.
        return std::iter::once(0..text.len()).collect();
    }
    let mut found = tokens.find(text);
    for (range, _) in by_look(text) {
        for free in without(range, found.clone().iter()) {
            if let Some(range) = trimmed(text, free).filter(|range| tokens.exact(&text[range.clone()]).is_some()) {
                found.push(range);
            }
        }
    }
    found.sort_by_key(|range| range.start);
    found
}

/// Whether a number is that of a payment card.
pub(super) fn is_card_number(number: &Number) -> bool {
    is_card(&number.to_string()) && number.is_u64()
}

/// The words of a text, and what stands between them.
pub(super) fn words(text: &str) -> Vec<(&str, bool)> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = first.is_alphanumeric();
        let end = rest.find(|c: char| c.is_alphanumeric() != is_word).unwrap_or(rest.len());
        parts.push((&rest[..end], is_word));
        rest = &rest[end..];
    }
    parts
}

/// The parts of a script, each with whether it is text: the inside of a literal, or a comment.
pub(super) fn parts_of_code(source: &str) -> Vec<(&str, bool)> {
    static TEXTS: LazyLock<Regex> = LazyLock::new(|| {
        expression(concat!(
            r#""((?:[^"\\\n]|\\(?s:.))*)"|'((?:[^'\\\n]|\\(?s:.))*)'|`((?:[^`\\]|\\(?s:.))*)`"#,
            r"|(//[^\n]*)|(/\*(?s:.*?)\*/)",
            // A literal expression, where a value can begin: its quotes begin no text.
            r"|[=(,:;!&|?{}\[]\s*/(?:[^/\\\n\[*]|\\.|\[(?:[^\]\\\n]|\\.)*\])(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])*/",
        ))
    });
    let mut parts = Vec::new();
    let mut taken = 0;
    for found in TEXTS.captures_iter(source) {
        let Some(inside) = (1..=5).find_map(|group| found.get(group)) else { continue };
        parts.push((&source[taken..inside.start()], false));
        parts.push((inside.as_str(), true));
        taken = inside.end();
    }
    parts.push((&source[taken..], false));
    parts
}

/// A range without the letters and digits that it does not begin and end with; none when nothing is left.
fn trimmed(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let piece = &text[range.clone()];
    let start = piece.find(char::is_alphanumeric)?;
    let end = piece.rfind(char::is_alphanumeric)?;
    let last = piece[end..].chars().next()?;
    let range = range.start + start..range.start + end + last.len_utf8();
    let is_mask = text[..range.start].ends_with('[') && format!("[{}]", &text[range.clone()]) == MASK;
    (!is_mask).then_some(range)
}

/// What of a range none of the others covers.
fn without<'r>(range: Range<usize>, others: impl Iterator<Item = &'r Range<usize>>) -> Vec<Range<usize>> {
    let mut others: Vec<&Range<usize>> =
        others.filter(|other| other.start < range.end && range.start < other.end).collect();
    others.sort_by_key(|other| other.start);
    let mut free = Vec::new();
    let mut from = range.start;
    for other in others {
        if from < other.start {
            free.push(from..other.start);
        }
        from = from.max(other.end);
    }
    if from < range.end {
        free.push(from..range.end);
    }
    free
}
