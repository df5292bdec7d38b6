//! What is too old goes, with its key; what happened under an effect key is known for ever.

use std::time::Duration;

use intents::effect::State;
use intents::failure::Class;
use intents::need::{Choice, Kind};
use intents::run::Phase;
use runtime::store::{AnsweredRequest, Begun, Delivered, Delivery, Retention, RunFilter};

use super::place::Database;
use super::world::{Attempt, World, code, delivery, invoice, need_of};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn after_a_month() -> Retention {
    Retention { payloads: 30 * DAY, messages: 30 * DAY, requests: DAY, rates: 30 * DAY, ..Retention::default() }
}

#[tokio::test]
async fn payloads_go_with_their_keys_and_the_ledger_still_blocks() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let attempt = world.attempt(&automation, "a").await.with_rate(9, DAY);
    attempt.perform(&invoice(1), "x").await;
    attempt.finish().await.unwrap();
    world.clock.advance(30 * DAY);
    let swept = world.store.sweep(after_a_month()).await.unwrap();
    assert_eq!((swept.items, swept.runs, swept.rows), (0, 0, 0), "not yet");
    world.clock.advance(DAY);
    let swept = world.store.sweep(after_a_month()).await.unwrap();
    assert_eq!((swept.items, swept.runs, swept.rows), (1, 1, 1));

    assert_eq!(code(world.store.item(attempt.item).await), "STORE_SEALED");
    assert_eq!(world.store.journal(attempt.run).await.unwrap().records, []);
    let kept = "SELECT count(*) FROM runs WHERE payload IS NOT NULL OR wrapped_key IS NOT NULL OR tail IS NOT NULL";
    assert_eq!(world.number(kept).await, 0);
    assert_eq!(world.number("SELECT (SELECT count(*) FROM journal) + (SELECT count(*) FROM rate_marks)").await, 0);
    assert_eq!(world.store.run(attempt.run).await.unwrap().phase, Phase::Succeeded, "that it ran is known");

    // The same message is still known, and the effect is not done again; only its content is gone.
    let again = world.store.deliver(delivery(automation.id, "a")).await.unwrap();
    assert_eq!(again, Delivered::Known { item: attempt.item, run: Some(attempt.run) });
    let other = world.attempt(&automation, "b").await;
    assert_eq!(other.begin(&invoice(1), "x").await, Begun::GiveBack { outcome: None, suppressed: true });
    assert_eq!(other.begin(&invoice(1), "y").await, Begun::KeyConflict { run: attempt.run });
    assert_eq!(world.store.effects_of(attempt.run).await.unwrap()[0].state, State::Applied);
    assert_eq!(world.store.audit(|_| {}).await.unwrap().findings, [], "the record of events is whole");
}

#[tokio::test]
async fn an_item_that_a_run_still_needs_is_kept_however_old() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let first = world.attempt(&automation, "a").await;
    first.fail(Class::Logic, vec![need_of(&first, Kind::Repair, "repair")]).await.unwrap();
    let need = world.store.needs(None, None, 1).await.unwrap().remove(0);
    world.clock.advance(40 * DAY);
    // A person answers in the very commit that would erase the item.
    let (answered, swept) =
        tokio::join!(world.store.answer_need(need.id, Choice::RunAgain, "ann"), world.store.sweep(after_a_month()),);
    answered.unwrap();
    assert_eq!(swept.unwrap().items, 0);
    let queued = RunFilter { phase: Some(Phase::Queued), ..RunFilter::default() };
    let run = world.store.runs(&queued, 10).await.unwrap().remove(0);
    assert_eq!(world.store.sweep(after_a_month()).await.unwrap().items, 0);
    let again = Attempt::first(&world, automation.id, run.item, run.id);
    again.finish().await.unwrap();
    assert!(world.store.item(run.item).await.is_ok());
    world.clock.advance(40 * DAY);
    let swept = world.store.sweep(after_a_month()).await.unwrap();
    assert_eq!((swept.items, swept.runs), (1, 2));
}

#[tokio::test]
async fn inputs_whose_runs_never_began_go_too() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let stopped = world.attempt(&automation, "stopped").await;
    world.store.deliver(Delivery { skip_if_busy: true, ..delivery(automation.id, "left out") }).await.unwrap();
    world.store.stop_run(stopped.run, "ann").await.unwrap();
    world.clock.advance(40 * DAY);
    let swept = world.store.sweep(after_a_month()).await.unwrap();
    assert_eq!((swept.items, swept.runs), (2, 2), "what was left out has a row, too");
    assert_eq!(world.number("SELECT count(*) FROM runs WHERE wrapped_key IS NOT NULL").await, 0);
}

#[tokio::test]
async fn a_sweep_takes_a_bounded_number_and_comes_to_an_end() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let deliveries = (0..450).map(|number| delivery(automation.id, &number.to_string())).collect();
    for delivered in world.store.deliver_all(deliveries).await.unwrap() {
        let Delivered::New { run, .. } = delivered else { panic!("each is new") };
        world.store.stop_run(run, "ann").await.unwrap();
    }
    world.clock.advance(40 * DAY);
    let mut sweeps = Vec::new();
    while sweeps.last() != Some(&0) {
        sweeps.push(world.store.sweep(after_a_month()).await.unwrap().items);
    }
    assert_eq!(sweeps, [200, 200, 50, 0]);
    // The database finds the old without looking through all that was erased before.
    let plan = match crate::DATABASE {
        Database::Sqlite => "SELECT count(*) FROM pragma_index_list('runs') WHERE name = 'runs_by_age' AND partial = 1",
        Database::Postgres => {
            "SELECT count(*) FROM pg_indexes WHERE schemaname = current_schema() AND indexname = 'runs_by_age' \
             AND indexdef LIKE '%WHERE%'"
        }
    };
    assert_eq!(world.number(plan).await, 1);
    world.store.checkpoint().await.unwrap();
}

#[tokio::test]
async fn answers_to_requests_are_kept_for_a_day() {
    let world = World::new().await;
    let answer = AnsweredRequest { digest: "d".to_owned(), status: 201, body: b"{}".to_vec() };
    world.store.remember_request("key", answer.clone()).await.unwrap();
    world.store.sweep(after_a_month()).await.unwrap();
    assert_eq!(world.store.answered_request("key").await.unwrap(), Some(answer));
    world.clock.advance(DAY + Duration::from_millis(1));
    assert_eq!(world.store.sweep(after_a_month()).await.unwrap().rows, 1);
    assert_eq!(world.store.answered_request("key").await.unwrap(), None);
}
