//! What only a person can give: asked once, answered once, and each answer does what it says.

use futures_util::future::join_all;
use intents::effect::State;
use intents::failure::Class;
use intents::id::NeedId;
use intents::need::{Choice, Kind};
use intents::outcome::Outcome;
use intents::run::Phase;
use runtime::store::{Begun, NeedStatus, NewWait, RunFilter, SettleEffect};
use serde_json::json;

use super::world::{Attempt, World, code, invoice, need_of};

/// A run that sleeps on a need of this kind.
async fn asking(world: &World, kind: Kind) -> (Attempt, NeedId) {
    let automation = world.automation("reminders").await;
    let attempt = world.attempt(&automation, kind.as_str()).await;
    attempt.sleep_on(NewWait::Need(Box::new(need_of(&attempt, kind, kind.as_str())))).await;
    let need = world.store.needs(Some(NeedStatus::Open), None, 1).await.unwrap().remove(0);
    assert_eq!((need.kind, need.run, need.title.as_str()), (kind, Some(attempt.run), "Please say"));
    (attempt, need.id)
}

async fn phase(world: &World, attempt: &Attempt) -> Phase {
    world.store.run(attempt.run).await.unwrap().phase
}

#[tokio::test]
async fn one_cause_is_one_need() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let (one, other) = (world.attempt(&automation, "a").await, world.attempt(&automation, "b").await);
    let first = world.store.open_need(need_of(&one, Kind::Reconnect, "conn")).await.unwrap();
    // The same call asks again after a start: that is no further occurrence. Another run's call is.
    let (again, further) = tokio::join!(
        world.store.open_need(need_of(&one, Kind::Reconnect, "conn")),
        world.store.open_need(need_of(&other, Kind::Reconnect, "conn")),
    );
    assert_eq!((again.unwrap(), further.unwrap()), (first, first));
    assert_eq!(world.store.need(first).await.unwrap().occurrences, 2);
    assert_eq!(world.store.open_needs().await.unwrap(), 1);
    // It comes up again after it was closed: that is another need.
    world.store.answer_need(first, Choice::Continue, "ann").await.unwrap();
    assert_ne!(world.store.open_need(need_of(&one, Kind::Reconnect, "conn")).await.unwrap(), first);
}

#[tokio::test]
async fn one_answer_wakes_all_who_wait_for_it() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let mut attempts = Vec::new();
    for number in 0..5 {
        let attempt = world.attempt(&automation, &number.to_string()).await;
        attempt.sleep_on(NewWait::Need(Box::new(need_of(&attempt, Kind::Reconnect, "conn")))).await;
        assert_eq!(phase(&world, &attempt).await, Phase::Waiting);
        attempts.push(attempt);
    }
    let need = world.store.needs(None, None, 10).await.unwrap();
    assert_eq!((need.len(), need[0].occurrences), (1, 5));
    let answered = world.store.answer_need(need[0].id, Choice::Continue, "ann").await.unwrap();
    assert_eq!((answered.status, answered.answer), (NeedStatus::Answered, Some(Choice::Continue)));
    assert_eq!((answered.answered_by.as_deref(), answered.answered_at), (Some("ann"), Some(world.env.now())));
    for attempt in &attempts {
        assert_eq!(phase(&world, attempt).await, Phase::Queued);
        assert_eq!(world.store.waits_of(attempt.run).await.unwrap(), []);
        attempt.next().finish().await.unwrap();
    }
}

#[tokio::test]
async fn of_two_answers_at_once_one_is_taken() {
    let world = World::new().await;
    let (attempt, need) = asking(&world, Kind::Grant).await;
    let answers = [Choice::Continue, Choice::Stop, Choice::Continue];
    let answers = join_all(answers.map(|choice| world.store.answer_need(need, choice, "ann"))).await;
    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((taken.len(), refused.len()), (1, 2));
    for answer in refused {
        assert_eq!(code(answer), "NEED_ANSWERED");
    }
    assert_eq!(phase(&world, &attempt).await, Phase::Queued);
    assert_eq!(code(world.store.answer_need(NeedId::ZERO, Choice::Stop, "ann").await), "NOT_FOUND");
}

#[tokio::test]
async fn an_answer_that_was_not_offered_is_refused_and_the_need_stays_open() {
    let world = World::new().await;
    let (attempt, need) = asking(&world, Kind::Grant).await;
    assert_eq!(code(world.store.answer_need(need, Choice::ItHappened, "ann").await), "NEED_CHOICE");
    assert_eq!(world.store.need(need).await.unwrap().status, NeedStatus::Open);
    assert_eq!(phase(&world, &attempt).await, Phase::Waiting);
}

#[tokio::test]
async fn stop_ends_the_run() {
    for kind in Kind::ALL.into_iter().filter(|kind| kind.holds_run()) {
        let world = World::new().await;
        let (attempt, need) = asking(&world, kind).await;
        world.store.answer_need(need, Choice::Stop, "ann").await.unwrap();
        assert_eq!(phase(&world, &attempt).await, Phase::Stopped, "{kind}");
        assert_eq!(world.store.waits_of(attempt.run).await.unwrap(), []);
        assert!(world.store.run(attempt.run).await.unwrap().ended_at.is_some());
    }
}

/// A run whose effect nobody knows about, asleep on the question.
async fn uncertain(world: &World) -> (Attempt, NeedId) {
    let automation = world.automation("reminders").await;
    let attempt = world.attempt(&automation, "a").await;
    assert!(matches!(attempt.begin(&invoice(1), "x").await, Begun::Perform { .. }));
    let need = Some(need_of(&attempt, Kind::Settle, "effect"));
    let settle = SettleEffect { need, ..attempt.settling(&invoice(1), State::Uncertain) };
    world.store.settle_effect(settle).await.unwrap().await.unwrap();
    attempt.sleep_on(NewWait::Need(Box::new(need_of(&attempt, Kind::Settle, "effect")))).await;
    let needs = world.store.needs(None, None, 10).await.unwrap();
    assert_eq!((needs.len(), needs[0].occurrences), (1, 1), "one question");
    (attempt, needs[0].id)
}

#[tokio::test]
async fn it_happened_gives_the_run_its_outcome() {
    let world = World::new().await;
    let (attempt, need) = uncertain(&world).await;
    world.store.answer_need(need, Choice::ItHappened, "ann").await.unwrap();
    let effect = world.store.effects_of(attempt.run).await.unwrap().remove(0);
    assert_eq!((effect.state, effect.settled_by.as_deref()), (State::Applied, Some("person")));
    let outcome = Some(Outcome::Value(json!({ "settled_by": "person" })));
    assert_eq!(attempt.next().begin(&invoice(1), "x").await, Begun::GiveBack { outcome, suppressed: false });
}

#[tokio::test]
async fn it_did_not_lets_the_run_do_it() {
    let world = World::new().await;
    let (attempt, need) = uncertain(&world).await;
    world.store.answer_need(need, Choice::ItDidNot, "ann").await.unwrap();
    assert_eq!(phase(&world, &attempt).await, Phase::Queued);
    attempt.next().perform(&invoice(1), "x").await;
    assert_eq!(world.store.effects_of(attempt.run).await.unwrap()[0].performances, 2);
}

#[tokio::test]
async fn run_again_takes_the_same_item_from_the_start() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let attempt = world.attempt(&automation, "a").await;
    attempt.perform(&invoice(1), "x").await;
    let need = need_of(&attempt, Kind::Repair, "repair:reminders");
    attempt.fail(Class::Logic, vec![need]).await.unwrap();
    let need = world.store.needs(None, None, 1).await.unwrap().remove(0);
    world.store.answer_need(need.id, Choice::RunAgain, "ann").await.unwrap();
    let queued = RunFilter { phase: Some(Phase::Queued), ..RunFilter::default() };
    let again = world.store.runs(&queued, 10).await.unwrap().remove(0);
    assert_eq!((again.item, again.attempts), (attempt.item, 0));
    assert_ne!(again.id, attempt.run);
    let again = Attempt::first(&world, automation.id, again.item, again.id);
    assert!(matches!(again.begin(&invoice(1), "x").await, Begun::GiveBack { suppressed: false, .. }));
}

#[tokio::test]
async fn dismiss_closes_the_need_and_nothing_else() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let attempt = world.attempt(&automation, "a").await;
    attempt.fail(Class::Logic, vec![need_of(&attempt, Kind::Repair, "repair")]).await.unwrap();
    let need = world.store.needs(None, None, 1).await.unwrap().remove(0);
    world.store.answer_need(need.id, Choice::Dismiss, "ann").await.unwrap();
    assert_eq!(world.store.runs(&RunFilter::default(), 10).await.unwrap().len(), 1);
    assert_eq!(world.store.open_needs().await.unwrap(), 0);
}

#[tokio::test]
async fn a_need_whose_cause_has_gone_is_withdrawn() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let attempt = world.attempt(&automation, "a").await;
    let need = world.store.open_need(need_of(&attempt, Kind::Trigger, "folder")).await.unwrap();
    assert!(world.store.withdraw_need("folder").await.unwrap());
    assert!(!world.store.withdraw_need("folder").await.unwrap());
    assert_eq!(world.store.need(need).await.unwrap().status, NeedStatus::Withdrawn);
    assert_eq!(code(world.store.answer_need(need, Choice::Dismiss, "ann").await), "NEED_ANSWERED");
}
