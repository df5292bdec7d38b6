//! Canonical JSON (RFC 8785): one value, one sequence of bytes.
//!
//! What is validated, gated, journaled and sent is these bytes, so that equality of bytes is equality of meaning.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};

use serde_json::Value;

/// The digest of canonical bytes (BLAKE3, 32 bytes). Prints as lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of several parts, each with its length, so that no two lists of parts collide.
    pub fn of_parts(domain: &str, parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in std::iter::once(domain.as_bytes()).chain(parts.iter().copied()) {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// Takes bytes that were stored as a digest.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl std::str::FromStr for Digest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0u8; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err("a digest has 64 hexadecimal characters");
        }
        for (index, slot) in bytes.iter_mut().enumerate() {
            *slot = u8::from_str_radix(&text[2 * index..2 * index + 2], 16)
                .map_err(|_| "a digest has 64 hexadecimal characters")?;
        }
        Ok(Self(bytes))
    }
}

/// Writes a value as canonical JSON.
///
/// Members are sorted by UTF-16 code units, numbers print as ECMAScript prints them.
pub fn to_string(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// The digest of a value's canonical bytes.
pub fn digest(value: &Value) -> Digest {
    Digest::of(to_string(value).as_bytes())
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by(|(a, _), (b, _)| by_utf16(a, b));
            out.push('{');
            for (index, (name, member)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(name, out);
                out.push(':');
                write(member, out);
            }
            out.push('}');
        }
    }
}

/// Compares by UTF-16 code units; for ASCII that is to compare the bytes.
fn by_utf16(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

/// Writes a string with the escapes of RFC 8785: the short ones, `\u00xx` for other controls, nothing else.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut plain_from = 0;
    // What is escaped is ASCII, so each place is a boundary of characters.
    for (place, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            0x8 => "\\b",
            0x9 => "\\t",
            0xa => "\\n",
            0xc => "\\f",
            0xd => "\\r",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&text[plain_from..place]);
        plain_from = place + 1;
        if short.is_empty() {
            out.push_str(&format!("\\u{byte:04x}"));
        } else {
            out.push_str(short);
        }
    }
    out.push_str(&text[plain_from..]);
    out.push('"');
}

fn write_number(number: &serde_json::Number, out: &mut String) {
    match number.as_f64() {
        Some(number) => write_double(number, out),
        None => out.push_str(&number.to_string()),
    }
}

/// Prints a finite double as ECMAScript's `Number::toString` does.
pub fn number_to_string(number: f64) -> String {
    let mut out = String::new();
    write_double(number, &mut out);
    out
}

fn write_double(number: f64, out: &mut String) {
    /// Outside of these magnitudes ECMAScript prints an exponent; between them it prints what Rust prints.
    const PLAIN: std::ops::Range<f64> = 1e-6..1e21;
    if number == 0.0 {
        out.push('0');
    } else if PLAIN.contains(&number.abs()) {
        write!(out, "{number}").expect("a string takes whatever is written");
    } else {
        let scientific = format!("{number:e}");
        let (mantissa, exponent) = scientific.split_once('e').expect("`{:e}` always prints an exponent");
        let sign = if exponent.starts_with('-') { "" } else { "+" };
        write!(out, "{mantissa}e{sign}{exponent}").expect("a string takes whatever is written");
    }
}

/// Says whether a double holds a JSON number's text exactly enough that printing it gives the same number back.
///
/// `0.1` does, `9007199254740993` and `0.1000000000000000055511151231257827` do not.
pub fn is_exact(number_text: &str) -> bool {
    /// Every decimal of so many digits comes back from the nearest double as it was.
    const DIGITS_HELD: usize = f64::DIGITS as usize;
    let is_short = number_text.len() <= DIGITS_HELD;
    if is_short && number_text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.')) {
        return true;
    }
    match number_text.parse::<f64>() {
        Ok(number) if number.is_finite() => decimal(number_text) == decimal(&number_to_string(number)),
        Ok(_) | Err(_) => false,
    }
}

/// The place of the first whole number in a value that no double holds: a 64-bit id, as a rule. As a JSON pointer.
pub fn first_inexact(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => (!holds(number)).then(String::new),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| first_inexact(item).map(|place| format!("/{index}{place}"))),
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            first_inexact(member).map(|place| format!("/{}{place}", name.replace('~', "~0").replace('/', "~1")))
        }),
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}

/// Whether a double holds a number as it is.
fn holds(number: &serde_json::Number) -> bool {
    match (number.as_i64(), number.as_u64()) {
        (Some(whole), _) => (whole as f64) as i128 == i128::from(whole),
        (None, Some(whole)) => (whole as f64) as u128 == u128::from(whole),
        (None, None) => true,
    }
}

/// A decimal numeral as sign, digits without outer zeros, and the exponent of the last digit.
fn decimal(text: &str) -> (bool, String, i64) {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let mut exponent: i64 = exponent.parse().unwrap_or(0);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    exponent -= fraction.len() as i64;
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let trimmed = digits.trim_end_matches('0');
    if trimmed.is_empty() {
        return (false, String::new(), 0);
    }
    exponent += (digits.len() - trimmed.len()) as i64;
    (negative, trimmed.to_owned(), exponent)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_rfc_examples_print_as_the_rfc_says() {
        let value = json!({
            "numbers": [333_333_333.333_333_3, 1E30, 4.50, 2e-3, 0.000_000_000_000_000_000_000_000_001, -0.0],
            "string": "\u{20ac}$\u{000F}\u{000a}A'\u{0042}\u{0022}\u{005c}\\\"/",
            "literals": [null, true, false]
        });
        assert_eq!(
            to_string(&value),
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27,0],\
             \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        );
    }

    #[test]
    fn members_sort_by_utf16() {
        let value = json!({ "\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7 });
        assert_eq!(
            to_string(&value),
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}"
        );
    }

    #[test]
    fn numbers_that_no_double_holds_are_told_apart() {
        for text in ["0.1", "1e2", "9007199254740992", "1.50", "-0", "1E+2", "123456789.25"] {
            assert!(is_exact(text), "{text}");
        }
        for text in ["9007199254740993", "12345678901234567890", "0.10000000000000000001", "1e400"] {
            assert!(!is_exact(text), "{text}");
        }
    }

    #[test]
    fn a_whole_number_that_no_double_holds_is_found() {
        assert_eq!(
            first_inexact(&json!({ "a": [1, { "id/~": 9_007_199_254_740_993_i64 }] })).as_deref(),
            Some("/a/1/id~1~0")
        );
        assert_eq!(first_inexact(&json!(u64::MAX)).as_deref(), Some(""));
        let held = json!([1.5, 9_007_199_254_740_992_u64, -1, u64::MAX - 2047, i64::MIN, "12345678901234567890"]);
        assert_eq!(first_inexact(&held), None);
    }

    /// As the rule of ECMA-262 says it, digit by digit.
    fn ecma(number: f64) -> String {
        if number == 0.0 {
            return "0".to_owned();
        }
        let scientific = format!("{:e}", number.abs());
        let (mantissa, exponent) = scientific.split_once('e').unwrap();
        let exponent: i32 = exponent.parse().unwrap();
        let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
        let count = digits.len() as i32;
        let point = exponent + 1;
        let magnitude = if (count..=21).contains(&point) {
            format!("{digits}{}", "0".repeat((point - count) as usize))
        } else if (1..=21).contains(&point) {
            format!("{}.{}", &digits[..point as usize], &digits[point as usize..])
        } else if (-5..=0).contains(&point) {
            format!("0.{}{digits}", "0".repeat(point.unsigned_abs() as usize))
        } else {
            let (first, rest) = digits.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            format!("{first}{dot}{rest}e{}{}", if point > 0 { '+' } else { '-' }, (point - 1).abs())
        };
        if number < 0.0 { format!("-{magnitude}") } else { magnitude }
    }

    #[test]
    fn numbers_at_the_borders_of_exponents_print_as_ecmascript_prints_them() {
        for border in [1e-7, 1e-6, 1e-5, 1e15, 1e16, 1e20, 1e21, 1e22, f64::MAX, f64::MIN_POSITIVE, 5e-324] {
            for bits in border.to_bits().saturating_sub(2)..=border.to_bits().saturating_add(2).min(f64::MAX.to_bits())
            {
                let number = f64::from_bits(bits);
                assert_eq!(number_to_string(number), ecma(number));
                assert_eq!(number_to_string(-number), ecma(-number));
            }
        }
    }

    proptest! {
        #[test]
        fn a_number_prints_as_ecmascript_prints_it(bits in any::<u64>(), near in -1e25..1e25f64, small in -1e-4..1e-4f64) {
            for number in [f64::from_bits(bits), near, small, near.trunc()] {
                prop_assume!(number.is_finite());
                prop_assert_eq!(number_to_string(number), ecma(number));
            }
        }

        #[test]
        fn a_short_number_comes_back_as_it_was(text in "(0|[1-9][0-9]{0,9})(\\.[0-9]{1,9})?") {
            let number: f64 = text.parse().unwrap();
            prop_assert_eq!(is_exact(&text), decimal(&text) == decimal(&number_to_string(number)));
        }

        #[test]
        fn a_string_is_escaped_character_by_character(text in any::<String>()) {
            let mut out = String::new();
            write_string(&text, &mut out);
            prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text.clone());
            prop_assert_eq!(out, serde_json::to_string(&text).unwrap().replace("\\u007f", "\u{7f}"));
        }

        #[test]
        fn a_number_prints_so_that_it_parses_back(bits in any::<u64>()) {
            let number = f64::from_bits(bits);
            prop_assume!(number.is_finite());
            prop_assert_eq!(number_to_string(number).parse::<f64>().unwrap(), number);
        }

        #[test]
        fn printing_is_stable_under_parsing(text in "\\PC*", number in any::<f64>()) {
            prop_assume!(number.is_finite());
            let value = json!({ &text: [text, number], "z": { "b": 1, "a": null } });
            let printed = to_string(&value);
            let parsed: Value = serde_json::from_str(&printed).unwrap();
            prop_assert_eq!(to_string(&parsed), printed);
        }
    }
}
