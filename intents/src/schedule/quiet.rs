//! Hours of the day at which nothing happens.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time};
use jiff::{Span, ToSpan};

use super::Zone;
use super::slots::{local_time, the_instant};
use crate::Timestamp;

/// A stretch of each day on the clock of a zone, perhaps over midnight.
///
/// Each stretch begins and ends at the instants at which schedules of these times would fire: a time that exists
/// twice counts at its first, one that does not exist counts right after the gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietHours {
    /// When the stretch begins.
    pub from: TimeOfDay,
    /// When it ends; earlier than `from` means on the next day. Never the same.
    pub to: TimeOfDay,
    /// On which clock.
    pub zone: Zone,
}

/// A time of the day, to the minute: `20:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay {
    hour: i8,
    minute: i8,
}

/// Why a text is no time of the day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time of the day from `00:00` to `23:59`")]
pub struct MalformedTime(pub String);

/// Stretches that touch each other, as where a day is missing from the calendar, are few.
const TOUCHING_MAX: usize = 8;

impl QuietHours {
    /// When it will be over, if it is quiet now.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let mut end = self.stretch_around(now)?;
        for _ in 0..TOUCHING_MAX {
            match self.stretch_around(end) {
                Some(later) => end = later,
                None => break,
            }
        }
        Some(end)
    }

    /// The end of the last stretch that holds an instant.
    fn stretch_around(&self, at: Timestamp) -> Option<Timestamp> {
        let today = local_time(self.zone.rules(), at).date();
        // A change of the clock moves an instant by a day at most.
        let days = (-2..=1).filter_map(|shift: i32| today.checked_add(days(shift)).ok());
        let stretches = days.filter_map(|day| self.stretch_of(day));
        stretches.filter(|(from, to)| *from <= at && at < *to).map(|(_, to)| to).max()
    }

    fn stretch_of(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        let last = if self.from < self.to { day } else { day.tomorrow().ok()? };
        let instant = |day: Date, time: TimeOfDay| the_instant(self.zone.rules(), day.to_datetime(time.civil()));
        Some((instant(day, self.from)?, instant(last, self.to)?))
    }

    /// Whether it is quiet whenever it is quiet for `other`.
    pub fn includes(&self, other: &Self) -> bool {
        let minutes = |from: TimeOfDay, to: TimeOfDay| (to.minutes() - from.minutes()).rem_euclid(MINUTES_OF_DAY);
        let offset = minutes(self.from, other.from);
        self.zone == other.zone && offset + minutes(other.from, other.to) <= minutes(self.from, self.to)
    }
}

const MINUTES_OF_DAY: i32 = 24 * 60;

fn days(count: i32) -> Span {
    count.days()
}

impl TimeOfDay {
    fn civil(self) -> Time {
        Time::constant(self.hour, self.minute, 0, 0)
    }

    fn minutes(self) -> i32 {
        i32::from(self.hour) * 60 + i32::from(self.minute)
    }
}

impl FromStr for TimeOfDay {
    type Err = MalformedTime;

    fn from_str(text: &str) -> Result<Self, MalformedTime> {
        let number = |digits: &str, max: i8| {
            let number = digits.parse().ok().filter(|number| (0..=max).contains(number))?;
            (digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit())).then_some(number)
        };
        let read = || {
            let (hour, minute) = text.split_once(':')?;
            Some(Self { hour: number(hour, 23)?, minute: number(minute, 59)? })
        };
        read().ok_or_else(|| MalformedTime(text.chars().take(32).collect()))
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hours(from: &str, to: &str, zone: &str) -> QuietHours {
        QuietHours { from: from.parse().unwrap(), to: to.parse().unwrap(), zone: zone.parse().unwrap() }
    }

    fn until(hours: &QuietHours, now: &str) -> Option<String> {
        hours.until(Timestamp::from_jiff(now.parse().unwrap())).map(|at| at.to_string())
    }

    #[test]
    fn the_night_is_quiet_over_midnight() {
        let night = hours("20:00", "07:00", "Europe/Rome");
        assert_eq!(until(&night, "2026-11-20T18:59:59Z"), None);
        assert_eq!(until(&night, "2026-11-20T19:00:00Z").as_deref(), Some("2026-11-21T06:00:00.000Z"));
        assert_eq!(until(&night, "2026-11-21T05:59:59.999Z").as_deref(), Some("2026-11-21T06:00:00.000Z"));
        assert_eq!(until(&night, "2026-11-21T06:00:00Z"), None);
        let noon = hours("12:00", "13:00", "UTC");
        assert_eq!(until(&noon, "2026-11-20T12:30:00Z").as_deref(), Some("2026-11-20T13:00:00.000Z"));
        assert_eq!(until(&noon, "2026-11-20T13:00:00Z"), None);
    }

    #[test]
    fn clocks_that_change_move_the_hours_as_they_move_schedules() {
        // In Rome 02:00 to 03:00 does not exist on the 29th of March, and exists twice on the 25th of October.
        let gap = hours("02:15", "02:45", "Europe/Rome");
        assert_eq!(until(&gap, "2026-03-29T00:59:59Z"), None);
        assert_eq!(until(&gap, "2026-03-29T01:00:00Z"), None);
        let twice = hours("02:15", "02:45", "Europe/Rome");
        assert_eq!(until(&twice, "2026-10-25T00:20:00Z").as_deref(), Some("2026-10-25T00:45:00.000Z"));
        assert_eq!(until(&twice, "2026-10-25T01:20:00Z"), None);
        let night = hours("20:00", "02:30", "Europe/Rome");
        assert_eq!(until(&night, "2026-03-29T00:30:00Z").as_deref(), Some("2026-03-29T01:00:00.000Z"));
    }

    #[test]
    fn times_of_the_day_have_one_spelling() {
        for text in ["24:00", "7:00", "07:60", "0700", "07:00:00", "+7:00", "", "07:0"] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text}");
        }
        assert_eq!("07:05".parse::<TimeOfDay>().unwrap().to_string(), "07:05");
    }

    fn times() -> impl Strategy<Value = String> {
        (0u8..24, 0u8..60).prop_map(|(hour, minute)| format!("{hour:02}:{minute:02}"))
    }

    proptest! {
        #[test]
        fn hours_that_include_others_are_quiet_whenever_these_are(
            times in prop::collection::vec(times(), 4), at in 1_770_000_000i64..1_800_000_000,
        ) {
            prop_assume!(times[0] != times[1] && times[2] != times[3]);
            let (wide, narrow) = (hours(&times[0], &times[1], "Europe/Rome"), hours(&times[2], &times[3], "Europe/Rome"));
            let now = Timestamp::from_millis(at * 1000);
            if wide.includes(&narrow) && narrow.until(now).is_some() {
                prop_assert!(wide.until(now).is_some());
            }
            if let Some(until) = narrow.until(now) {
                prop_assert!(until > now && narrow.until(until).is_none());
            }
        }
    }
}
