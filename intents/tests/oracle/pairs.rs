//! Whenever the diff says that nothing widens, every call that the new contract allows without asking is one that the old
//! one allows without asking.

use std::collections::BTreeMap;

use intents::Timestamp;
use intents::canonical::Digest;
use intents::contract::{Contract, diff};
use intents::gate::{Beyond, Conclusion, Consent, Mark, Passed, Room, Verdict};
use serde_json::{Value, json};

use crate::draw::{self, Dice};
use crate::plain::{Call, Made, World};
use crate::tools::{Tools, tools};
use crate::{contract, decide, seeds, taken};

type Marks = BTreeMap<Digest, Vec<Mark>>;

/// Changes of one contract into the next.
const EDITS_MAX: usize = 3;
const STEPS: usize = 8;

#[test]
fn what_a_contract_that_does_not_widen_allows_was_allowed_before() {
    let tools = tools();
    let (mut narrower, mut allowed) = (0_u64, 0_u64);
    for seed in seeds(1) {
        let mut dice = Dice::new(seed);
        let (written, old) = contract(&mut dice, &tools);
        let mut changed = written.clone();
        for _ in 0..=dice.below(EDITS_MAX) {
            draw::edit(&mut dice, &mut changed);
        }
        let Ok(new) = Contract::from_value(&changed, &tools) else { continue };
        let changes = diff(&old, &new);
        if changes.widens() {
            continue;
        }
        narrower += 1;
        let mut both = Both { tools: &tools, old: (&old, Marks::new()), new: (&new, Marks::new()) };
        let now = draw::time(&mut dice);
        let reads: Vec<_> = (0..dice.below(4)).map(|call| draw::read(&mut dice, call as u32, now)).collect();
        let mut world =
            World { now, major: 1, reads, reread: Vec::new(), labels: draw::labels(&mut dice), made: Vec::new() };
        for _ in 0..STEPS {
            let call = draw::call(&mut dice, &world.reads, &written);
            let [before, after] = both.allow(&call, &world);
            assert!(
                before || !after,
                "SEED={seed}\n{written:#}\n{changed:#}\n{changes:#?}\n{call:#?}\n{world:#?}\nthe new contract allows it"
            );
            allowed += u64::from(after);
            if both.made(&call, &world) {
                world.made.push(Made { call, at: world.now, major: 1, applied: Vec::new() });
            }
            world.now += *dice.one(&[0, 1000, 60_000, 1_800_000, 5_400_000, 86_400_000, -3_600_000]);
        }
    }
    if std::env::var("SEED").is_err() {
        assert!(narrower > 1000 && allowed > 1000, "{narrower} pairs did not widen, and {allowed} calls were allowed");
    }
}

#[test]
fn a_contract_compared_with_itself_changes_nothing() {
    let tools = tools();
    for seed in seeds(2).take(1000) {
        let (written, one) = contract(&mut Dice::new(seed), &tools);
        assert_eq!(diff(&one, &one).changes, [], "{written:#}");
        let again = Contract::from_value(&one.to_value(), &tools).unwrap();
        assert_eq!(again, one, "{written:#}");
    }
}

struct Both<'a> {
    tools: &'a Tools,
    old: (&'a Contract, Marks),
    new: (&'a Contract, Marks),
}

impl Both<'_> {
    /// Whether each allows the call, and nobody is asked.
    fn allow(&self, call: &Call, world: &World) -> [bool; 2] {
        let now = Timestamp::from_millis(world.now);
        [&self.old, &self.new].map(|(contract, marks)| match decide(contract, self.tools, call, world) {
            Verdict::Pass(passed) => match passed.conclude(&taken(marks, &passed, now), &Consent::default(), now) {
                Conclusion::Allow { .. } => true,
                Conclusion::Wait { .. } | Conclusion::Skip { .. } | Conclusion::NeedsApproval { .. } => false,
            },
            Verdict::Deny { .. } | Verdict::Stale { .. } | Verdict::NeedsFreshRead { .. } => false,
        })
    }

    /// Makes the call where the new contract allows it, if need be with a person's yes. The old one counts it where it would
    /// have let it pass: one that never does, such as a call that alone is beyond a limit that waits, has nothing to count.
    fn made(&mut self, call: &Call, world: &World) -> bool {
        let (tools, now) = (self.tools, Timestamp::from_millis(world.now));
        let passed = |contract: &Contract| match decide(contract, tools, call, world) {
            Verdict::Pass(passed) => Some(passed),
            Verdict::Deny { .. } | Verdict::Stale { .. } | Verdict::NeedsFreshRead { .. } => None,
        };
        let Some(by_new) = passed(self.new.0) else { return false };
        match by_new.conclude(&taken(&self.new.1, &by_new, now), &Consent::default(), now) {
            Conclusion::Allow { .. } | Conclusion::NeedsApproval { .. } => {}
            Conclusion::Wait { .. } | Conclusion::Skip { .. } => return false,
        }
        if let Some(by_old) = passed(self.old.0) {
            count(&by_old, &mut self.old.1, world);
        }
        count(&by_new, &mut self.new.1, world);
        true
    }
}

fn count(passed: &Passed, marks: &mut Marks, world: &World) {
    let now = Timestamp::from_millis(world.now);
    let before = taken(marks, passed, now);
    let mut takes = BTreeMap::new();
    for (counter, earlier) in passed.counters.iter().zip(&before) {
        let counts = match counter.beyond {
            Beyond::Limit { .. } => true,
            Beyond::Trusted(_) => counter.room(earlier, now) == Room::Free,
        };
        takes.extend(counter.subjects.iter().filter(|_| counts).map(|subject| (*subject, counter.amount)));
    }
    for (subject, amount) in takes {
        marks.entry(subject).or_default().push(Mark { at: now, amount });
    }
}

/// The directions of single changes, as a person would expect them.
#[test]
fn each_change_has_its_direction() {
    let tools = tools();
    let base = || {
        json!({
            "title": "t", "goal": "g", "triggers": [{ "manual": true, "useful_for": "1d" }],
            "capabilities": [
                { "tool": "http.get", "where": { "/url": { "prefix": "https://books.example/api" } } },
                { "tool": "email.send", "where": { "/to": { "one_of": ["ann@client.example", "bob@client.example"] } } },
                { "tool": "pay.send", "where": { "/amount": { "less_than": 100 } } }
            ],
            "once": [{ "tool": "email.send", "per": ["invoice"] }, { "tool": "pay.send", "per": ["invoice"] }],
            "limits": [
                { "rate": { "tool": "email.send", "max": 5, "window": "1d" }, "else": "wait" },
                { "sum": { "tool": "pay.send", "of": "/amount", "max": 1000, "window": "30d" }, "else": "ask" },
                { "quiet_hours": { "tool": "email.send", "from": "20:00", "to": "07:00", "tz": "UTC" }, "else": "wait" },
                { "flow": { "from": "http:*", "to": ["email.send", "mail:client.example"] } }
            ],
            "approvals": [{ "tool": "pay.send", "when": { "/amount": { "greater_than": 50 } } }, { "tool": "email.send", "first": 3 }],
            "expect": [{ "runs": { "per": "1d", "at_least": 1 } }],
            "budgets": { "model_cost_per_month": "0.20 USD", "repairs_per_week": 3 }
        })
    };
    let old = Contract::from_value(&base(), &tools).unwrap();
    let cases: [(&str, &str, Value); 33] = [
        ("neutral", "/goal", json!("another")),
        ("narrows", "/triggers/0/useful_for", json!("1h")),
        ("widens", "/triggers/0/useful_for", json!("2d")),
        ("widens", "/triggers", json!([{ "manual": true, "useful_for": "1d" }, { "event": "paid" }])),
        ("narrows", "/capabilities/0/where/~1url", json!({ "prefix": "https://books.example/api/invoices" })),
        ("narrows", "/capabilities/0/where/~1url", json!({ "equals": "https://books.example/api" })),
        ("widens", "/capabilities/0/where/~1url", json!({ "prefix": "https://books.example/" })),
        ("widens", "/capabilities/0/where/~1url", json!({ "contains": "books.example/api" })),
        ("narrows", "/capabilities/1/where/~1to", json!({ "equals": "ann@client.example" })),
        ("widens", "/capabilities/1/where/~1to", json!({ "one_of": ["ann@client.example", "eve@evil.example"] })),
        // A condition of its own takes the copies out of the reach of the one on "to".
        (
            "widens",
            "/capabilities/1/where",
            json!({ "/to": { "equals": "ann@client.example" }, "/cc": { "equals": "eve@evil.example" } }),
        ),
        (
            "narrows",
            "/capabilities/1/where",
            json!({ "/to": { "equals": "ann@client.example" }, "/cc": { "equals": "bob@client.example" } }),
        ),
        ("narrows", "/capabilities/2/where/~1amount", json!({ "less_than": 10 })),
        ("widens", "/capabilities/2/where", json!({})),
        ("widens", "/once/0/per", json!(["invoice", "stage"])),
        ("narrows", "/limits/0/rate/max", json!(4)),
        ("narrows", "/limits/0/rate/window", json!("2d")),
        ("widens", "/limits/0/rate/window", json!("12h")),
        ("narrows", "/limits/0/else", json!("skip")),
        ("widens", "/limits/0/else", json!("ask")),
        ("narrows", "/limits/1/sum/max", json!(500)),
        ("widens", "/limits/1/sum/of", json!("/lines/*/amount")),
        ("narrows", "/limits/2/quiet_hours/from", json!("19:00")),
        ("widens", "/limits/2/quiet_hours/to", json!("06:00")),
        ("widens", "/limits/2/quiet_hours/tz", json!("Europe/Rome")),
        ("narrows", "/limits/3/flow/to", json!(["email.send"])),
        ("widens", "/limits/3/flow/from", json!("http:books.example")),
        ("narrows", "/approvals/0/when/~1amount/greater_than", json!(10)),
        ("widens", "/approvals/0/when/~1amount/greater_than", json!(60)),
        ("widens", "/approvals/1/first", json!(1)),
        ("widens", "/expect", json!([])),
        ("widens", "/budgets/model_cost_per_month", json!("0.30 USD")),
        ("narrows", "/budgets/repairs_per_week", json!(0)),
    ];
    for (direction, place, change) in cases {
        let mut changed = base();
        *changed.pointer_mut(place).unwrap() = change.clone();
        let new = Contract::from_value(&changed, &tools).unwrap_or_else(|problems| panic!("{place}: {problems:#?}"));
        let changes = diff(&old, &new);
        let found = changes.direction().map(|direction| direction.as_str());
        assert_eq!(found, Some(direction), "{place} = {change}\n{changes:#?}");
    }
}
