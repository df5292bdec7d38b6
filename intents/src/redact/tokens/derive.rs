//! Draws the token of a text: other characters of the same kinds.

use super::dictionary::{lower, lower_char, upper_char};
use super::find::Kind;
use crate::redact::check_digits::{with_check_digit, with_check_number};

/// So many draws are made until a token is free. A short text that has no free token of its length gets a longer one.
const DRAWS_MAX: u32 = 64;
/// A longer prefix before `_` or `-` is part of what is hidden.
const PREFIX_CHARS_MAX: usize = 6;
/// Shorter texts have no prefix that says what they are, and no hexadecimal form.
const ID_CHARS_MIN: usize = 16;
const HEX_CHARS_MIN: usize = 8;
/// Letters with a capital, two bytes each.
const TWO_BYTES: [char; 12] = ['à', 'á', 'â', 'ã', 'ä', 'å', 'è', 'é', 'ê', 'ë', 'ò', 'ó'];
/// Where small letters with a capital are drawn from, three and four bytes each, and how many: Latin Extended
/// Additional, where every second letter is small, and Deseret.
const THREE_BYTES_SMALL_FROM: u32 = 0x1EA1;
const THREE_BYTES_SMALL: u32 = 45;
const FOUR_BYTES_SMALL_FROM: u32 = 0x1_0428;
const FOUR_BYTES_SMALL: u32 = 40;
/// Where letters without a capital are drawn from, three and four bytes each.
const THREE_BYTES_FROM: u32 = 0x4E00;
const FOUR_BYTES_FROM: u32 = 0x2_0000;
const WIDE_LETTERS: u32 = 4096;
/// Integers up to this are exact in a script.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// A token for a text that `is_free`; none where nothing of its shape can be drawn.
pub(super) fn token(key: &[u8; 32], original: &str, kind: Kind, is_free: impl Fn(&str) -> bool) -> Option<String> {
    let suits = |candidate: &str| {
        !lower(candidate).eq(&lower(original)) && is_free(candidate) && keeps_number(original, candidate, kind)
    };
    let drawn = (0..DRAWS_MAX).map(|round| draw(key, original, kind, round));
    if let Some(token) = drawn.into_iter().find(|candidate| suits(candidate)) {
        return Some(token);
    }
    // All of this length are taken, which happens to single letters and digits.
    let longer = (0..DRAWS_MAX).map(|round| {
        let longer = if original.chars().all(|c| c.is_ascii_digit()) { '1' } else { 'a' };
        draw(key, &format!("{original}{longer}"), kind, round)
    });
    longer.into_iter().find(|candidate| is_free(candidate)).filter(|_| original.chars().any(char::is_alphanumeric))
}

fn draw(key: &[u8; 32], original: &str, kind: Kind, round: u32) -> String {
    let stem: String = match kind {
        // However it is grouped, it is the same number.
        Kind::Card | Kind::Account => lower(original).chars().filter(|c| c.is_alphanumeric()).collect(),
        Kind::Plain | Kind::Mail | Kind::Local | Kind::Host | Kind::Name | Kind::Word | Kind::Known | Kind::Number => {
            lower(original)
        }
    };
    let mut chance = Chance::of(key, &stem, round);
    match kind {
        Kind::Card => laid_over(original, &with_check_digit(&chars(&stem, &mut chance, Letters::Any, 1))),
        Kind::Account => laid_over(original, &with_check_number(&chars(&stem, &mut chance, Letters::Any, 4))),
        Kind::Host => {
            let kept = original.rfind('.').unwrap_or(original.len());
            format!("{}{}", chars(&original[..kept], &mut chance, Letters::Any, 0), &original[kept..])
        }
        Kind::Number => {
            let (digits, exponent) = original.split_at(original.find(['e', 'E']).unwrap_or(original.len()));
            format!("{}{exponent}", chars(digits, &mut chance, Letters::Any, 0))
        }
        Kind::Plain | Kind::Mail | Kind::Local | Kind::Name | Kind::Word | Kind::Known => {
            let letters = if is_hexadecimal(original) { Letters::Hexadecimal } else { Letters::Any };
            chars(original, &mut chance, letters, prefix(original))
        }
    }
}

/// The letters and digits of a token where those of the original stand.
fn laid_over(original: &str, token: &str) -> String {
    let mut drawn = token.chars();
    let place = |c: char| if c.is_alphanumeric() { drawn.next().unwrap_or(c) } else { c };
    let laid: String = original.chars().map(place).collect();
    original.chars().zip(laid.chars()).map(|(was, c)| if was.is_uppercase() { upper_char(c) } else { c }).collect()
}

/// Other characters of the same kinds, after so many that are kept.
fn chars(original: &str, chance: &mut Chance, letters: Letters, kept: usize) -> String {
    let all: Vec<char> = original.chars().collect();
    let is_digit = |place: Option<usize>| place.and_then(|place| all.get(place)).is_some_and(char::is_ascii_digit);
    let mut copy = String::with_capacity(original.len());
    for (place, c) in all.iter().copied().enumerate() {
        let is_edge = !is_digit(place.checked_sub(1)) || !is_digit(Some(place + 1));
        let drawn = if c.is_alphanumeric() { other(c, is_edge, chance, letters) } else { c };
        copy.push(if place < kept { c } else { drawn });
    }
    copy
}

/// Another character of the same kind. At the edge of digits a zero stays, and no other becomes one: numbers keep
/// their length and their decimals.
fn other(c: char, is_edge: bool, chance: &mut Chance, letters: Letters) -> char {
    let drawn = chance.next();
    let pick = |from: char, count: u32| char::from_u32(u32::from(from) + drawn % count).unwrap_or(from);
    match (c, letters) {
        ('0', _) if is_edge => '0',
        ('0'..='9', _) if is_edge => pick('1', 9),
        ('0'..='9', _) => pick('0', 10),
        ('a'..='z', Letters::Any) => pick('a', 26),
        ('A'..='Z', Letters::Any) => pick('A', 26),
        ('a'..='z', Letters::Hexadecimal) => pick('a', 6),
        ('A'..='Z', Letters::Hexadecimal) => pick('A', 6),
        (wide, _) => {
            let small = small_or_plain(wide, drawn);
            if lower_char(wide) == wide { small } else { upper_char(small) }
        }
    }
}

/// A small letter of as many bytes, or one without a capital for a letter without.
fn small_or_plain(wide: char, drawn: u32) -> char {
    let has_case = lower_char(wide) != wide || upper_char(wide) != wide;
    let code = match (wide.len_utf8(), has_case) {
        (1, _) => return wide,
        (2, _) => return TWO_BYTES[drawn as usize % TWO_BYTES.len()],
        (3, true) => THREE_BYTES_SMALL_FROM + 2 * (drawn % THREE_BYTES_SMALL),
        (3, false) => THREE_BYTES_FROM + drawn % WIDE_LETTERS,
        (_, true) => FOUR_BYTES_SMALL_FROM + drawn % FOUR_BYTES_SMALL,
        (_, false) => FOUR_BYTES_FROM + drawn % WIDE_LETTERS,
    };
    char::from_u32(code).unwrap_or(wide)
}

#[derive(Clone, Copy)]
enum Letters {
    Any,
    Hexadecimal,
}

fn is_hexadecimal(text: &str) -> bool {
    let plain = || text.chars().filter(|c| c.is_alphanumeric());
    plain().count() >= HEX_CHARS_MIN && plain().all(|c| c.is_ascii_hexdigit()) && plain().any(|c| c.is_ascii_digit())
}

/// How many characters at the start only say what kind of id follows: `sk-`, `ghp_`, `run_`.
fn prefix(text: &str) -> usize {
    let end = text.find(['_', '-']).unwrap_or(0);
    let is_word = end > 0 && end <= PREFIX_CHARS_MAX && text[..end].chars().all(|c| c.is_ascii_lowercase());
    if is_word && text.chars().count() >= ID_CHARS_MIN { end + 1 } else { 0 }
}

/// Whether a number stays one that prints as it is written, and that a script holds exactly where it did.
fn keeps_number(original: &str, candidate: &str, kind: Kind) -> bool {
    let is_number = match kind {
        Kind::Number => true,
        Kind::Card => original.chars().all(|c| c.is_ascii_digit()),
        Kind::Plain | Kind::Mail | Kind::Local | Kind::Host | Kind::Account | Kind::Name | Kind::Word | Kind::Known => {
            false
        }
    };
    let parse = |text: &str| serde_json::from_str::<serde_json::Number>(text).ok();
    let (Some(before), true) = (parse(original), is_number) else { return true };
    let Some(after) = parse(candidate) else { return false };
    let size = |number: &serde_json::Number| number.as_f64().map_or(f64::INFINITY, f64::abs);
    after.to_string() == candidate
        && after.is_f64() == before.is_f64()
        && (size(&before) > EXACT_MAX || size(&after) <= EXACT_MAX)
}

/// Numbers drawn from a key and a text.
struct Chance(blake3::OutputReader);

impl Chance {
    fn of(key: &[u8; 32], stem: &str, round: u32) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(key);
        hasher.update(&round.to_be_bytes());
        hasher.update(stem.as_bytes());
        Self(hasher.finalize_xof())
    }

    fn next(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_be_bytes(bytes)
    }
}
