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
