//! Cron lines, parsed into something that fires.

use std::fmt;
use std::str::FromStr;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::{DateTime, date};

/// A cron line of five fields (minute, hour, day of month, month, day of week) or six (seconds first).
///
/// It cannot be wrong: it parses, and in any eight years it fires at least once.
#[derive(Clone)]
pub struct CronSpec {
    text: String,
    // Boxed, for it is large and stands in enums.
    pattern: Box<Cron>,
    cadence: Cadence,
}

/// How a rule meets a change of the clock. The module's documentation has the reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cadence {
    /// Names times of the day: each fires exactly once, whether it exists never, once or twice.
    Fixed,
    /// Names a rhythm: fires at each instant whose local time matches.
    Interval,
}

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedCron {
    /// It does not parse.
    #[error("`{text}` is no cron line of five or six fields, such as `0 9 * * 1-5`: {reason}")]
    Syntax {
        /// The line.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It parses, and names a date that never comes.
    #[error("`{0}` never fires, or less than once in eight years")]
    NeverFires(String),
}

/// Longer lines are mistakes.
const BYTES_MAX: usize = 128;
/// Rarer rules are mistakes. Eight years, since 29 February skips 2100.
const RAREST_YEARS: i16 = 8;
/// The years in which a rule must fire often enough. They hold the gap of 2100.
const CHECKED_YEARS: std::ops::Range<i16> = 2024..2110;

impl CronSpec {
    /// The line, with single spaces.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How the rule meets a change of the clock.
    pub fn cadence(&self) -> Cadence {
        self.cadence
    }

    /// The fields, always six: a missing seconds field is `0`.
    pub fn fields(&self) -> [&str; 6] {
        six_fields(&self.text).unwrap_or(["0"; 6])
    }

    /// The first matching local time after `after`, or at it where `inclusive`. Whole seconds.
    pub(super) fn next_local(&self, after: DateTime, inclusive: bool) -> Option<DateTime> {
        self.pattern.find_next_occurrence(&after, inclusive).ok()
    }

    fn fires_often_enough(&self) -> bool {
        fires_each_year(self.fields()) || self.fires_in_every_eight_years()
    }

    fn fires_in_every_eight_years(&self) -> bool {
        CHECKED_YEARS.into_iter().all(|year| {
            let start = date(year, 1, 1).at(0, 0, 0, 0);
            let end = date(year + RAREST_YEARS, 1, 1).at(0, 0, 0, 0);
            self.next_local(start, true).is_some_and(|first| first < end)
        })
    }
}

impl FromStr for CronSpec {
    type Err = MalformedCron;

    fn from_str(text: &str) -> Result<Self, MalformedCron> {
        let malformed = |reason: String| MalformedCron::Syntax { text: text.chars().take(BYTES_MAX).collect(), reason };
        if text.len() > BYTES_MAX {
            return Err(malformed(format!("it is longer than {BYTES_MAX} bytes")));
        }
        let fields = six_fields(text).ok_or_else(|| malformed("it does not have five or six fields".to_owned()))?;
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let pattern = parser.parse(text).map_err(|error| malformed(error.to_string()))?;
        let every_hour = pattern.pattern.hours.values().len() == 24;
        let rhythm = [fields[0], fields[1]].iter().any(|field| !field.bytes().all(|b| b.is_ascii_digit() || b == b','));
        let cadence = if every_hour || rhythm { Cadence::Interval } else { Cadence::Fixed };
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let spec = Self { text, pattern: Box::new(pattern), cadence };
        if spec.fires_often_enough() { Ok(spec) } else { Err(MalformedCron::NeverFires(spec.text)) }
    }
}

/// Whether the fields alone show it, as they do for most rules: looking at every year takes longer than all the rest.
///
/// Each month has each day of the week, and each day up to the 28th. Two of these together mean either.
fn fires_each_year([_, _, _, day, _, weekday]: [&str; 6]) -> bool {
    const DAY_OF_EVERY_MONTH_MAX: u8 = 28;
    let any = |field: &str| matches!(field, "*" | "?");
    let plain_weekday = weekday.bytes().all(|b| b.is_ascii_alphanumeric() || b == b',' || b == b'-')
        && !weekday.bytes().any(|b| b.eq_ignore_ascii_case(&b'L'));
    let plain_day = day.split(',').all(|day| day.parse().is_ok_and(|day: u8| day <= DAY_OF_EVERY_MONTH_MAX));
    (any(day) || plain_day) && (any(weekday) || plain_weekday)
}

fn six_fields(text: &str) -> Option<[&str; 6]> {
    let fields: Vec<_> = text.split_whitespace().collect();
    match *fields.as_slice() {
        [minute, hour, day, month, weekday] => Some(["0", minute, hour, day, month, weekday]),
        [second, minute, hour, day, month, weekday] => Some([second, minute, hour, day, month, weekday]),
        _ => None,
    }
}

impl PartialEq for CronSpec {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for CronSpec {}

impl fmt::Display for CronSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for CronSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CronSpec({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_fields_show_is_what_the_years_show() {
        let days = ["*", "?", "1", "28", "29", "31", "1,31", "L", "15W", "1-7", "*/10"];
        let months = ["*", "2", "FEB,APR", "4"];
        let weekdays = ["*", "?", "0", "7", "MON-FRI", "5#5", "5L", "FRI#L", "+1", "1,3"];
        let mut shown = 0;
        for ((day, month), weekday) in
            days.iter().flat_map(|d| months.map(|m| (*d, m))).flat_map(|dm| weekdays.map(|w| (dm, w)))
        {
            let text = format!("30 7 {day} {month} {weekday}");
            let Ok(pattern) =
                CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build().parse(&text)
            else {
                continue;
            };
            let spec = CronSpec { text, pattern: Box::new(pattern), cadence: Cadence::Fixed };
            if fires_each_year(spec.fields()) {
                shown += 1;
                assert!(spec.fires_in_every_eight_years(), "{spec}");
            }
        }
        assert!(shown > 50, "{shown}");
    }

    #[test]
    fn lines_that_fire_are_taken() {
        for text in [
            "0 9 * * 1-5",
            "*/15 * * * *",
            "30 0 9 * * MON",
            "0 0 29 2 *",
            "0 0 L * *",
            "0 9 * * 5#2",
            " 0  9 1 JAN ? ",
        ] {
            assert!(text.parse::<CronSpec>().is_ok(), "{text}");
        }
    }

    #[test]
    fn lines_that_never_fire_are_found_without_a_clock() {
        for text in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 29 2 +MON"] {
            assert_eq!(text.parse::<CronSpec>(), Err(MalformedCron::NeverFires(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn lines_that_mean_nothing_are_refused() {
        for text in [
            "",
            "* * * *",
            "* * * * * * *",
            "60 * * * *",
            "0 24 * * *",
            "0 0 0 * *",
            "*/0 * * * *",
            "@daily",
            "a b c d e",
            "-1 * * * *",
        ] {
            let refused = text.parse::<CronSpec>();
            assert!(matches!(refused, Err(MalformedCron::Syntax { .. })), "{text}: {refused:?}");
        }
        assert!("0,".repeat(200).parse::<CronSpec>().is_err());
    }

    #[test]
    fn times_of_the_day_are_told_from_rhythms() {
        for (text, cadence) in [
            ("0 9 * * *", Cadence::Fixed),
            ("0,30 2,14 * * *", Cadence::Fixed),
            ("0 */2 * * *", Cadence::Fixed),
            ("0 9-17 * * *", Cadence::Fixed),
            ("0 * * * *", Cadence::Interval),
            ("*/5 9-17 * * *", Cadence::Interval),
            ("0-59/5 2 * * *", Cadence::Interval),
            ("*/10 0 9 * * *", Cadence::Interval),
        ] {
            assert_eq!(text.parse::<CronSpec>().unwrap().cadence(), cadence, "{text}");
        }
    }
}
