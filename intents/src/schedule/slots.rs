//! The slots of a rule: the instants at which it fires.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::{Cadence, CronSpec, Zone};
use crate::Timestamp;

/// What identifies a slot among those of its trigger, and keeps it from firing twice: `slot:2026-03-29T07:00:00.000Z`.
pub fn slot_key(slot: Timestamp) -> String {
    format!("slot:{slot}")
}

/// The first slot after `after`, or none before the end of representable time.
pub fn next_slot(spec: &CronSpec, zone: &Zone, after: Timestamp) -> Option<Timestamp> {
    match spec.cadence() {
        Cadence::Fixed => next_fixed(spec, zone.rules(), after),
        Cadence::Interval => next_interval(spec, zone.rules(), after),
    }
}

/// The slots after `after` and not after `until`, the earliest `max` of them, strictly increasing.
pub fn slots_between(spec: &CronSpec, zone: &Zone, after: Timestamp, until: Timestamp, max: usize) -> Vec<Timestamp> {
    let mut slots = Vec::new();
    let mut last = after;
    while slots.len() < max {
        match next_slot(spec, zone, last) {
            Some(slot) if slot <= until => slots.push(slot),
            Some(_) | None => break,
        }
        last = slots.last().copied().unwrap_or(last);
    }
    slots
}

/// The last slot after `after` and not after `until`.
///
/// It looks into a longer and longer past, so that neither a dense rule nor a long downtime costs much.
pub fn latest_slot(spec: &CronSpec, zone: &Zone, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
    const FIRST_LOOK: Duration = Duration::from_secs(60);
    const WIDEN: u32 = 8;
    let mut look = FIRST_LOOK;
    loop {
        let start = (until - look).max(after);
        let slots = slots_between(spec, zone, start, until, usize::MAX);
        if let Some(latest) = slots.last() {
            return Some(*latest);
        }
        if start <= after {
            return None;
        }
        look = look.saturating_mul(WIDEN);
    }
}

/// Local times in their order, each at its one instant. The instants never run backwards, so the first that lies
/// after `after` is the next slot.
fn next_fixed(spec: &CronSpec, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let mut local = local_time(zone, after);
    loop {
        local = spec.next_local(local, false)?;
        let slot = the_instant(zone, local)?;
        if slot > after {
            return Some(slot);
        }
    }
}

/// The one instant of a local time: the first of two, or the end of the gap that swallowed it.
pub(super) fn the_instant(zone: &TimeZone, local: DateTime) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let instant = match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok()?,
        AmbiguousOffset::Gap { after, .. } => {
            // Read with the later offset, a time in the gap lies before the change, so that the change comes next.
            let before_change = after.to_timestamp(local).ok()?;
            zone.following(before_change).next()?.timestamp()
        }
    };
    Some(Timestamp::from_jiff(instant))
}

/// Between two changes of the offset local time and real time run in step, so each such stretch is searched alone.
fn next_interval(spec: &CronSpec, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let mut from = after.to_jiff();
    let mut inclusive = false;
    loop {
        let offset = zone.to_offset(from);
        let local = spec.next_local(offset.to_datetime(from), inclusive)?;
        let slot = offset.to_timestamp(local).ok()?;
        match zone.following(from).next().map(|change| change.timestamp()) {
            Some(change) if change <= slot => (from, inclusive) = (change, true),
            Some(_) | None => return Some(Timestamp::from_jiff(slot)),
        }
    }
}

pub(super) fn local_time(zone: &TimeZone, at: Timestamp) -> DateTime {
    zone.to_offset(at.to_jiff()).to_datetime(at.to_jiff())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_jiff(text.parse().unwrap())
    }

    /// The slots of a stretch, as people there read them.
    fn check(cron: &str, zone: &str, after: &str, until: &str, expected: &[&str]) {
        let (spec, zone): (CronSpec, Zone) = (cron.parse().unwrap(), zone.parse().unwrap());
        let slots: Vec<_> = slots_between(&spec, &zone, at(after), at(until), 1000)
            .into_iter()
            .map(|slot| slot.to_jiff().to_zoned(zone.rules().clone()).strftime("%d %H:%M %z").to_string())
            .collect();
        assert_eq!(slots, expected, "{cron}");
    }

    #[test]
    fn a_time_that_does_not_exist_fires_once_when_the_gap_ends() {
        let spring = ("2026-03-27T23:00:00Z", "2026-03-30T21:59:00Z");
        check("30 2 * * *", "Europe/Rome", spring.0, spring.1, &["28 02:30 +0100", "29 03:00 +0200", "30 02:30 +0200"]);
        // Both times of the gap, and the time at its end, are one slot.
        check("0,30 2,3 29 * *", "Europe/Rome", spring.0, spring.1, &["29 03:00 +0200", "29 03:30 +0200"]);
        check(
            "15 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-02T14:00:00Z",
            "2026-10-04T12:00:00Z",
            &["03 02:15 +1030", "04 02:30 +1100"],
        );
    }

    #[test]
    fn a_time_that_exists_twice_fires_once_at_the_first() {
        check(
            "30 2 * * *",
            "Europe/Rome",
            "2026-10-24T22:00:00Z",
            "2026-10-26T12:00:00Z",
            &["25 02:30 +0200", "26 02:30 +0100"],
        );
        check(
            "30 1 * * *",
            "America/New_York",
            "2026-11-01T04:00:00Z",
            "2026-11-02T12:00:00Z",
            &["01 01:30 -0400", "02 01:30 -0500"],
        );
        check(
            "45 1 * * *",
            "Australia/Lord_Howe",
            "2026-04-04T12:00:00Z",
            "2026-04-05T18:00:00Z",
            &["05 01:45 +1100", "06 01:45 +1030"],
        );
    }

    #[test]
    fn a_day_that_does_not_exist_fires_once_when_the_next_begins() {
        check(
            "0 9 * * *",
            "Pacific/Apia",
            "2011-12-29T10:00:00Z",
            "2012-01-01T10:00:00Z",
            &["29 09:00 -1000", "31 00:00 +1400", "31 09:00 +1400", "01 09:00 +1400"],
        );
        check(
            "0 * * * *",
            "Pacific/Apia",
            "2011-12-30T08:00:00Z",
            "2011-12-30T11:00:00Z",
            &["29 23:00 -1000", "31 00:00 +1400", "31 01:00 +1400"],
        );
    }

    #[test]
    fn a_rhythm_goes_on_in_real_time() {
        check(
            "*/30 * * * *",
            "Europe/Rome",
            "2026-10-25T00:00:00Z",
            "2026-10-25T02:00:00Z",
            &["25 02:30 +0200", "25 02:00 +0100", "25 02:30 +0100", "25 03:00 +0100"],
        );
        check(
            "*/30 * * * *",
            "Europe/Rome",
            "2026-03-29T00:00:00Z",
            "2026-03-29T01:30:00Z",
            &["29 01:30 +0100", "29 03:00 +0200", "29 03:30 +0200"],
        );
        check(
            "0 9 * * *",
            "Asia/Kolkata",
            "2026-03-28T00:00:00Z",
            "2026-03-29T12:00:00Z",
            &["28 09:00 +0530", "29 09:00 +0530"],
        );
    }

    #[test]
    fn the_key_of_a_slot_is_its_time() {
        assert_eq!(slot_key(at("2026-03-29T07:00:00Z")), "slot:2026-03-29T07:00:00.000Z");
    }

    const ZONES: [&str; 7] = [
        "Europe/Rome",
        "America/New_York",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Asia/Kathmandu",
        "UTC",
    ];

    fn rules() -> impl Strategy<Value = (CronSpec, Zone)> {
        let crons = [
            "30 2 * * *",
            "0,30 1-3 * * *",
            "*/7 * * * *",
            "*/5 2 * * *",
            "15 */2 * * 1-5",
            "0 0 1 * *",
            "0 * * * *",
            "*/20 * 2 * * *",
        ];
        (prop::sample::select(crons.to_vec()), prop::sample::select(ZONES.to_vec()))
            .prop_map(|(cron, zone)| (cron.parse().unwrap(), zone.parse().unwrap()))
    }

    /// Instants near changes of clocks, from 2010 to 2030.
    fn instants() -> impl Strategy<Value = Timestamp> {
        prop_oneof![
            1_262_304_000_000i64..1_893_456_000_000,
            (1_774_745_200_000i64..1_774_749_800_000),
            (1_325_200_000_000i64..1_325_300_000_000),
            (1_792_888_000_000i64..1_792_899_000_000),
        ]
        .prop_map(Timestamp::from_millis)
    }

    proptest! {
        #[test]
        fn slots_strictly_increase_and_no_cut_loses_or_doubles_one(
            (spec, zone) in rules(), start in instants(), cut in 0u64..200_000,
        ) {
            let all = slots_between(&spec, &zone, start, start + Duration::from_secs(200_000), 300);
            prop_assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(all.first().is_none_or(|first| *first > start));
            let end = all.last().copied().unwrap_or(start);
            let cut = (start + Duration::from_secs(cut)).min(end);
            let mut pieces = slots_between(&spec, &zone, start, cut, 300);
            pieces.extend(slots_between(&spec, &zone, cut, end, 300));
            prop_assert_eq!(&pieces, &all);
            prop_assert_eq!(latest_slot(&spec, &zone, start, end), all.last().copied());
        }

        #[test]
        fn five_minutes_are_five_minutes_on_every_day_of_the_year(
            zone in prop::sample::select(ZONES.to_vec()), start in instants(),
        ) {
            let (spec, zone): (CronSpec, Zone) = ("*/5 * * * *".parse().unwrap(), zone.parse().unwrap());
            let slots = slots_between(&spec, &zone, start, start + Duration::from_secs(86_400), 1000);
            prop_assert!(slots.windows(2).all(|pair| pair[1].since(pair[0]) == Duration::from_secs(300)));
        }

        #[test]
        fn a_daily_time_fires_once_for_each_local_day(
            zone in prop::sample::select(ZONES.to_vec()), start in instants(), hour in 0u8..24, minute in 0u8..60,
        ) {
            let spec: CronSpec = format!("{minute} {hour} * * *").parse().unwrap();
            let zone: Zone = zone.parse().unwrap();
            let end = start + Duration::from_secs(10 * 86_400);
            let slots = slots_between(&spec, &zone, start, end, 1000);
            let days = |at| local_time(zone.rules(), at).date();
            let local_days = days(start).until(days(end)).unwrap().get_days();
            prop_assert!((slots.len() as i32 - local_days).abs() <= 1, "{} slots in {local_days} days", slots.len());
        }
    }
}
