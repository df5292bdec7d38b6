//! A time of each day, on the clock of a zone.

use crate::Timestamp;
use crate::schedule::{CronSpec, TimeOfDay, Zone, latest_slot, next_slot};

/// A time of each day. It comes once on days on which the clock changes, as schedules do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daily {
    /// The time.
    pub at: TimeOfDay,
    /// On which clock.
    pub zone: Zone,
}

impl Daily {
    /// The first time after another.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        next_slot(&self.spec(), &self.zone, after)
    }

    /// The last time after one and not after another.
    pub fn latest(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        latest_slot(&self.spec(), &self.zone, after, until)
    }

    fn spec(&self) -> CronSpec {
        let text = self.at.to_string();
        let (hour, minute) = text.split_once(':').expect("a time of the day prints as hour and minute");
        let number = |digits: &str| digits.parse::<u8>().expect("they are digits");
        let cron = format!("{} {} * * *", number(minute), number(hour));
        cron.parse().expect("a time of each day is a schedule")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::from_jiff(text.parse().unwrap())
    }

    #[test]
    fn it_comes_once_a_day_on_the_clock_of_its_zone() {
        let morning = Daily { at: "08:00".parse().unwrap(), zone: "Europe/Rome".parse().unwrap() };
        assert_eq!(morning.next(time("2026-11-20T07:00:00Z")), Some(time("2026-11-21T07:00:00Z")));
        assert_eq!(morning.next(time("2026-11-20T06:59:59Z")), Some(time("2026-11-20T07:00:00Z")));
        let (from, until) = (time("2026-11-18T07:00:00Z"), time("2026-11-21T12:00:00Z"));
        assert_eq!(morning.latest(from, until), Some(time("2026-11-21T07:00:00Z")));
        assert_eq!(morning.latest(from, time("2026-11-19T06:00:00Z")), None);
    }
}
