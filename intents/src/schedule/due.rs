//! What a scheduler must do now, whatever happened since it looked last.

use std::time::Duration;

use super::{CronSpec, Zone, latest_slot, next_slot, slots_between};
use crate::Timestamp;
use crate::time::Span;

/// What happens to times that were missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CatchUp {
    /// They are let go.
    None,
    /// The latest is made up for, once.
    #[default]
    Latest,
    /// Each is made up for, the earliest first.
    All,
}

/// A slot this late is still on time: a timer and a busy machine need some room. Later ones were missed.
pub const PUNCTUAL: Duration = Duration::from_secs(60);
/// No decision fires more; the next decision, at once, goes on where this one stopped.
pub const FIRE_MAX: usize = 100;
/// No decision lists more missed slots; beyond it only the fact that there are more is told.
pub const MISSED_MAX: usize = 100;

/// A clock further behind what was decided was wrong before or is wrong now, and somebody should know.
pub const BEHIND_MAX: Duration = Duration::from_secs(3600);

/// A schedule as its trigger states it.
#[derive(Debug, Clone, Copy)]
pub struct Rule<'a> {
    /// When it fires.
    pub spec: &'a CronSpec,
    /// On which clock.
    pub zone: &'a Zone,
    /// What happens to missed times.
    pub catch_up: CatchUp,
    /// For how long a missed time is worth anything.
    pub useful_for: Option<Span>,
}

/// What a scheduler must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The slots to fire now, the earliest first.
    pub fire: Vec<Timestamp>,
    /// The slots that will never fire.
    pub missed: Missed,
    /// Everything up to here is decided: to be stored with what fired, and given back as `settled` next time.
    pub settled: Timestamp,
    /// When to look again. Not after `now` when there is more to fire than one decision may.
    pub next: Option<Timestamp>,
    /// How far the clock stands behind what was decided, where that is more than [`BEHIND_MAX`]: nothing fires for so
    /// long, so the user is told.
    pub behind: Option<Duration>,
}

/// Slots that will never fire.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Missed {
    /// The earliest of them.
    pub slots: Vec<Timestamp>,
    /// Whether there are more than listed.
    pub more: bool,
}

/// Decides what to do, given up to where everything was decided before (at first: when the trigger was activated).
///
/// A clock that goes back fires nothing twice: nothing is due until it has passed `settled` again.
pub fn due(rule: &Rule<'_>, settled: Timestamp, now: Timestamp) -> Due {
    let punctual_from = now - PUNCTUAL;
    let worth_from = rule.useful_for.map_or(Timestamp::from_millis(i64::MIN), |span| now - span.duration());
    // Slots after `fire_from` fire; those before it are missed.
    let fire_from = match rule.catch_up {
        CatchUp::None => settled.max(punctual_from),
        CatchUp::All => settled.max(worth_from),
        CatchUp::Latest => {
            let latest = latest_slot(rule.spec, rule.zone, settled, now);
            let late = latest.filter(|slot| *slot <= punctual_from && *slot > worth_from);
            // One instant before the latest, so that it alone fires; on-time ones all fire and supersede late ones.
            late.map_or(settled.max(punctual_from), |slot| slot - Duration::from_millis(1))
        }
    };
    let mut fire = slots_between(rule.spec, rule.zone, fire_from, now, FIRE_MAX + 1);
    let more_to_fire = fire.len() > FIRE_MAX;
    fire.truncate(FIRE_MAX);
    let decided = if more_to_fire { fire.last().copied().unwrap_or(now) } else { now };
    let settled_now = settled.max(decided);
    Due {
        missed: missed(rule, settled, fire_from.min(now)),
        settled: settled_now,
        next: next_slot(rule.spec, rule.zone, settled_now),
        behind: Some(settled.since(now)).filter(|behind| *behind > BEHIND_MAX),
        fire,
    }
}

fn missed(rule: &Rule<'_>, after: Timestamp, until: Timestamp) -> Missed {
    let mut slots = slots_between(rule.spec, rule.zone, after, until, MISSED_MAX + 1);
    let more = slots.len() > MISSED_MAX;
    slots.truncate(MISSED_MAX);
    Missed { slots, more }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn at(text: &str) -> Timestamp {
        Timestamp::from_jiff(text.parse().unwrap())
    }

    fn decide(cron: &str, catch_up: CatchUp, useful_for: Option<&str>, settled: &str, now: &str) -> Due {
        let (spec, zone) = (cron.parse().unwrap(), "UTC".parse().unwrap());
        let useful_for = useful_for.map(|span| span.parse().unwrap());
        due(&Rule { spec: &spec, zone: &zone, catch_up, useful_for }, at(settled), at(now))
    }

    #[test]
    fn a_slot_fires_when_its_time_comes() {
        for catch_up in [CatchUp::None, CatchUp::Latest, CatchUp::All] {
            let due = decide("0 9 * * *", catch_up, None, "2026-01-01T10:00:00Z", "2026-01-02T09:00:00.020Z");
            assert_eq!(due.fire, [at("2026-01-02T09:00:00Z")]);
            assert_eq!(due.missed, Missed::default());
            assert_eq!(due.next, Some(at("2026-01-03T09:00:00Z")));
        }
    }

    #[test]
    fn after_three_days_of_downtime_the_clause_decides_what_is_made_up_for() {
        let (down, up) = ("2026-01-01T10:00:00Z", "2026-01-04T10:00:00Z");
        let days: Vec<_> = [2, 3, 4].into_iter().map(|day| at(&format!("2026-01-0{day}T09:00:00Z"))).collect();
        let none = decide("0 9 * * *", CatchUp::None, None, down, up);
        assert_eq!((none.fire, none.missed.slots), (vec![], days.clone()));
        let latest = decide("0 9 * * *", CatchUp::Latest, None, down, up);
        assert_eq!((latest.fire, latest.missed.slots), (vec![days[2]], days[..2].to_vec()));
        let too_old = decide("0 9 * * *", CatchUp::Latest, Some("30m"), down, up);
        assert_eq!((too_old.fire, too_old.missed.slots), (vec![], days.clone()));
        let all = decide("0 9 * * *", CatchUp::All, Some("2d"), down, up);
        assert_eq!((all.fire, all.missed.slots), (days[1..].to_vec(), days[..1].to_vec()));
    }

    #[test]
    fn a_clock_that_goes_back_fires_nothing() {
        let due = decide("* * * * *", CatchUp::All, Some("1d"), "2026-01-02T09:00:00Z", "2026-01-01T09:00:00Z");
        assert_eq!((due.fire.len(), due.missed.slots.len()), (0, 0));
        assert_eq!(due.settled, at("2026-01-02T09:00:00Z"));
        assert_eq!(due.next, Some(at("2026-01-02T09:01:00Z")));
        assert_eq!(due.behind, Some(DAY));
    }

    #[test]
    fn a_long_backlog_is_fired_in_bounded_parts() {
        let mut settled = "2026-01-01T00:00:00Z".to_owned();
        let mut fired = Vec::new();
        loop {
            let due = decide("* * * * *", CatchUp::All, Some("1d"), &settled, "2026-01-01T10:00:00Z");
            assert!(due.fire.len() <= FIRE_MAX);
            fired.extend(due.fire);
            settled = due.settled.to_string();
            if due.next > Some(at("2026-01-01T10:00:00Z")) {
                break;
            }
        }
        assert_eq!(fired.len(), 600);
        assert_eq!(fired.iter().collect::<BTreeSet<_>>().len(), 600);
    }

    proptest! {
        #[test]
        fn each_slot_is_decided_once_whatever_the_pattern_of_wake_ups(
            wakes in prop::collection::vec(-50_000i64..200_000, 1..40),
            cron in prop::sample::select(vec!["30 2 * * *", "*/20 * * * *", "0 9 * * 1-5"]),
            catch_up in prop::sample::select(vec![CatchUp::None, CatchUp::Latest, CatchUp::All]),
            useful in prop::option::of(prop::sample::select(vec!["10m", "6h", "3d"])),
        ) {
            let (spec, zone) = (cron.parse().unwrap(), "Europe/Rome".parse().unwrap());
            let rule = Rule { spec: &spec, zone: &zone, catch_up, useful_for: useful.map(|span| span.parse().unwrap()) };
            let start = at("2026-03-25T00:00:00Z");
            let (mut now, mut settled, mut decided) = (start, start, Vec::new());
            for seconds in wakes {
                now = Timestamp::from_millis(now.as_millis() + seconds * 1000);
                loop {
                    let due = due(&rule, settled, now);
                    prop_assert!(due.settled >= settled);
                    prop_assert!(due.fire.iter().all(|slot| *slot <= now && *slot > settled));
                    prop_assert!(due.next.is_none_or(|next| next > due.settled));
                    decided.extend(due.missed.slots);
                    decided.extend(due.fire);
                    settled = due.settled;
                    prop_assume!(!due.missed.more);
                    if due.next.is_none_or(|next| next > now) { break }
                }
            }
            let all = slots_between(&spec, &zone, start, settled, usize::MAX);
            prop_assert_eq!(&decided, &all, "in order, none twice, none lost");
            prop_assert!(settled.since(start) < 400 * DAY);
        }
    }
}
