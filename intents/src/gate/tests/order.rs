//! The order of clauses, what a yes covers, and two contracts at once.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::call;
use crate::Timestamp;
use crate::contract::fixture;
use crate::effect::Key;
use crate::gate::{Circumstances, Conclusion, Consent, Mark, Passed, Verdict, decide, join};
use crate::label::{Label, Labels};

/// Payments under these further clauses, at noon UTC.
fn said(more: &Value, amount: f64, labels: &[&str]) -> Verdict {
    let mut contract = json!({
        "title": "t", "goal": "g", "triggers": [{ "manual": true }],
        "capabilities": [{ "tool": "pay.send", "where": { "/amount": { "less_than": 1000 } } }],
        "once": [{ "tool": "pay.send", "per": ["invoice"] }]
    });
    for (key, clauses) in more.as_object().unwrap() {
        contract[key] = clauses.clone();
    }
    let contract = fixture::contract(contract);
    let labels: Labels = labels.iter().map(|label| Label((*label).to_owned())).collect();
    let key = Key::parse(&json!({ "invoice": 1 })).unwrap();
    let world = Circumstances { now: noon(), major: 1, reads: &[], reread: &[], labels: &labels };
    decide(&contract, &call(&fixture::definition("pay.send"), &json!({ "amount": amount }), Some(&key)), &world)
}

fn noon() -> Timestamp {
    Timestamp::from_jiff("2026-11-20T12:00:00Z".parse().unwrap())
}

fn passed(verdict: Verdict) -> Passed {
    match verdict {
        Verdict::Pass(passed) => *passed,
        other @ (Verdict::Deny { .. } | Verdict::Stale { .. } | Verdict::NeedsFreshRead { .. }) => panic!("{other:?}"),
    }
}

/// What becomes of the call when so many were made a minute ago.
fn concluded(passed: &Passed, earlier: usize, consent: &Consent) -> Conclusion {
    let mark = Mark { at: noon() - std::time::Duration::from_secs(60), amount: crate::amount::Amount::ONE };
    let taken: Vec<_> =
        passed.counters.iter().map(|counter| vec![vec![mark; earlier]; counter.subjects.len()]).collect();
    passed.conclude(&taken, consent, noon())
}

fn rate(word: &str) -> Value {
    json!({ "rate": { "tool": "pay.send", "max": 1, "window": "1h" }, "else": word })
}

fn quiet(word: &str) -> Value {
    json!({ "quiet_hours": { "tool": "pay.send", "from": "11:00", "to": "13:00", "tz": "UTC" }, "else": word })
}

fn kind(conclusion: &Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Wait { .. } => "wait",
        Conclusion::Skip { .. } => "skip",
        Conclusion::NeedsApproval { .. } => "ask",
        Conclusion::Allow { .. } => "allow",
    }
}

#[test]
fn refused_comes_before_wait_before_skip_before_ask() {
    let says = |limits: Value, amount: f64, labels: &[&str]| match said(&json!({ "limits": limits }), amount, labels) {
        Verdict::Pass(passed) => kind(&concluded(&passed, 1, &Consent::default())),
        Verdict::Deny { .. } => "deny",
        Verdict::Stale { .. } | Verdict::NeedsFreshRead { .. } => "stale",
    };
    assert_eq!(says(json!([rate("ask"), quiet("skip")]), 1.0, &[]), "skip");
    assert_eq!(says(json!([rate("wait"), quiet("skip")]), 1.0, &[]), "wait");
    assert_eq!(says(json!([rate("skip"), quiet("wait")]), 1.0, &[]), "wait");
    assert_eq!(says(json!([rate("ask"), quiet("ask")]), 1.0, &[]), "ask");
    let flow = json!({ "flow": { "from": "folder:*", "to": [] } });
    assert_eq!(says(json!([quiet("wait"), flow]), 1.0, &["folder:statements"]), "deny");
    assert_eq!(says(json!([quiet("wait"), flow]), 1.0, &["webhook:orders"]), "wait");
    assert_eq!(says(json!([quiet("wait")]), 2000.0, &[]), "deny");
}

#[test]
fn a_wait_lasts_until_the_last_of_its_limits_lets_go() {
    let passed = passed(said(&json!({ "limits": [rate("wait"), quiet("wait")] }), 1.0, &[]));
    let Conclusion::Wait { until, clauses } = concluded(&passed, 1, &Consent::default()) else { panic!("no wait") };
    assert_eq!((until.to_string().as_str(), clauses.len()), ("2026-11-20T13:00:00.000Z", 2));
}

#[test]
fn a_yes_covers_the_grounds_that_it_was_asked_for() {
    let approvals = json!([{ "tool": "pay.send", "when": { "/amount": { "greater_than": 50 } } }, { "tool": "pay.send", "first": 2 }]);
    let passed = passed(said(&json!({ "limits": [rate("ask")], "approvals": approvals }), 60.0, &[]));
    let Conclusion::NeedsApproval { grounds } = concluded(&passed, 0, &Consent::default()) else {
        panic!("no question")
    };
    assert_eq!(grounds.len(), 2, "{grounds:?}");
    let yes = Consent { grounds: grounds.iter().map(|ground| ground.subject).collect(), ..Consent::default() };
    assert_eq!(kind(&concluded(&passed, 0, &yes)), "allow");
    // Meanwhile another payment was made, so that the rate is full: nobody was asked about that.
    let Conclusion::NeedsApproval { grounds } = concluded(&passed, 1, &yes) else { panic!("no question") };
    assert_eq!(grounds.len(), 3, "the next yes takes the place of the first: {grounds:?}");
    let half = Consent { grounds: yes.grounds.iter().take(1).copied().collect(), ..Consent::default() };
    assert_eq!(kind(&concluded(&passed, 0, &half)), "ask");
}

#[test]
fn an_envelope_covers_calls_of_its_kind_alone() {
    let approvals = json!([{ "tool": "pay.send", "envelope": { "at_most": 5, "where": { "/amount": { "less_than": 10 } }, "for": "1d" } }]);
    let of = |amount: f64| passed(said(&json!({ "approvals": approvals }), amount, &[]));
    let offer = of(5.0).grounds[0].envelope.clone().unwrap();
    assert_eq!(of(50.0).grounds[0].envelope, None);
    let consent = Consent { envelopes: BTreeSet::from([offer.subject]), ..Consent::default() };
    let allowed = concluded(&of(5.0), 0, &consent);
    assert!(
        matches!(&allowed, Conclusion::Allow { envelopes, .. } if envelopes.contains(&offer.subject)),
        "{allowed:?}"
    );
    assert_eq!(kind(&concluded(&of(50.0), 0, &consent)), "ask");
}

#[test]
fn the_first_effects_of_a_version_are_asked_about() {
    let passed = passed(said(&json!({ "approvals": [{ "tool": "pay.send", "first": 2 }] }), 1.0, &[]));
    let kinds: Vec<_> = (0..4).map(|earlier| kind(&concluded(&passed, earlier, &Consent::default()))).collect();
    assert_eq!(kinds, ["ask", "ask", "allow", "allow"]);
}

#[test]
fn data_goes_back_to_where_it_came_from_and_nowhere_else() {
    let contract = fixture::contract(json!({
        "title": "t", "goal": "g", "triggers": [{ "manual": true }],
        "capabilities": [{ "tool": "http.get" }],
        "limits": [{ "flow": { "from": "http:*", "to": [] } }]
    }));
    let labels = Labels::from([Label("http:books.example".to_owned())]);
    let passes = |url: &str| {
        let world = Circumstances { now: noon(), major: 1, reads: &[], reread: &[], labels: &labels };
        let arguments = json!({ "url": url });
        matches!(decide(&contract, &call(&fixture::definition("http.get"), &arguments, None), &world), Verdict::Pass(_))
    };
    assert!(passes("https://books.example/next"));
    assert!(!passes("https://evil.example/?stolen=1"), "a read takes data along, too");
    assert!(!passes("https://books.example.evil.example/"));
}

#[test]
fn an_older_run_does_what_both_contracts_allow() {
    let limited = |max: u32| json!({ "limits": [{ "rate": { "tool": "pay.send", "max": max, "window": "1h" }, "else": "skip" }] });
    let both = |own: &Value, current: &Value, earlier| {
        kind(&concluded(&passed(join(said(own, 1.0, &[]), said(current, 1.0, &[]))), earlier, &Consent::default()))
    };
    assert_eq!(both(&limited(5), &limited(2), 1), "allow");
    assert_eq!(both(&limited(5), &limited(2), 2), "skip");
    assert_eq!(both(&limited(2), &limited(5), 2), "skip");
    let asks = json!({ "approvals": [{ "tool": "pay.send" }] });
    assert_eq!(both(&asks, &json!({}), 0), "ask");
    assert_eq!(both(&json!({}), &asks, 0), "ask");
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    let clauses = prop::sample::select(vec![
        json!({}),
        json!({ "limits": [rate("skip")] }),
        json!({ "limits": [quiet("wait"), rate("ask")] }),
        json!({ "approvals": [{ "tool": "pay.send", "first": 2 }] }),
    ]);
    let pass = (clauses, 1.0..2000.0).prop_map(|(clauses, amount): (Value, f64)| said(&clauses, amount.round(), &[]));
    let clause = || "A clause.".to_owned();
    prop_oneof![
        6 => pass,
        1 => Just(Verdict::Stale { call: 1, clause: clause() }),
        1 => Just(Verdict::NeedsFreshRead { call: 2, clause: clause() }),
    ]
}

proptest! {
    #[test]
    fn two_contracts_never_allow_what_one_of_them_does_not(
        own in verdicts(), current in verdicts(), earlier in 0usize..3,
    ) {
        let allowed = |verdict: &Verdict| match verdict {
            Verdict::Pass(passed) => kind(&concluded(passed, earlier, &Consent::default())) == "allow",
            Verdict::Deny { .. } | Verdict::Stale { .. } | Verdict::NeedsFreshRead { .. } => false,
        };
        let (alone, joined) = ((allowed(&own), allowed(&current)), join(own, current));
        prop_assert_eq!(allowed(&joined), alone.0 && alone.1);
    }
}
