//! Counters.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{call, calm};
use crate::Timestamp;
use crate::amount::Amount;
use crate::contract::fixture;
use crate::effect::Key;
use crate::gate::{Conclusion, Consent, Counter, Mark, Passed, Room, Verdict, decide, within_sum};
use crate::label::Labels;

const HOUR: Duration = Duration::from_secs(3600);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn once(seconds: i64) -> Mark {
    Mark { at: at(seconds), amount: Amount::ONE }
}

fn room(max: u32, marks: &[&[Mark]], now: i64) -> Room {
    within_sum(Amount::whole(max), HOUR, marks.iter().copied(), Amount::ONE, at(now))
}

#[test]
fn there_is_room_when_the_oldest_leaves_the_window() {
    let marks = [once(0), once(1800)];
    assert_eq!(room(2, &[&marks], 3599), Room::Full { until: at(3600) });
    assert_eq!(room(2, &[&marks], 3600), Room::Free);
    assert_eq!(room(1, &[&marks], 3600), Room::Full { until: at(5400) });
    assert_eq!(room(3, &[&marks], 1800), Room::Free);
    assert_eq!(room(1, &[], 0), Room::Free);
}

#[test]
fn a_call_to_several_waits_for_the_last_of_them() {
    assert_eq!(room(1, &[&[once(0)], &[once(600)]], 700), Room::Full { until: at(4200) });
}

#[test]
fn an_amount_waits_until_enough_have_left() {
    let spent = |seconds, whole| Mark { at: at(seconds), amount: Amount::whole(whole) };
    let marks = [spent(0, 10), spent(60, 70), spent(120, 5)];
    let asks = |amount| within_sum(Amount::whole(100), HOUR, [&marks[..]], Amount::whole(amount), at(200));
    assert_eq!(asks(15), Room::Free);
    assert_eq!(asks(16), Room::Full { until: at(3600) });
    assert_eq!(asks(26), Room::Full { until: at(3660) });
    assert_eq!(asks(100), Room::Full { until: at(3720) });
    assert_eq!(asks(101), Room::Never);
}

fn passed(limits: Value, arguments: Value) -> Passed {
    let contract = fixture::contract(json!({
        "title": "t", "goal": "g", "triggers": [{ "manual": true }],
        "capabilities": [{ "tool": "email.send" }, { "tool": "pay.send" }],
        "once": [{ "tool": "email.send", "per": ["statement"] }, { "tool": "pay.send", "per": ["statement"] }],
        "limits": limits
    }));
    let tool = if arguments.get("amount").is_some() { "pay.send" } else { "email.send" };
    let key = Key::parse(&json!({ "statement": 1 })).unwrap();
    match decide(&contract, &call(&fixture::definition(tool), &arguments, Some(&key)), &calm(&Labels::new())) {
        Verdict::Pass(passed) => *passed,
        other @ (Verdict::Deny { .. } | Verdict::Stale { .. } | Verdict::NeedsFreshRead { .. }) => panic!("{other:?}"),
    }
}

fn counted(limit: Value, arguments: Value) -> Counter {
    passed(json!([limit]), arguments).counters.remove(0)
}

#[test]
fn each_recipient_counts_on_its_own_however_it_is_spelt() {
    let limit = || json!({ "rate": { "tool": "email.send", "per": "/to", "max": 1, "window": "72h" }, "else": "skip" });
    let subjects = |to: Value| counted(limit(), json!({ "to": to })).subjects;
    let both = subjects(json!(["ann@example.com", "bob@example.com", "Ann@Example.com "]));
    assert_eq!(both.len(), 2);
    assert_eq!(subjects(json!("Ann Other <ann@example.com>")), subjects(json!("ann@example.com")));
    let copied = counted(limit(), json!({ "to": "ann@example.com", "cc": ["bob@example.com"] })).subjects;
    assert_eq!(copied, both);
    assert!(both.contains(&subjects(json!("bob@example.com"))[0]));
    let nobody = counted(limit(), json!({})).subjects;
    assert_eq!((nobody.len(), nobody[0]), (1, subjects(json!([]))[0]));
}

#[test]
fn a_changed_bound_or_window_forgets_no_call() {
    let limit = |max, window| json!({ "rate": { "tool": "email.send", "max": max, "window": window }, "else": "ask" });
    let subject = |max, window| counted(limit(max, window), json!({})).subjects;
    assert_eq!(subject(1, "1d"), subject(9, "2d"));
}

#[test]
fn what_is_beyond_a_rate_goes_where_the_clause_says() {
    let limit = |word: &str| json!([{ "rate": { "tool": "email.send", "max": 1, "window": "1h" }, "else": word }]);
    let beyond =
        |word: &str| passed(limit(word), json!({})).conclude(&[vec![vec![once(0)]]], &Consent::default(), at(5));
    let words = |then: &str| format!("At most 1 mail in 1 hour; {then}.");
    let clauses = vec![words("further ones wait")];
    assert_eq!(beyond("wait"), Conclusion::Wait { until: at(3600), clauses });
    assert_eq!(beyond("skip"), Conclusion::Skip { clause: words("further ones are skipped") });
    let Conclusion::NeedsApproval { grounds } = beyond("ask") else { panic!("nobody was asked") };
    assert_eq!(grounds[0].words, words("you are asked about further ones"));
}

#[test]
fn a_sum_counts_every_amount_of_a_call() {
    let limit = json!({ "sum": { "tool": "pay.send", "of": "/amount", "max": 100, "window": "30d" }, "else": "skip" });
    let counter = counted(limit, json!({ "amount": 12.5 }));
    assert_eq!((counter.amount.to_string(), counter.max.to_string()), ("12.5".to_owned(), "100".to_owned()));
}

proptest! {
    #[test]
    fn whoever_obeys_never_has_more_than_max_in_a_window_whatever_the_clock_does(
        max in 1u32..50,
        steps in prop::collection::vec((-5000i64..5000, 1u32..20), 1..80),
    ) {
        let (mut now, mut made) = (at(0), Vec::new());
        for (step, amount) in steps {
            // The clock goes on, and now and then jumps, also back.
            now = Timestamp::from_millis(now.as_millis() + if step % 3 == 0 { step * 1000 } else { step.abs() * 100 });
            let amount = Amount::whole(amount);
            match within_sum(Amount::whole(max), HOUR, [&made[..]], amount, now) {
                Room::Free => made.push(Mark { at: now, amount }),
                Room::Full { until } => {
                    prop_assert!(until > now);
                    prop_assert_eq!(within_sum(Amount::whole(max), HOUR, [&made[..]], amount, until), Room::Free);
                }
                Room::Never => prop_assert!(amount > Amount::whole(max)),
            }
            for first in &made {
                let inside = made.iter().filter(|mark| mark.at >= first.at && mark.at < first.at + HOUR);
                let sum = inside.fold(Amount::ZERO, |sum, mark| sum.plus(mark.amount));
                prop_assert!(sum <= Amount::whole(max));
            }
        }
    }
}
