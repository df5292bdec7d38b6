//! Days, as the people of the stories count them.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

/// A place on earth where it is noon now: nobody there sleeps, and no day ends while a test runs.
pub(crate) struct Noon {
    /// The name of its time zone.
    pub(crate) zone: String,
    /// Today, there.
    pub(crate) today: Date,
}

impl Noon {
    pub(crate) fn now() -> Self {
        let offset = 12 - Timestamp::now().to_zoned(TimeZone::UTC).hour();
        // These zones are named for what is to be added to get the time of Greenwich.
        let zone = if offset == 0 { "Etc/GMT".to_owned() } else { format!("Etc/GMT{:+}", -offset) };
        let there = Timestamp::now() + SignedDuration::from_hours(i64::from(offset));
        Self { zone, today: there.to_zoned(TimeZone::UTC).date() }
    }

    /// The day so many days from today.
    pub(crate) fn day(&self, days: i64) -> Date {
        self.today.checked_add(Span::new().days(days)).expect("the calendar goes on")
    }
}

/// The minutes of a cron line that fires so often, and for the first time when nearly all of that time has gone by: what a
/// test starts by hand is all that runs.
pub(crate) fn every(minutes: i8) -> String {
    let now = Timestamp::now().to_zoned(TimeZone::UTC).minute();
    let first = (i16::from(now) + i16::from(minutes) - 1) % i16::from(minutes);
    if minutes < 60 { format!("{first}-59/{minutes}") } else { first.to_string() }
}

/// The moment so many minutes ago.
pub(crate) fn minutes_ago(minutes: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_mins(minutes)
}
