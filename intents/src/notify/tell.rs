//! What is told now, what waits, and when to look again.

use std::time::Duration;

use super::Daily;
use crate::Timestamp;
use crate::need::Priority;
use crate::schedule::QuietHours;

/// What comes within this time of the first goes into one message, unless the user says otherwise: ten runs that meet
/// one failure are one mail, and nobody waits long for it.
pub const GROUP_DEFAULT: Duration = Duration::from_secs(30);
/// Needs and notices in one message; what is beyond comes with the next.
pub const SUBJECTS_MAX: usize = 20;

/// What the user said about being told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// When nothing is sent that can wait.
    pub quiet: Option<QuietHours>,
    /// What comes within this time goes together.
    pub group_for: Duration,
    /// When the digest comes.
    pub digest: Option<Daily>,
}

/// Something that the user was not told of yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting<T> {
    /// What it is.
    pub what: T,
    /// How much it matters.
    pub priority: Priority,
    /// Since when it waits to be told.
    pub since: Timestamp,
}

/// What is told, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When<T> {
    /// This, now.
    Now(T),
    /// Nothing before this time.
    At(Timestamp),
    /// There is nothing to tell.
    Never,
}

/// Decides what is told now. What is urgent goes at once, in quiet hours too, and takes along what may be told then.
pub fn tell<T>(mut waiting: Vec<Waiting<T>>, rules: &Rules, now: Timestamp) -> When<Vec<T>> {
    let quiet_until = rules.quiet.as_ref().and_then(|quiet| quiet.until(now));
    let held = waiting.len();
    if quiet_until.is_some() {
        waiting.retain(|waiting| waiting.priority == Priority::Urgent);
    }
    let due = waiting.iter().map(|waiting| match waiting.priority {
        Priority::Urgent => waiting.since,
        Priority::Low | Priority::Normal | Priority::High => waiting.since + rules.group_for,
    });
    match due.min() {
        // A clock that went back makes nothing wait longer than the group does.
        Some(due) if due <= now || due.since(now) > rules.group_for => {
            // What matters most comes first, and of that what has waited longest.
            waiting.sort_by_key(|waiting| (std::cmp::Reverse(waiting.priority), waiting.since));
            waiting.truncate(SUBJECTS_MAX);
            When::Now(waiting.into_iter().map(|waiting| waiting.what).collect())
        }
        Some(due) => When::At(due),
        None => quiet_until.filter(|_| held > 0).map_or(When::Never, When::At),
    }
}

/// Decides whether a digest is due, and over which time it goes: from the last one on. However long nobody was there to
/// send any, one is sent.
pub fn digest_due(rules: &Rules, last: Timestamp, now: Timestamp) -> When<(Timestamp, Timestamp)> {
    let Some(daily) = &rules.digest else { return When::Never };
    let Some(slot) = daily.latest(last, now) else {
        return daily.next(last).map_or(When::Never, When::At);
    };
    match rules.quiet.as_ref().and_then(|quiet| quiet.until(now)) {
        Some(until) => When::At(until),
        None => When::Now((last, slot)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: Duration = Duration::from_secs(30);

    fn time(text: &str) -> Timestamp {
        Timestamp::from_jiff(text.parse().unwrap())
    }

    fn rules() -> Rules {
        let zone: crate::schedule::Zone = "UTC".parse().unwrap();
        Rules {
            quiet: Some(QuietHours {
                from: "22:00".parse().unwrap(),
                to: "07:00".parse().unwrap(),
                zone: zone.clone(),
            }),
            group_for: GROUP,
            digest: Some(Daily { at: "08:00".parse().unwrap(), zone }),
        }
    }

    fn waiting(what: u32, priority: Priority, since: &str) -> Waiting<u32> {
        Waiting { what, priority, since: time(since) }
    }

    #[test]
    fn what_comes_within_a_short_time_goes_together() {
        let all = || {
            vec![
                waiting(1, Priority::Normal, "2026-11-20T12:00:00Z"),
                waiting(2, Priority::High, "2026-11-20T12:00:20Z"),
            ]
        };
        assert_eq!(tell(all(), &rules(), time("2026-11-20T12:00:29Z")), When::At(time("2026-11-20T12:00:30Z")));
        assert_eq!(tell(all(), &rules(), time("2026-11-20T12:00:30Z")), When::Now(vec![2, 1]));
        assert_eq!(tell(Vec::<Waiting<u32>>::new(), &rules(), time("2026-11-20T12:00:30Z")), When::Never);
    }

    #[test]
    fn what_is_urgent_goes_at_once_and_takes_the_others_along() {
        let now = "2026-11-20T12:00:00Z";
        let all = vec![waiting(1, Priority::Low, now), waiting(2, Priority::Urgent, now)];
        assert_eq!(tell(all, &rules(), time(now)), When::Now(vec![2, 1]));
    }

    #[test]
    fn in_quiet_hours_only_what_is_urgent_is_told_and_the_rest_comes_together_afterwards() {
        let night = "2026-11-20T23:00:00Z";
        let all = || vec![waiting(1, Priority::High, night), waiting(2, Priority::Low, "2026-11-21T03:00:00Z")];
        assert_eq!(tell(all(), &rules(), time("2026-11-21T03:10:00Z")), When::At(time("2026-11-21T07:00:00Z")));
        let urgent = all().into_iter().chain([waiting(3, Priority::Urgent, "2026-11-21T03:10:00Z")]).collect();
        assert_eq!(tell(urgent, &rules(), time("2026-11-21T03:10:00Z")), When::Now(vec![3]));
        assert_eq!(tell(all(), &rules(), time("2026-11-21T07:00:00Z")), When::Now(vec![1, 2]));
    }

    #[test]
    fn a_message_has_an_end_and_begins_with_what_matters_most() {
        let at = "2026-11-20T12:00:00Z";
        let mut many: Vec<_> = (0..50).map(|what| waiting(what, Priority::Low, at)).collect();
        many.push(waiting(99, Priority::High, at));
        let When::Now(told) = tell(many, &rules(), time("2026-11-20T12:01:00Z")) else { panic!("it is due") };
        assert_eq!((told.len(), told[0]), (SUBJECTS_MAX, 99));
    }

    #[test]
    fn a_clock_that_went_back_makes_nobody_wait_for_days() {
        let all = vec![waiting(1, Priority::High, "2026-11-25T12:00:00Z")];
        assert_eq!(tell(all, &rules(), time("2026-11-20T12:00:00Z")), When::Now(vec![1]));
    }

    #[test]
    fn one_digest_a_day_and_one_for_all_the_days_that_nobody_was_there() {
        let last = time("2026-11-20T08:00:00Z");
        let next = time("2026-11-21T08:00:00Z");
        assert_eq!(digest_due(&rules(), last, time("2026-11-20T12:00:00Z")), When::At(next));
        assert_eq!(digest_due(&rules(), last, next), When::Now((last, next)));
        let later = time("2026-11-24T08:00:00Z");
        assert_eq!(digest_due(&rules(), last, time("2026-11-24T09:30:00Z")), When::Now((last, later)));
        let none = Rules { digest: None, ..rules() };
        assert_eq!(digest_due(&none, last, later), When::Never);
    }

    #[test]
    fn a_digest_that_falls_into_quiet_hours_waits_for_their_end() {
        let mut rules = rules();
        rules.digest = Some(Daily { at: "05:00".parse().unwrap(), zone: "UTC".parse().unwrap() });
        let last = time("2026-11-20T05:00:00Z");
        let end = time("2026-11-21T07:00:00Z");
        assert_eq!(digest_due(&rules, last, time("2026-11-21T05:00:00Z")), When::At(end));
        assert_eq!(digest_due(&rules, last, end), When::Now((last, time("2026-11-21T05:00:00Z"))));
    }
}
