//! Calls of models: paid for before they are made, settled once, and answered once for each request.

use std::time::Duration;

use intents::amount::Amount;
use intents::id::{AutomationId, ModelCallId};
use intents::model::{Cost, Limits, Purpose, Tokens};
use runtime::store::{
    Erasure, Error, ModelCallEnd, ModelCallState, NewModelCall, Reserving, Retention, Usage, UsageBy, UsageFilter,
};
use serde_json::json;

use crate::world::World;

const DAY: Duration = Duration::from_secs(86_400);

/// A tenth of a dollar.
fn dime() -> Cost {
    Cost::of_amount("0.1".parse().unwrap())
}

fn call(request: &str) -> NewModelCall {
    NewModelCall {
        request: request.to_owned(),
        provider: "openai".to_owned(),
        profile: "default".to_owned(),
        model: "m".to_owned(),
        purpose: Purpose::Chat,
        room: None,
        automation: None,
        run: None,
        worst: dime(),
        limits: Limits { day: Some(Amount::ONE), ..Limits::default() },
        recording: None,
    }
}

fn for_automation(request: &str, automation: AutomationId) -> NewModelCall {
    let limits = Limits { automation: Some("0.2".parse().unwrap()), ..Limits::default() };
    NewModelCall { automation: Some(automation), limits, ..call(request) }
}

fn answered(micros: i64) -> ModelCallEnd {
    let tokens = Some(Tokens { input: 70, output: 30 });
    ModelCallEnd::Answered { tokens, cost: Cost::from_parts(micros * 1_000_000), answer: json!({ "text": "so it is" }) }
}

impl World {
    async fn reserve(&self, new: NewModelCall) -> Reserving {
        self.store.reserve_model_call(new, false).await.unwrap()
    }

    async fn reserved(&self, new: NewModelCall) -> ModelCallId {
        let reserved = self.reserve(new).await;
        let Reserving::Reserved(id) = reserved else { panic!("there is money for it: {reserved:?}") };
        id
    }

    async fn usage(&self) -> Usage {
        let lines = self.store.model_usage(UsageBy::Day, UsageFilter::default()).await.unwrap();
        lines.into_iter().fold(Usage::default(), |sum, line| sum.plus(line.usage))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_calls_at_once_never_go_beyond_a_budget() {
    let world = World::new().await;
    let reserving: Vec<_> = (0..50)
        .map(|number| {
            let (store, new) = (world.store.clone(), call(&format!("step-{number}")));
            tokio::spawn(async move { store.reserve_model_call(new, false).await.unwrap() })
        })
        .collect();
    let mut passed = 0;
    for reserved in reserving {
        match reserved.await.unwrap() {
            Reserving::Reserved(_) => passed += 1,
            Reserving::Over(over) => assert_eq!(over.spent, Cost::of_amount(Amount::ONE)),
            Reserving::Answered(_) | Reserving::UnderWay | Reserving::Unanswered => panic!("each is another request"),
        }
    }
    assert_eq!(passed, 10, "ten times 0.10 USD is one dollar");
    assert_eq!(world.usage().await.held, Cost::of_amount(Amount::ONE));
}

#[tokio::test]
async fn a_settled_call_makes_room_and_an_unknown_one_only_with_time() {
    let world = World::new().await;
    for number in 0..9 {
        let id = world.reserved(call(&format!("cheap-{number}"))).await;
        world.store.settle_model_call(id, answered(1)).await.unwrap();
    }
    let lost = world.reserved(call("lost")).await;
    world.store.settle_model_call(lost, ModelCallEnd::Unknown { code: "MODEL_TIMEOUT" }).await.unwrap();
    let failed = world.reserved(call("failed")).await;
    world.store.settle_model_call(failed, ModelCallEnd::Failed { code: "MODEL_AUTH" }).await.unwrap();
    let usage = world.usage().await;
    assert_eq!((usage.cost.micros(), usage.held, usage.unsettled), (9, dime(), 1), "{usage:?}");
    let spent = world.store.model_spent(None).await.unwrap();
    assert_eq!(spent.day, Cost::from_parts(9_000_000).plus(dime()));
    world.clock.advance(DAY);
    assert_eq!(world.store.model_spent(None).await.unwrap().day, Cost::ZERO);
    assert_eq!(world.store.model_spent(None).await.unwrap().month, spent.day);
}

#[tokio::test]
async fn a_server_that_dies_between_paying_and_settling_loses_no_money() {
    let world = World::new().await;
    world.reserved(call("step")).await;
    assert_eq!(world.reserve(call("step")).await, Reserving::UnderWay);
    let world = world.restart().await;
    assert_eq!(world.store.recover_model_calls().await.unwrap(), 1);
    assert_eq!(world.store.recover_model_calls().await.unwrap(), 0);
    assert_eq!(world.reserve(call("step")).await, Reserving::Unanswered, "nobody pays for it twice by chance");
    let usage = world.usage().await;
    assert_eq!((usage.held, usage.unsettled), (dime(), 1));
    let calls = world.store.model_calls_of("step").await.unwrap();
    assert_eq!((calls[0].state, calls[0].code.as_deref()), (ModelCallState::Unknown, Some("MODEL_UNANSWERED")));
}

#[tokio::test]
async fn the_same_request_gets_its_answer_after_a_restart() {
    let world = World::new().await;
    let id = world.reserved(call("step")).await;
    let settled = world.store.settle_model_call(id, answered(42)).await.unwrap();
    let again = world.store.settle_model_call(id, ModelCallEnd::Failed { code: "MODEL_AUTH" }).await.unwrap();
    assert_eq!(again, settled, "what was said first stays");
    let world = world.restart().await;
    world.store.recover_model_calls().await.unwrap();
    let Reserving::Answered(stored) = world.reserve(call("step")).await else { panic!("it was answered") };
    assert_eq!((stored.answer, stored.call.cost.micros()), (json!({ "text": "so it is" }), 42));
    assert_eq!(world.usage().await.calls, 1);
}

#[tokio::test]
async fn a_call_that_did_nothing_may_be_made_again_and_one_nobody_knows_of_only_by_whoever_goes_on() {
    let world = World::new().await;
    let failed = world.reserved(call("a")).await;
    world.store.settle_model_call(failed, ModelCallEnd::Failed { code: "MODEL_BUSY" }).await.unwrap();
    world.reserved(call("a")).await;
    let lost = world.reserved(call("b")).await;
    world.store.settle_model_call(lost, ModelCallEnd::Unknown { code: "MODEL_TIMEOUT" }).await.unwrap();
    assert_eq!(world.reserve(call("b")).await, Reserving::Unanswered);
    let goes_on = world.store.reserve_model_call(call("b"), true).await.unwrap();
    assert!(matches!(goes_on, Reserving::Reserved(_)), "{goes_on:?}");
}

#[tokio::test]
async fn an_automation_has_a_budget_of_its_own() {
    let world = World::new().await;
    let (one, other) = (world.automation("one").await.id, world.automation("other").await.id);
    world.reserved(for_automation("1", one)).await;
    world.reserved(for_automation("2", one)).await;
    assert!(matches!(world.reserve(for_automation("3", one)).await, Reserving::Over(_)));
    world.reserved(for_automation("4", other)).await;
    let lines = world.store.model_usage(UsageBy::Automation, UsageFilter::default()).await.unwrap();
    let held: Vec<_> = lines.iter().map(|line| (line.of.clone(), line.usage.held.micros())).collect();
    let mut wanted = vec![(one.to_string(), 200_000), (other.to_string(), 100_000)];
    wanted.sort();
    assert_eq!(held, wanted);
    world.clock.advance(30 * DAY);
    world.reserved(for_automation("5", one)).await;
}

#[tokio::test]
async fn usage_is_added_up_by_day_exactly() {
    let world = World::new().await;
    for (number, parts) in [(0, 1_650_000), (1, 1_650_000), (2, 700_000)] {
        let id = world.reserved(call(&format!("step-{number}"))).await;
        let tokens = Some(Tokens { input: 7, output: 1 });
        let end = ModelCallEnd::Answered { tokens, cost: Cost::from_parts(parts), answer: json!(null) };
        world.store.settle_model_call(id, end).await.unwrap();
        world.clock.advance(DAY);
    }
    let lines = world.store.model_usage(UsageBy::Day, UsageFilter::default()).await.unwrap();
    let parts: Vec<_> = lines.iter().map(|line| line.usage.cost.parts()).collect();
    assert_eq!(parts, [1_650_000, 1_650_000, 700_000]);
    let usage = world.usage().await;
    assert_eq!((usage.cost.micros(), usage.tokens), (4, Tokens { input: 21, output: 3 }), "rounded once, not thrice");
}

#[tokio::test]
async fn old_answers_go_and_what_they_cost_stays() {
    let world = World::new().await;
    let id = world.reserved(call("step")).await;
    world.store.settle_model_call(id, answered(42)).await.unwrap();
    world.clock.advance(91 * DAY);
    world.store.sweep(Retention::default()).await.unwrap();
    let gone = world.store.reserve_model_call(call("step"), false).await.unwrap_err();
    assert!(matches!(gone, Error::Sealed { .. }), "{gone:?}");
    assert_eq!(world.usage().await.cost.micros(), 42);
    world.clock.advance(400 * DAY);
    world.store.sweep(Retention::default()).await.unwrap();
    assert_eq!(world.usage().await.calls, 0);
}

#[tokio::test]
async fn an_erased_run_takes_its_answers_along_and_leaves_what_they_cost() {
    let world = World::new().await;
    let automation = world.automation("reader").await;
    let attempt = world.attempt(&automation, "text-1").await;
    let new = NewModelCall { run: Some(attempt.run), ..for_automation("step", automation.id) };
    let id = world.reserved(new.clone()).await;
    world.store.settle_model_call(id, answered(42)).await.unwrap();
    world.store.stop_run(attempt.run, "the test").await.unwrap();
    world.store.erase(Erasure::Run(attempt.run), "ann").await.unwrap();
    let gone = world.store.reserve_model_call(new, false).await.unwrap_err();
    assert!(matches!(gone, Error::Sealed { .. }), "{gone:?}");
    assert_eq!(world.usage().await.cost.micros(), 42);
}

#[tokio::test]
async fn a_provider_is_added_once_and_taken_away() {
    let world = World::new().await;
    let body = json!({ "base_url": "https://a.example/v1", "profiles": [] });
    let added = world.store.add_provider("a", body.clone(), "ann").await.unwrap();
    assert_eq!(world.store.add_provider("a", json!({}), "ann").await.unwrap_err().code(), "PROVIDER_EXISTS");
    let world = world.restart().await;
    let all = world.store.providers().await.unwrap();
    assert_eq!((all.len(), &all[0]), (1, &added));
    world.store.remove_provider("a", "ann").await.unwrap();
    assert_eq!(world.store.remove_provider("a", "ann").await.unwrap_err().code(), "NOT_FOUND");
}
