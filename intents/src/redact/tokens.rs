//! Copies in which secrets and people are replaced by others of the same shape, so that a script still runs on them.
//!
//! A mask hides what a text is, and with it what a script would have done: `[redacted]` is no mail address, and two
//! masks are always equal. A **token** keeps what control flow looks at: the same text has the same token, different
//! texts have different ones, lengths and separators stay, upper case stays upper case, an address stays an address,
//! a card keeps its check digit, a number its digits, its sign and its decimals, an address of the web its host.
//! Dates, booleans and everything that [`redact`](super::redact) would leave are kept as they are.
//!
//! What was replaced once is replaced wherever it stands, also in the middle of free text. [`Tokens::back`] turns
//! tokens into what they stand for, which is how a text written by somebody who saw only tokens is understood.
//!
//! The net is that of redaction, so what holds there holds here: it is no proof. A text that happens to be equal to a
//! token counts as that token.

mod derive;
mod dictionary;
mod find;

use std::collections::BTreeSet;

use serde_json::{Map, Number, Value};

use self::dictionary::Dictionary;
use self::find::{Found, Kind};
use super::names::says_secret;
use super::text::MASK;
use crate::pointer::Pointer;

/// So many different texts are replaced; more are masked, so that memory stays bounded.
const PIECES_MAX: usize = 50_000;
/// Longer texts are masked as a whole, as redaction does.
const TEXT_BYTES_MAX: usize = 1024 * 1024;
/// Longer pieces are masked: nobody compares them, and each is kept twice.
const PIECE_BYTES_MAX: usize = 16 * 1024;
/// Deeper values are masked as a whole.
const DEPTH_MAX: usize = 128;
/// Shorter words and numbers are replaced only where their place says what they are: elsewhere they are just words.
const SPOKEN_LETTERS_MIN: usize = 4;
const SPOKEN_DIGITS_MIN: usize = 6;
/// A capitalised word of a name is told from other words by its first letter.
const NAME_LETTERS_MIN: usize = 3;

/// Texts up to this long are kept in mind, so that no token is one of them, and so many of them.
const MET_CHARS_MAX: usize = 4;
const MET_MAX: usize = 4096;

/// Members of these names, without separators and in lower case, hold what points to a person.
const PERSONAL: [&str; 12] = [
    "firstname",
    "lastname",
    "surname",
    "fullname",
    "givenname",
    "familyname",
    "displayname",
    "phone",
    "phonenumber",
    "mobile",
    "street",
    "birthname",
];

/// Tokens of one bundle or one conversation, with the way back.
pub struct Tokens {
    /// What the tokens are drawn from: another key, other tokens.
    key: [u8; 32],
    /// From what was replaced to its token.
    forth: Dictionary,
    /// From a token to what it stands for.
    back: Dictionary,
    /// Short texts that are there themselves, in lower case: no token of another.
    met: BTreeSet<String>,
}

impl Tokens {
    /// No token yet; all will be drawn from this key.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key, forth: Dictionary::default(), back: Dictionary::default(), met: BTreeSet::new() }
    }

    /// How many texts were replaced so far.
    pub fn count(&self) -> usize {
        self.forth.len()
    }

    /// Takes note of what a value holds, so that it is also replaced where only its text gives it away.
    ///
    /// Whoever copies several values that belong together shows all of them first.
    pub fn learn(&mut self, value: &Value, declared: &[Pointer]) {
        self.meet(value, 0);
        let places: Vec<&[String]> = declared.iter().map(Pointer::segments).collect();
        self.walk(value, &places, 0);
    }

    /// A copy of a value with tokens for secrets and people.
    pub fn value(&mut self, value: &Value) -> Value {
        self.value_at(value, &[])
    }

    /// A copy of a value with tokens for secrets, people and all that stands at the declared places.
    pub fn value_at(&mut self, value: &Value, declared: &[Pointer]) -> Value {
        self.learn(value, declared);
        let places: Vec<&[String]> = declared.iter().map(Pointer::segments).collect();
        self.walk(value, &places, 0)
    }

    /// A copy of a text with tokens for secrets and people; its other words stay.
    pub fn text(&mut self, text: &str) -> String {
        if text.len() > TEXT_BYTES_MAX {
            return MASK.to_owned();
        }
        let mut copy = String::with_capacity(text.len());
        let mut copied = 0;
        for found in find::spans(text, &self.forth, &self.back) {
            copy.push_str(&text[copied..found.range.start]);
            copied = found.range.end;
            let piece = self.piece(&text[found.range.clone()], found.kind);
            copy.push_str(&piece);
        }
        copy.push_str(&text[copied..]);
        copy
    }

    /// A copy of a script with tokens in its string literals and comments; its code stays.
    pub fn code(&mut self, source: &str) -> String {
        find::parts_of_code(source)
            .into_iter()
            .map(|(part, is_text)| if is_text { self.text(part) } else { part.to_owned() })
            .collect()
    }

    /// A text in which tokens are what they stand for again.
    pub fn back(&self, text: &str) -> String {
        let mut copy = String::with_capacity(text.len());
        let mut copied = 0;
        for range in find::tokens(text, &self.back) {
            copy.push_str(&text[copied..range.start]);
            copied = range.end;
            let token = &text[range];
            copy.push_str(&self.back.exact(token).unwrap_or_else(|| token.to_owned()));
        }
        copy.push_str(&text[copied..]);
        copy
    }

    /// A value in whose texts and names tokens are what they stand for again.
    pub fn back_value(&self, value: &Value) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::Number(number) => self.number_back(number),
            Value::String(text) => self.back(text).into(),
            Value::Array(items) => items.iter().map(|item| self.back_value(item)).collect(),
            Value::Object(members) => {
                Value::Object(members.iter().map(|(name, member)| (self.back(name), self.back_value(member))).collect())
            }
        }
    }

    /// Takes note of the short texts of a value. Longer ones are not drawn by chance.
    fn meet(&mut self, value: &Value, depth: usize) {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) => return,
            Value::Array(_) | Value::Object(_) if depth >= DEPTH_MAX => return,
            Value::Array(items) => return items.iter().for_each(|item| self.meet(item, depth + 1)),
            Value::Object(members) => return members.values().for_each(|member| self.meet(member, depth + 1)),
        };
        if self.met.len() < MET_MAX && text.chars().take(MET_CHARS_MAX + 1).count() <= MET_CHARS_MAX {
            self.met.insert(dictionary::lower(&text));
        }
    }

    /// The copy of a value, below which these places are replaced as a whole.
    fn walk(&mut self, value: &Value, places: &[&[String]], depth: usize) -> Value {
        if places.iter().any(|place| place.is_empty()) {
            return self.whole(value, depth);
        }
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::Number(number) if find::is_card_number(number) => self.number(number, Kind::Card),
            Value::Number(_) => value.clone(),
            Value::String(text) => self.text(text).into(),
            Value::Array(_) | Value::Object(_) if depth >= DEPTH_MAX => MASK.into(),
            Value::Array(items) => {
                let walk =
                    |(index, item): (usize, &Value)| self.walk(item, &below(places, &index.to_string()), depth + 1);
                items.iter().enumerate().map(walk).collect()
            }
            Value::Object(members) => {
                let mut copy = Map::new();
                for (name, member) in members {
                    let is_whole = says_secret(name) || says_person(name);
                    let member = if is_whole {
                        self.whole(member, depth + 1)
                    } else {
                        self.walk(member, &below(places, name), depth + 1)
                    };
                    copy.insert(self.text(name), member);
                }
                Value::Object(copy)
            }
        }
    }

    /// The copy of a place that is replaced as a whole.
    fn whole(&mut self, value: &Value, depth: usize) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::Number(number) => self.number(number, Kind::Plain),
            Value::String(text) => self.whole_text(text).into(),
            Value::Array(_) | Value::Object(_) if depth >= DEPTH_MAX => MASK.into(),
            Value::Array(items) => items.iter().map(|item| self.whole(item, depth + 1)).collect(),
            Value::Object(members) => Value::Object(
                members.iter().map(|(name, member)| (name.clone(), self.whole(member, depth + 1))).collect(),
            ),
        }
    }

    fn whole_text(&mut self, text: &str) -> String {
        if text.len() > TEXT_BYTES_MAX {
            return MASK.to_owned();
        }
        let Some(from) = find::begins_to_tell(text) else { return text.to_owned() };
        let kept = &text[..from];
        let replaced = match find::as_one(&text[from..], &self.back) {
            Some(Found { range, kind }) => {
                let (start, end) = (from + range.start, from + range.end);
                let piece = self.piece(&text[start..end], kind);
                format!("{}{piece}{}", &text[from..start], &text[end..])
            }
            None => text[from..].to_owned(),
        };
        format!("{kept}{replaced}")
    }

    /// The token of a piece, drawn when it is seen first.
    fn piece(&mut self, original: &str, kind: Kind) -> String {
        if original == MASK || self.back.exact(original).is_some() {
            return original.to_owned();
        }
        if let Some(token) = self.forth.exact(original) {
            return token;
        }
        if original.len() > PIECE_BYTES_MAX || self.forth.len() >= PIECES_MAX {
            return MASK.to_owned();
        }
        match kind {
            Kind::Mail => {
                let Some((local, domain)) = original.rsplit_once('@') else { return MASK.to_owned() };
                let (local_token, domain_token) = (self.piece(local, Kind::Local), self.piece(domain, Kind::Host));
                let token = format!("{local_token}@{domain_token}");
                self.remember(original, &token, kind);
                // As it stands in the query of an address.
                self.remember(&format!("{local}%40{domain}"), &format!("{local_token}%40{domain_token}"), kind);
                token
            }
            Kind::Name => {
                let mut token = String::new();
                for (word, is_word) in find::words(original) {
                    token.push_str(&if is_word { self.piece(word, Kind::Word) } else { word.to_owned() });
                }
                self.remember(original, &token, kind);
                token
            }
            Kind::Plain
            | Kind::Local
            | Kind::Host
            | Kind::Card
            | Kind::Account
            | Kind::Word
            | Kind::Known
            | Kind::Number => {
                let is_free = |candidate: &str| {
                    self.back.exact(candidate).is_none()
                        && self.forth.exact(candidate).is_none()
                        && !self.met.contains(&dictionary::lower(candidate))
                };
                let Some(token) = derive::token(&self.key, original, kind, is_free) else { return MASK.to_owned() };
                self.remember(original, &token, kind);
                token
            }
        }
    }

    fn remember(&mut self, original: &str, token: &str, kind: Kind) {
        let is_spoken = match kind {
            Kind::Mail | Kind::Card | Kind::Account | Kind::Host => true,
            Kind::Name | Kind::Word => letters(original) >= NAME_LETTERS_MIN,
            Kind::Plain | Kind::Known => is_telling(original),
            // `billing` is a word; `ann.miller` is somebody.
            Kind::Local => is_telling(original) && original.contains(|c: char| !c.is_alphabetic()),
            Kind::Number => false,
        };
        let is_capital = matches!(kind, Kind::Word);
        self.forth.insert(original, token, is_spoken, is_capital);
        self.back.insert(token, original, is_spoken, is_capital);
    }

    fn number(&mut self, number: &Number, kind: Kind) -> Value {
        let original = number.to_string();
        let kind = match kind {
            Kind::Card => kind,
            Kind::Plain
            | Kind::Mail
            | Kind::Local
            | Kind::Host
            | Kind::Account
            | Kind::Name
            | Kind::Word
            | Kind::Known
            | Kind::Number => Kind::Number,
        };
        let token = self.piece(&original, kind);
        serde_json::from_str(&token).unwrap_or_else(|_| 0.into())
    }

    fn number_back(&self, number: &Number) -> Value {
        let original = self.back.exact(&number.to_string()).and_then(|text| serde_json::from_str(&text).ok());
        original.unwrap_or_else(|| Value::Number(number.clone()))
    }
}

/// Never shows what it holds.
impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("count", &self.count()).finish_non_exhaustive()
    }
}

/// The places below a member or an item.
fn below<'p>(places: &[&'p [String]], name: &str) -> Vec<&'p [String]> {
    let step = |place: &&'p [String]| {
        let (first, rest) = place.split_first()?;
        (first == "*" || first == name).then_some(rest)
    };
    places.iter().filter_map(step).collect()
}

/// Whether a member of this name holds what points to a person.
fn says_person(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    PERSONAL.contains(&plain.as_str())
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphabetic()).count()
}

/// Whether a piece stands out of free text: a short word or number is only a word there.
fn is_telling(piece: &str) -> bool {
    let digits = piece.chars().filter(char::is_ascii_digit).count();
    digits >= SPOKEN_DIGITS_MIN
        || letters(piece) > 0 && digits > 0 && letters(piece) + digits >= SPOKEN_LETTERS_MIN
        || letters(piece) > SPOKEN_LETTERS_MIN
}

#[cfg(test)]
mod tests;
