//! Rates: how many calls there may be in a window, and what becomes of the rest.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::Timestamp;
use crate::canonical::{self, Digest};
use crate::contract::{Contract, Excess, Limit, alike, bare_address};
use crate::tool::Definition;

/// A rate that a call counts against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateToCount {
    /// The clause's place among the contract's limits.
    pub limit: usize,
    /// What is counted, each on its own: one subject, or one for each recipient. Unique within an automation; never
    /// empty.
    pub subjects: Vec<Digest>,
    /// The most calls in any window.
    pub max: u32,
    /// The length of the window.
    pub window: Duration,
    /// What becomes of a call beyond it.
    pub on_excess: Excess,
    /// The clause in plain words.
    pub words: String,
}

/// Whether there is room for one more call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// There is.
    Free,
    /// There will be.
    Full {
        /// When.
        until: Timestamp,
    },
}

/// What becomes of a call beyond a rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beyond {
    /// It waits.
    Wait {
        /// Until when.
        until: Timestamp,
    },
    /// It is left out; the script sees the clause.
    Skip {
        /// The clause in plain words.
        clause: String,
    },
    /// The user is asked.
    Ask {
        /// The clause in plain words.
        clause: String,
    },
}

impl RateToCount {
    /// What becomes of a call when there is no room until `until`.
    pub fn beyond(&self, until: Timestamp) -> Beyond {
        match self.on_excess {
            Excess::Wait => Beyond::Wait { until },
            Excess::Skip => Beyond::Skip { clause: self.words.clone() },
            Excess::Ask => Beyond::Ask { clause: self.words.clone() },
        }
    }
}

/// Decides whether one more call fits, given when the earlier ones were counted: one list for each subject, in any
/// order. Only those of the last window matter; those in the future of a clock that went back still count.
pub fn within<'t>(
    max: u32,
    window: Duration,
    counted: impl IntoIterator<Item = &'t [Timestamp]>,
    now: Timestamp,
) -> Room {
    let full_until = |times: &[Timestamp]| {
        let mut inside: Vec<_> = times.iter().copied().filter(|at| *at + window > now).collect();
        inside.sort_unstable();
        // There is room again once so many have left the window that one fewer than `max` are in it.
        let leaver = inside.len().checked_sub(max.max(1) as usize)?;
        inside.get(leaver).map(|at| *at + window)
    };
    match counted.into_iter().filter_map(full_until).max() {
        Some(until) => Room::Full { until },
        None => Room::Free,
    }
}

/// The rates of the contract that a call counts against.
pub(super) fn rates_to_count(contract: &Contract, definition: &Definition, arguments: &Value) -> Vec<RateToCount> {
    let about = |(_, limit): &(usize, &Limit)| limit.rate.tool == definition.name;
    let counted = |(index, limit): (usize, &Limit)| RateToCount {
        limit: index,
        subjects: subjects(limit, definition, arguments),
        max: limit.rate.max,
        window: limit.rate.window.duration(),
        on_excess: limit.beyond,
        words: limit.words(),
    };
    contract.limits().iter().enumerate().filter(about).map(counted).collect()
}

/// What a call counts as under a limit. `max` is no part of it, so that a changed bound forgets no call; the window
/// is, since two limits on the same thing over two windows are counted apart.
fn subjects(limit: &Limit, definition: &Definition, arguments: &Value) -> Vec<Digest> {
    let rate = &limit.rate;
    let per = rate.per.as_ref().map(ToString::to_string).unwrap_or_default();
    let window = rate.window.to_string();
    let subject = |value: &str| {
        let parts = [rate.tool.as_str().as_bytes(), per.as_bytes(), window.as_bytes(), value.as_bytes()];
        Digest::of_parts("steward rate 1", &parts)
    };
    let Some(pointer) = &rate.per else { return vec![subject("")] };
    // Who gets a copy is a recipient too.
    let places = std::iter::once(pointer.clone()).chain(alike(&definition.name, pointer));
    let found: Vec<_> = places.flat_map(|place| place.select(arguments)).collect();
    let values = found.into_iter().flat_map(|value| match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![value],
    });
    let texts: BTreeSet<String> = values.map(spelling).collect();
    // A clause about an absent path applies: all such calls count together.
    if texts.is_empty() { vec![subject("null")] } else { texts.iter().map(|text| subject(text)).collect() }
}

/// One spelling for each subject. A mail address counts without the name before it and without regard to capitals, so
/// that `Ann <Ann@example.com>` is no second recipient.
fn spelling(value: &Value) -> String {
    match value.as_str().and_then(|text| bare_address(text.trim())) {
        Some(address) => canonical::to_string(&Value::String(address.to_lowercase())),
        None => canonical::to_string(value),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::contract::fixture;
    use crate::gate::{Verdict, decide};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn there_is_room_when_the_oldest_leaves_the_window() {
        let times = [at(0), at(1800)];
        assert_eq!(within(2, HOUR, [&times[..]], at(3599)), Room::Full { until: at(3600) });
        assert_eq!(within(2, HOUR, [&times[..]], at(3600)), Room::Free);
        assert_eq!(within(1, HOUR, [&times[..]], at(3600)), Room::Full { until: at(5400) });
        assert_eq!(within(3, HOUR, [&times[..]], at(1800)), Room::Free);
        assert_eq!(within(1, HOUR, [], at(0)), Room::Free);
    }

    #[test]
    fn a_call_to_several_waits_for_the_last_of_them() {
        let (ann, bob) = ([at(0)], [at(600)]);
        assert_eq!(within(1, HOUR, [&ann[..], &bob[..]], at(700)), Room::Full { until: at(4200) });
    }

    fn counted(limit: Value, arguments: Value) -> Vec<RateToCount> {
        let contract = fixture::contract(json!({
            "title": "t", "goal": "g", "triggers": [{ "manual": true }],
            "capabilities": [{ "tool": "email.send" }],
            "once": [{ "tool": "email.send", "per": ["statement"] }],
            "limits": [limit]
        }));
        let key = crate::effect::Key::parse(&json!({ "statement": 1 })).unwrap();
        match decide(&contract, &fixture::definition("email.send"), &arguments, Some(&key)) {
            Verdict::Allow { rates, .. } => rates,
            Verdict::Deny { reasons } => panic!("{reasons:?}"),
        }
    }

    #[test]
    fn each_recipient_counts_on_its_own_however_it_is_spelt() {
        let limit =
            || json!({ "rate": { "tool": "email.send", "per": "/to", "max": 1, "window": "72h" }, "else": "skip" });
        let subjects = |to: Value| counted(limit(), json!({ "to": to })).remove(0).subjects;
        let both = subjects(json!(["ann@example.com", "bob@example.com", "Ann@Example.com "]));
        assert_eq!(both.len(), 2);
        assert_eq!(subjects(json!("Ann Other <ann@example.com>")), subjects(json!("ann@example.com")));
        let copied = counted(limit(), json!({ "to": "ann@example.com", "cc": ["bob@example.com"] })).remove(0).subjects;
        assert_eq!(copied, both);
        assert!(both.contains(&subjects(json!("bob@example.com"))[0]));
        let nobody = counted(limit(), json!({})).remove(0).subjects;
        assert_eq!((nobody.len(), nobody[0]), (1, subjects(json!([]))[0]));
    }

    #[test]
    fn a_raised_bound_forgets_no_call() {
        let limit =
            |max, window| json!({ "rate": { "tool": "email.send", "max": max, "window": window }, "else": "ask" });
        let subject = |max, window| counted(limit(max, window), json!({})).remove(0).subjects;
        assert_eq!(subject(1, "1d"), subject(9, "24h"));
        assert_ne!(subject(1, "1d"), subject(1, "2d"));
    }

    #[test]
    fn what_is_beyond_a_rate_goes_where_the_clause_says() {
        let limit = |word: &str| json!({ "rate": { "tool": "email.send", "max": 1, "window": "1h" }, "else": word });
        let beyond = |word: &str| counted(limit(word), json!({})).remove(0).beyond(at(5));
        assert_eq!(beyond("wait"), Beyond::Wait { until: at(5) });
        assert_eq!(
            beyond("skip"),
            Beyond::Skip { clause: "At most 1 mail in 1 hour; further ones are skipped.".to_owned() }
        );
        assert_eq!(
            beyond("ask"),
            Beyond::Ask { clause: "At most 1 mail in 1 hour; you are asked about further ones.".to_owned() }
        );
    }

    proptest! {
        #[test]
        fn whoever_obeys_never_has_more_than_max_in_a_window(
            max in 1u32..5, gaps in prop::collection::vec(0i64..2000, 1..60),
        ) {
            let (mut now, mut made) = (at(0), Vec::new());
            for gap in gaps {
                now = Timestamp::from_millis(now.as_millis() + gap * 1000);
                match within(max, HOUR, [&made[..]], now) {
                    Room::Free => made.push(now),
                    Room::Full { until } => {
                        prop_assert!(until > now);
                        prop_assert_eq!(within(max, HOUR, [&made[..]], until), Room::Free);
                    }
                }
                let inside = made.iter().filter(|at| **at + HOUR > now).count();
                prop_assert!(inside <= max as usize);
            }
        }
    }
}
