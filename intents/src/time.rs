//! Points in time and lengths of time, in whole milliseconds.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The start of the epoch.
    pub const EPOCH: Self = Self(0);

    /// Makes a point in time from milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The time from `earlier` to this point; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }

    /// This point as a `jiff` timestamp; the ends of the representable time beyond it.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        })
    }

    /// The point in time of a `jiff` timestamp, cut to milliseconds.
    pub fn from_jiff(at: jiff::Timestamp) -> Self {
        Self(at.as_millisecond())
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, length: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(length.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, length: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(length.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// Prints as RFC 3339 in UTC, to the millisecond.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.to_jiff())
    }
}

/// A length of time as contracts write it: `90s`, `15m`, `72h`, `1d`, `2w`, or several together: `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(Duration);

/// Why a text is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a length of time such as `90s`, `15m`, `72h`, `1d` or `1h30m`")]
pub struct MalformedSpan(pub String);

/// Longer spans are mistakes: ten years.
const SPAN_MAX: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

impl Span {
    /// Makes a span of a duration.
    pub const fn new(length: Duration) -> Self {
        Self(length)
    }

    /// The length.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl std::str::FromStr for Span {
    type Err = MalformedSpan;

    fn from_str(text: &str) -> Result<Self, MalformedSpan> {
        let malformed = || MalformedSpan(text.to_owned());
        let mut total = Duration::ZERO;
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let amount: u64 = rest[..digits].parse().map_err(|_| malformed())?;
            rest = &rest[digits..];
            let (unit, seconds) = [("ms", 0), ("s", 1), ("m", 60), ("h", 3600), ("d", 86_400), ("w", 604_800)]
                .into_iter()
                .find(|(unit, _)| rest.starts_with(unit))
                .ok_or_else(malformed)?;
            rest = &rest[unit.len()..];
            let part = if unit == "ms" {
                Duration::from_millis(amount)
            } else {
                Duration::from_secs(amount.checked_mul(seconds).ok_or_else(malformed)?)
            };
            total = total.checked_add(part).ok_or_else(malformed)?;
        }
        if total.is_zero() || total > SPAN_MAX {
            return Err(malformed());
        }
        Ok(Self(total))
    }
}

/// Prints the shortest exact form: `72h` stays `3d`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut millis = self.0.as_millis();
        for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
            if millis >= size {
                write!(f, "{}{unit}", millis / size)?;
                millis %= size;
            }
        }
        Ok(())
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A length of time such as 90s, 15m, 72h, 1d or 1h30m.",
            "pattern": "^([0-9]+(ms|s|m|h|d|w))+$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_and_print() {
        for (text, seconds, printed) in
            [("90s", 90, "1m30s"), ("72h", 259_200, "3d"), ("1h30m", 5400, "1h30m"), ("2w", 1_209_600, "14d")]
        {
            let span: Span = text.parse().expect(text);
            assert_eq!((span.duration().as_secs(), span.to_string().as_str()), (seconds, printed));
        }
    }

    #[test]
    fn spans_that_mean_nothing_are_refused() {
        for text in ["", "0s", "5", "h", "1y", "-1h", "99999999999999999999d", "1.5h", "11y"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
