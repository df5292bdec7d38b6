//! Nothing waits in memory: a run sleeps on rows, and each thing that can end its sleep does.

use std::time::Duration;

use intents::label::Labels;
use intents::run::Phase;
use runtime::store::{Delivered, NewTrigger, NewWait, Retention, Signal, Sleep};
use serde_json::json;

use super::world::{Attempt, World, code, import, invoice};

const HOUR: Duration = Duration::from_secs(3600);

async fn phase(world: &World, attempt: &Attempt) -> Phase {
    world.store.run(attempt.run).await.unwrap().phase
}

fn signal(attempt: &Attempt, name: &str) -> Signal {
    let (progress, name) = (attempt.progress(), name.to_owned());
    Signal {
        progress,
        message: crate::world::message(),
        name,
        data: json!({ "paid": true }),
        labels: Default::default(),
    }
}

async fn emit(attempt: &Attempt, name: &str) {
    attempt.store().emit(signal(attempt, name)).await.unwrap().await.unwrap();
}

#[tokio::test]
async fn a_run_sleeps_until_its_time_over_a_restart() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let attempt = world.attempt(&automation, "a").await;
    let until = world.env.now() + HOUR;
    attempt.sleep_on(NewWait::Time(until)).await;
    assert_eq!((phase(&world, &attempt).await, world.store.waiting_runs().await.unwrap()), (Phase::Waiting, 1));
    assert_eq!(code(attempt.append().await), "RUN_TRANSITION", "nothing of it is alive");
    let world = world.restart().await;
    assert_eq!(world.store.recover_runs().await.unwrap(), 0);
    assert_eq!(world.store.next_wake().await.unwrap(), Some(until));
    world.clock.advance(HOUR - Duration::from_millis(1));
    assert_eq!(world.store.wake_due().await.unwrap(), 0);
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(world.store.wake_due().await.unwrap(), 1);
    assert_eq!(world.store.wake_due().await.unwrap(), 0, "once");
    let run = world.store.run(attempt.run).await.unwrap();
    assert_eq!((run.phase, run.attempts), (Phase::Queued, 1));
    assert_eq!(world.store.next_wake().await.unwrap(), None);
}

#[tokio::test]
async fn an_event_wakes_who_waits_for_it_and_is_given_once() {
    let world = World::new().await;
    let (one, two) = (world.automation("reminders").await, world.automation("payments").await);
    let (sleeper, emitter) = (world.attempt(&one, "a").await, world.attempt(&two, "b").await);
    let wait = |taken| NewWait::Event { name: "paid".to_owned(), taken, until: None };
    sleeper.sleep_on(wait(0)).await;
    emit(&emitter, "shipped").await;
    assert_eq!(phase(&world, &sleeper).await, Phase::Waiting);
    emit(&emitter, "paid").await;
    assert_eq!(phase(&world, &sleeper).await, Phase::Queued);
    let since = sleeper.run;
    let (data, labels) = world.store.signal_since("paid", since, 0).await.unwrap().unwrap();
    assert_eq!((data, labels), (json!({ "paid": true }), Labels::new()));
    assert_eq!(world.store.signal_since("paid", since, 1).await.unwrap(), None);
    // The one it was given does not wake it again; the next one does.
    let again = sleeper.next();
    again.sleep_on(wait(1)).await;
    assert_eq!(phase(&world, &sleeper).await, Phase::Waiting);
    emit(&emitter, "paid").await;
    assert_eq!(phase(&world, &sleeper).await, Phase::Queued);
}

#[tokio::test]
async fn an_event_that_comes_while_the_run_goes_to_sleep_is_not_missed() {
    let world = World::new().await;
    let (one, two) = (world.automation("reminders").await, world.automation("payments").await);
    let (sleeper, emitter) = (world.attempt(&one, "a").await, world.attempt(&two, "b").await);
    let wait = NewWait::Event { name: "paid".to_owned(), taken: 0, until: None };
    let sleep = Sleep { progress: sleeper.progress(), waits: vec![wait] };
    let emitted = world.store.emit(signal(&emitter, "paid")).await.unwrap();
    world.store.sleep(sleep).await.unwrap();
    emitted.await.unwrap();
    assert_eq!(phase(&world, &sleeper).await, Phase::Queued);
}

#[tokio::test]
async fn the_first_of_several_things_ends_the_sleep() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let (sleeper, holder) = (world.attempt(&automation, "a").await, world.attempt(&automation, "b").await);
    holder.begin(&invoice(1), "x").await;
    let until = world.env.now() + HOUR;
    let event = NewWait::Event { name: "paid".to_owned(), taken: 0, until: Some(until) };
    let waits = vec![event, NewWait::Run { run: holder.run, until: until + HOUR }];
    world.store.sleep(Sleep { progress: sleeper.progress(), waits }).await.unwrap();
    assert_eq!(world.store.waits_of(sleeper.run).await.unwrap().len(), 2);
    holder.finish().await.unwrap();
    assert_eq!(phase(&world, &sleeper).await, Phase::Queued, "the other run is over");
    assert_eq!(world.store.waits_of(sleeper.run).await.unwrap(), []);
    world.clock.advance(2 * HOUR);
    assert_eq!(world.store.wake_due().await.unwrap(), 0);
}

#[tokio::test]
async fn a_stopped_run_wakes_who_waits_for_it() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let (sleeper, holder) = (world.attempt(&automation, "a").await, world.attempt(&automation, "b").await);
    sleeper.sleep_on(NewWait::Run { run: holder.run, until: world.env.now() + HOUR }).await;
    world.store.stop_run(holder.run, "ann").await.unwrap();
    assert_eq!(phase(&world, &sleeper).await, Phase::Queued);
}

#[tokio::test]
async fn more_runs_than_one_commit_wakes_are_all_woken() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let deliveries = (0..520).map(|number| super::world::delivery(automation.id, &number.to_string())).collect();
    let until = world.env.now() + HOUR;
    let sleeps = world.store.deliver_all(deliveries).await.unwrap().into_iter().map(|delivered| {
        let Delivered::New { item, run } = delivered else { panic!("each is new") };
        let attempt = Attempt::first(&world, automation.id, item, run);
        let store = world.store.clone();
        async move { store.sleep(Sleep { progress: attempt.progress(), waits: vec![NewWait::Time(until)] }).await }
    });
    for slept in futures_util::future::join_all(sleeps).await {
        slept.unwrap();
    }
    world.clock.advance(HOUR);
    let mut woken = Vec::new();
    while woken.last() != Some(&0) {
        woken.push(world.store.wake_due().await.unwrap());
    }
    assert_eq!((woken.iter().sum::<u64>(), world.store.waiting_runs().await.unwrap()), (520, 0), "{woken:?}");
}

#[tokio::test]
async fn an_event_is_delivered_to_who_listens_but_not_to_who_emits_it() {
    let world = World::new().await;
    let listening =
        |event: &str| NewTrigger { kind: "event", body: format!(r#"{{"event":"{event}"}}"#), next_at: None };
    let emitter = world.store.import(import("payments", vec![listening("paid")])).await.unwrap();
    let listener = world.store.import(import("ledger", vec![listening("paid"), listening("due")])).await.unwrap();
    let attempt = world.attempt(&emitter, "a").await;
    emit(&attempt, "paid").await;
    let runnable = world.store.runnable(10, &[]).await.unwrap();
    assert_eq!(runnable.iter().map(|run| run.automation).collect::<Vec<_>>(), [listener.id]);
    let run = world.store.run(runnable[0].run).await.unwrap();
    let input = world.store.item(run.item).await.unwrap().input;
    assert_eq!(input, json!({ "trigger": "event", "event": "paid", "data": { "paid": true } }));
    assert_eq!(world.store.run(attempt.run).await.unwrap().effects, 1);
    // A stop holds for events too.
    world.store.stop_all(true, "ann").await.unwrap();
    assert!(world.store.emit(signal(&attempt, "paid")).await.unwrap().await.is_err());
}

#[tokio::test]
async fn a_clock_that_is_set_back_hides_no_event() {
    let world = World::new().await;
    let (one, two) = (world.automation("reminders").await, world.automation("payments").await);
    let (sleeper, emitter) = (world.attempt(&one, "a").await, world.attempt(&two, "b").await);
    sleeper.sleep_on(NewWait::Event { name: "paid".to_owned(), taken: 0, until: None }).await;
    world.clock.set_back(Duration::from_secs(3600));
    let world = world.restart().await;
    emit(&emitter, "paid").await;
    assert_eq!(phase(&world, &sleeper).await, Phase::Queued);
    let (data, _) = world.store.signal_since("paid", sleeper.run, 0).await.unwrap().unwrap();
    assert_eq!(data, json!({ "paid": true }));
}

#[tokio::test]
async fn an_event_is_kept_for_as_long_as_a_run_may_wait_for_it() {
    let world = World::new().await;
    let (one, two) = (world.automation("reminders").await, world.automation("payments").await);
    let (sleeper, emitter) = (world.attempt(&one, "a").await, world.attempt(&two, "b").await);
    emit(&emitter, "paid").await;
    emitter.finish().await.unwrap();
    let month = Duration::from_secs(30 * 24 * 3600);
    let retention = Retention { messages: month, ..Retention::default() };
    world.clock.advance(2 * month);
    world.store.sweep(retention).await.unwrap();
    assert!(world.store.signal_since("paid", sleeper.run, 0).await.unwrap().is_some());
    world.store.stop_run(sleeper.run, "ann").await.unwrap();
    world.store.sweep(retention).await.unwrap();
    assert_eq!(world.store.signal_since("paid", sleeper.run, 0).await.unwrap(), None);
}
