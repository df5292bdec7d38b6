//! Leases under a clock that the test moves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use intents::Timestamp;
use intents::id::{AutomationId, EngineTokenId, ItemId, RunId};
use intents::outcome::Outcome;
use intents::run::Phase;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::holder::{Asked, Holder};
use super::lease::{End, LEASE, Lease, NewCall, NewStep, State};
use super::opening::{KnownCall, Opening};
use super::refusal::{Over, Refusal};
use crate::supervisor::simulated::{VirtualClock, env};

struct Story {
    clock: Arc<VirtualClock>,
    lease: Lease,
    holder: Holder,
}

impl Story {
    /// A run that was claimed, after these calls of earlier holders.
    fn claimed(calls: Vec<KnownCall>) -> Self {
        let clock = VirtualClock::at(Timestamp::from_millis(1_000));
        let run = RunId::from_parts(Timestamp::from_millis(1), 1);
        let token = EngineTokenId::from_parts(Timestamp::from_millis(1), 2);
        let (lease, mut holder, secret) = Lease::pair(&env(&clock), run, "worker".parse().unwrap(), token);
        assert!(lease.is_held_with(&secret) && !lease.is_held_with("") && !lease.is_held_with(&secret[1..]));
        let next = calls.len() as u32;
        holder.open(opening(run, calls), next);
        assert!(lease.opened().now_or_never().flatten().is_some());
        Self { clock, lease, holder }
    }

    fn begun() -> Self {
        let mut story = Self::claimed(Vec::new());
        assert!(story.lease.start(None).now_or_never().is_none(), "it waits for the disk");
        assert!(matches!(story.asked(), Some(Asked::Start { .. })));
        story.holder.started();
        assert!(story.lease.start(None).now_or_never().is_some_and(|started| started.is_ok()));
        story
    }

    /// What the attempt hears at this moment.
    fn asked(&mut self) -> Option<Asked> {
        self.holder.next().now_or_never()
    }

    fn state(&self, id: &str) -> Result<State, Refusal> {
        self.lease.outcome(id, Duration::ZERO).now_or_never().expect("nothing is waited for")
    }
}

fn opening(run: RunId, calls: Vec<KnownCall>) -> Opening {
    let contract = json!({ "title": "T", "goal": "G", "triggers": [{ "manual": true }], "capabilities": [] });
    let parsed = intents::contract::Contract::from_value(&contract, &connectors::host::definitions()).unwrap();
    Opening {
        run,
        automation: AutomationId::from_parts(Timestamp::EPOCH, 1),
        automation_name: "story".to_owned(),
        item: ItemId::from_parts(Timestamp::EPOCH, 1),
        attempt: 1,
        generation: 0,
        at: Timestamp::EPOCH,
        input: Value::Null,
        contract,
        words: parsed.words(),
        tools: Vec::new(),
        calls,
        steps: Vec::new(),
    }
}

fn call(id: &str, arguments: &str) -> NewCall {
    let (id, arguments) = (id.to_owned(), arguments.to_owned());
    NewCall { id, tool: "state.get".to_owned(), arguments, key: None, optional: false }
}

#[test]
fn a_silent_holder_loses_its_lease_at_the_second_and_a_heard_one_keeps_it() {
    let mut story = Story::begun();
    for _ in 0..10 {
        story.clock.advance(LEASE - Duration::from_millis(1));
        story.lease.heartbeat().unwrap();
        assert!(story.asked().is_none());
    }
    story.clock.advance(LEASE);
    assert_eq!(story.lease.heartbeat(), Err(Refusal::Over(Over::Expired)));
    assert_eq!(story.lease.call(call("a", "{}")), Err(Refusal::Over(Over::Expired)));
    assert!(matches!(story.asked(), Some(Asked::Lost)), "the attempt is told once");
    assert!(story.asked().is_none());
    story.holder.over(Over::Stopped);
    assert_eq!(story.lease.over(), Some(Over::Expired), "how it ended stays");
}

#[test]
fn nothing_is_taken_before_the_holder_begins_or_after_it_ends() {
    let story = Story::claimed(Vec::new());
    assert_eq!(story.lease.call(call("a", "{}")), Err(Refusal::NotStarted));
    assert_eq!(story.lease.may_store(), Err(Refusal::NotStarted));
    let complete = End::Completed { result: json!(1) };
    assert_eq!(story.lease.end(complete.clone()).now_or_never(), Some(Err(Refusal::NotStarted)));

    let mut story = Story::begun();
    assert!(story.lease.end(complete.clone()).now_or_never().is_none());
    assert_eq!(story.lease.end(End::Released).now_or_never(), Some(Err(Refusal::Ending)));
    assert_eq!(story.lease.call(call("a", "{}")), Err(Refusal::Ending));
    assert!(matches!(story.asked(), Some(Asked::End(End::Completed { .. }))));
    story.holder.silence();
    // What was accepted counts, however long its commit takes.
    story.clock.advance(LEASE + LEASE);
    assert!(story.lease.end(complete.clone()).now_or_never().is_none());
    story.holder.over(Over::Ended { phase: Phase::Succeeded, failure: None });
    let over = Over::Ended { phase: Phase::Succeeded, failure: None };
    assert_eq!(story.lease.end(complete).now_or_never(), Some(Ok(over.clone())));
    let other = End::Completed { result: json!(2) };
    assert_eq!(story.lease.end(other).now_or_never(), Some(Err(Refusal::Over(over))));
}

#[test]
fn what_an_earlier_holder_did_is_given_back_and_what_it_left_goes_on_under_its_number() {
    let known = |number: u32, id: &str, outcome: Option<Outcome>| KnownCall {
        id: id.to_owned(),
        number,
        tool: "state.get".to_owned(),
        digest: call(id, "{}").digest(),
        outcome,
    };
    let done = Outcome::Value(json!("done"));
    let mut story = Story::claimed(vec![known(0, "done", Some(done.clone())), known(1, "left", None)]);
    assert!(story.lease.start(None).now_or_never().is_none());
    assert!(story.asked().is_some());
    story.holder.started();
    assert_eq!(story.lease.call(call("done", "{}")), Ok(0));
    assert!(story.asked().is_none(), "nobody is asked for what was done");
    assert_eq!(story.state("done"), Ok(State::Settled { number: 0, outcome: done }));
    assert_eq!(story.lease.call(call("left", "{}")), Ok(1));
    assert!(matches!(story.asked(), Some(Asked::Call(leaving)) if leaving.call == 1));
    assert_eq!(story.lease.call(call("new", "{}")), Ok(2));
    let other = call("done", "{\"key\":1}");
    assert_eq!(story.lease.call(other), Err(Refusal::CallDiffers { id: "done".to_owned() }));
}

#[test]
fn a_holder_whose_calls_all_wait_is_idle_only_when_it_makes_no_more_for_a_while() {
    let mut story = Story::begun();
    for (index, id) in ["a", "b", "c"].into_iter().enumerate() {
        story.lease.call(call(id, "{}")).unwrap();
        assert!(matches!(story.asked(), Some(Asked::Call(_))));
        assert!(story.asked().is_none(), "call {index} may not be the last");
        story.clock.advance(Duration::from_millis(400));
    }
    story.clock.advance(Duration::from_millis(100));
    assert!(matches!(story.asked(), Some(Asked::Idle { delivered: 0 })));
    assert!(story.asked().is_none(), "told once");
    story.holder.answer(1, &Outcome::Value(Value::Null));
    story.clock.advance(Duration::from_millis(500));
    assert!(matches!(story.asked(), Some(Asked::Idle { delivered: 1 })));
    for call in [0, 2] {
        story.holder.answer(call, &Outcome::Value(Value::Null));
    }
    story.clock.advance(Duration::from_secs(5));
    assert!(story.asked().is_none(), "a holder that computes waits for nothing");
}

#[derive(Debug, Clone)]
enum Deed {
    Call(u8, u8),
    Step(u8, u8),
    Beat,
    Pass(u64),
    Hear,
    Answer,
    Revoke,
    Complete,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        4 => (0u8..6, 0u8..2).prop_map(|(id, what)| Deed::Call(id, what)),
        2 => (0u8..4, 0u8..2).prop_map(|(id, what)| Deed::Step(id, what)),
        2 => Just(Deed::Beat),
        3 => (0u64..40_000).prop_map(Deed::Pass),
        6 => Just(Deed::Hear),
        3 => Just(Deed::Answer),
        1 => Just(Deed::Revoke),
        1 => Just(Deed::Complete),
    ];
    prop::collection::vec(deed, 0..80)
}

proptest! {
    #[test]
    fn no_order_of_deeds_makes_a_call_twice_or_lets_a_late_one_through(deeds in deeds()) {
        let mut story = Story::begun();
        let mut last_heard = 1_000u64;
        let mut now = 1_000u64;
        let mut over = false;
        let mut heard: BTreeMap<u32, String> = BTreeMap::new();
        let mut waiting: Vec<u32> = Vec::new();
        let mut accepted: BTreeMap<String, (u32, u8)> = BTreeMap::new();
        for deed in deeds {
            let late = over || now >= last_heard + 30_000;
            match deed {
                Deed::Call(id, what) => {
                    let name = format!("c{id}");
                    match story.lease.call(call(&name, &format!("{{\"key\":\"{what}\"}}"))) {
                        Ok(number) => {
                            prop_assert!(!late, "a late call was let through");
                            let known = *accepted.entry(name).or_insert((number, what));
                            prop_assert_eq!(known, (number, what), "one name is one call");
                            last_heard = now;
                        }
                        Err(Refusal::CallDiffers { .. }) => {
                            prop_assert!(!late && accepted[&name].1 != what);
                            last_heard = now;
                        }
                        Err(Refusal::Over(_) | Refusal::Ending) => prop_assert!(late),
                        Err(other) => prop_assert!(false, "{other:?}"),
                    }
                }
                Deed::Step(id, what) => {
                    let step = NewStep { id: format!("s{id}"), name: format!("n{what}"), data: Value::Null };
                    let refused = matches!(
                        story.lease.step(step).now_or_never(),
                        Some(Err(Refusal::Over(_) | Refusal::Ending))
                    );
                    prop_assert_eq!(refused, late);
                    if !late { last_heard = now; }
                }
                Deed::Beat => {
                    prop_assert_eq!(story.lease.heartbeat().is_err(), late);
                    if !late { last_heard = now; }
                }
                Deed::Pass(ms) => {
                    now += ms;
                    story.clock.advance(Duration::from_millis(ms));
                }
                Deed::Hear => match story.asked() {
                    Some(Asked::Call(leaving)) => {
                        let id = leaving.id.expect("a call of a holder has a name");
                        prop_assert_eq!(accepted.get(&id).map(|(number, _)| *number), Some(leaving.call));
                        prop_assert_eq!(heard.insert(leaving.call, id), None, "heard twice");
                        waiting.push(leaving.call);
                    }
                    Some(Asked::Step(step)) => story.holder.marked(&step.id),
                    Some(Asked::Lost) => over = true,
                    Some(Asked::End(_)) => {
                        story.holder.silence();
                        story.holder.over(Over::Ended { phase: Phase::Succeeded, failure: None });
                        over = true;
                    }
                    Some(Asked::Idle { .. } | Asked::Start { .. }) | None => {}
                },
                Deed::Answer => {
                    if let Some(call) = waiting.pop() {
                        story.holder.answer(call, &Outcome::Value(json!(call)));
                    }
                }
                Deed::Revoke => {
                    story.lease.revoke();
                    over = true;
                }
                Deed::Complete => {
                    let ended = story.lease.end(End::Completed { result: Value::Null }).now_or_never();
                    if late && !matches!(ended, Some(Ok(_)) | None) {
                        prop_assert!(matches!(ended, Some(Err(Refusal::Over(_) | Refusal::Ending))));
                    }
                    over = true;
                }
            }
        }
    }
}
