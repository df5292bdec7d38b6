//! Amounts that are added up: of money, of hours, of whatever an argument counts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An amount that is not negative, in whole millionths, so that sums are exact and the same in every order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Amount(i64);

/// Millionths in one.
const ONE: i64 = 1_000_000;
/// Digits behind the point of an amount.
const DIGITS: i32 = 6;
/// More digits than this in one number are no amount.
const MANTISSA_MAX: usize = 25;

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One whole.
    pub const ONE: Self = Self(ONE);

    /// An amount of millionths; none when it is negative.
    pub const fn from_millionths(millionths: i64) -> Option<Self> {
        if millionths < 0 { None } else { Some(Self(millionths)) }
    }

    /// A number of wholes.
    pub const fn whole(count: u32) -> Self {
        Self(count as i64 * ONE)
    }

    /// In millionths.
    pub const fn millionths(self) -> i64 {
        self.0
    }

    /// The amount that a number says, rounded up, so that what is counted is never less than what is asked for. None
    /// for a negative number, and for one too large to be added up.
    pub fn rounded_up(number: &serde_json::Number) -> Option<Self> {
        read(&number.to_string()).map(|(amount, _)| amount)
    }

    /// The amount that a number says exactly; none otherwise.
    pub fn exact(number: &serde_json::Number) -> Option<Self> {
        read(&number.to_string()).filter(|(_, exact)| *exact).map(|(amount, _)| amount)
    }

    /// The sum; the largest amount there is where it would be more.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The amount as a number, for those who write it down.
    pub fn to_number(self) -> serde_json::Number {
        let text = self.to_string();
        text.parse().expect("digits and a point are a number")
    }
}

/// Reads digits, perhaps with a point and an exponent; says whether nothing was rounded.
fn read(text: &str) -> Option<(Amount, bool)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > MANTISSA_MAX || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        // A sign among them is a negative number; negative nothing is no amount either.
        return None;
    }
    let value: u128 = digits.parse().ok()?;
    let shift = exponent.checked_add(DIGITS)?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let size = 10_u128.checked_pow(shift.unsigned_abs());
    let (millionths, exact) = match (shift >= 0, size) {
        _ if value == 0 => (0, true),
        (true, Some(size)) => (value.checked_mul(size)?, true),
        (true, None) => return None,
        (false, Some(size)) => (value.div_ceil(size), value.is_multiple_of(size)),
        (false, None) => (1, false),
    };
    i64::try_from(millionths).ok().map(|millionths| (Amount(millionths), exact))
}

impl FromStr for Amount {
    type Err = MalformedAmount;

    fn from_str(text: &str) -> Result<Self, MalformedAmount> {
        let plain =
            text.starts_with(|c: char| c.is_ascii_digit()) && !text.contains(['e', 'E']) && !text.ends_with('.');
        let read = if plain { read(text) } else { None };
        read.filter(|(_, exact)| *exact).map(|(amount, _)| amount).ok_or_else(|| MalformedAmount(text.to_owned()))
    }
}

/// Why a text is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no amount such as `12` or `0.25`, with at most six digits behind the point")]
pub struct MalformedAmount(pub String);

/// Prints without a needless point: `12`, `0.25`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / ONE, self.0 % ONE);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        let rest = format!("{rest:06}");
        write!(f, "{whole}.{}", rest.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Number, Value, json};

    use super::*;

    fn up(value: Value) -> Option<String> {
        match value {
            Value::Number(number) => Amount::rounded_up(&number).map(|amount| amount.to_string()),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    #[test]
    fn numbers_become_amounts_and_are_never_rounded_down() {
        assert_eq!(up(json!(12)).as_deref(), Some("12"));
        assert_eq!(up(json!(12.5)).as_deref(), Some("12.5"));
        assert_eq!(up(json!(0.30000000000000004)).as_deref(), Some("0.300001"));
        assert_eq!(up(json!(1e-9)).as_deref(), Some("0.000001"));
        assert_eq!(up(json!(5e-324)).as_deref(), Some("0.000001"));
        assert_eq!(up(json!(1e12)).as_deref(), Some("1000000000000"));
        assert_eq!(up(json!(0)).as_deref(), Some("0"));
        for refused in [json!(-1), json!(-0.0), json!(1e15), json!(1e300), json!(u64::MAX)] {
            assert_eq!(up(refused.clone()), None, "{refused}");
        }
    }

    #[test]
    fn a_text_is_an_amount_only_when_it_is_exact() {
        assert_eq!("0.20".parse::<Amount>().unwrap().to_string(), "0.2");
        for text in ["", ".5", "5.", "-1", "+1", "1e3", "0.0000001", "1,5", " 1", "1.2.3"] {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
        assert_eq!(Amount::exact(&Number::from_f64(0.30000000000000004).unwrap()), None);
    }

    proptest! {
        #[test]
        fn an_amount_reads_back_as_it_prints(millionths in 0i64..i64::MAX) {
            let amount = Amount::from_millionths(millionths).unwrap();
            prop_assert_eq!(amount.to_string().parse::<Amount>().unwrap(), amount);
        }
    }
}
