//! The life of a run in the store: its journal grows, late reports are refused, and its end is told once.

use std::time::Duration;

use intents::Timestamp;
use intents::failure::Class;
use intents::id::RunId;
use intents::journal::{Called, LogLine, Record};
use intents::need::Kind;
use intents::run::Phase;
use runtime::store::{Finish, Finished, Import, Mode, NewWait, Program, RunFilter, Runnable, StateWrite, Versioned};
use serde_json::json;

use super::world::{Attempt, START, World, code, import, need_of, tool};

#[tokio::test]
async fn a_journal_is_read_back_as_it_was_written() {
    let world = World::new().await;
    let automation = world.automation("reports").await;
    let mut attempt = world.attempt(&automation, "a").await;
    let called = Record::Called(Called {
        call: 0,
        tool: tool(),
        tool_version: 1,
        arguments: r#"{"to":"bob@example.com"}"#.to_owned(),
        key: Some(super::world::invoice(1)),
        optional: false,
        verdict: "allowed".to_owned(),
        at: Timestamp::from_millis(START),
    });
    let line = |line: u32| {
        let text = "é\u{0}🙂".to_owned();
        Record::Logged(LogLine { line, level: "info".to_owned(), text, at: Timestamp::from_millis(START) })
    };
    let mut written = Vec::new();
    for records in [vec![called, line(0)], vec![], vec![line(1)], vec![line(2), line(3)]] {
        written.extend(records.clone());
        attempt.calls = 1;
        world.store.append(attempt.progress_with(records)).await.unwrap().await.unwrap();
    }
    assert_eq!(world.store.journal(attempt.run).await.unwrap().records, written);
    let run = world.store.run(attempt.run).await.unwrap();
    assert_eq!((run.phase, run.attempts, run.calls), (Phase::Running, 1, 1));
    assert_eq!(run.started_at, Some(world.env.now()));
    let world = world.restart().await;
    assert_eq!(world.store.journal(attempt.run).await.unwrap().records, written);
    assert_eq!(attempt.run, world.store.runs(&RunFilter::default(), 10).await.unwrap()[0].id);
}

#[tokio::test]
async fn a_journal_whose_rows_were_tampered_with_is_not_read() {
    let world = World::new().await;
    let automation = world.automation("reports").await;
    let (one, other) = (world.attempt(&automation, "a").await, world.attempt(&automation, "b").await);
    for attempt in [&one, &other] {
        attempt.append().await.unwrap();
        attempt.append().await.unwrap();
    }
    world.attack(&format!("DELETE FROM journal WHERE run_id = '{}' AND segment = 0", one.run)).await.unwrap();
    assert_eq!(code(world.store.journal(one.run).await), "STORE_UNREADABLE");
    for (from, to) in [(0, 7), (1, 0), (7, 1)] {
        let swap = format!("UPDATE journal SET segment = {to} WHERE run_id = '{}' AND segment = {from}", other.run);
        world.attack(&swap).await.unwrap();
    }
    assert_eq!(code(world.store.journal(other.run).await), "STORE_SEALED", "a segment belongs to its place");
}

#[tokio::test]
async fn the_report_of_an_attempt_that_no_longer_runs_is_refused() {
    let world = World::new().await;
    let automation = world.automation("reports").await;
    let first = world.attempt(&automation, "a").await;
    first.append().await.unwrap();
    world.store.lose_attempt(first.run, 1).await.unwrap();
    let second = first.next();
    second.append().await.unwrap();
    let before = world.store.journal(first.run).await.unwrap();

    assert_eq!(code(first.append().await), "RUN_TRANSITION");
    assert_eq!(code(first.finish().await), "RUN_TRANSITION");
    let claim = first.beginning(&super::world::invoice(1), "x");
    assert_eq!(code(world.store.begin_effect(claim).await.unwrap().await), "RUN_TRANSITION");
    let other_generation = Attempt { generation: 1, ..second.clone() };
    assert_eq!(code(other_generation.append().await), "RUN_TRANSITION");
    // A second report of its loss changes nothing.
    world.store.lose_attempt(first.run, 1).await.unwrap();
    assert_eq!(world.store.journal(first.run).await.unwrap(), before);
    assert_eq!(world.store.run(first.run).await.unwrap().attempts, 2);

    assert_eq!(second.finish().await.unwrap(), Finished::Over(Phase::Succeeded));
    assert_eq!(code(second.finish().await), "RUN_TRANSITION");
    assert_eq!(code(world.store.stop_run(first.run, "ann").await), "RUN_TRANSITION");
    assert_eq!(world.store.effects_of(first.run).await.unwrap(), []);
}

#[tokio::test]
async fn a_run_is_taken_once_though_two_claim_it() {
    let world = World::new().await;
    let automation = world.automation("reports").await;
    let attempt = world.attempt(&automation, "a").await;
    attempt.append().await.unwrap();
    // A claim by number: the second who claims the same attempt cannot be told from the first, the next one can.
    assert_eq!(code(attempt.next().append().await), "RUN_TRANSITION");
}

#[tokio::test]
async fn state_is_taken_when_nobody_changed_what_the_run_saw() {
    let world = World::new().await;
    let automation = world.automation("reports").await;
    let write = |value, seen| StateWrite { name: "cursor".to_owned(), value, seen };
    let set = |number: i64, seen| vec![write(Some(Some(json!(number))), seen)];
    let cursor = async || world.store.state(automation.id, "cursor").await.unwrap();
    assert_eq!(cursor().await, Versioned { value: None, version: 0, ..Versioned::default() });

    let (one, mut other) = (world.attempt(&automation, "a").await, world.attempt(&automation, "b").await);
    assert_eq!(one.finish_with_state(set(1, Some(0))).await.unwrap(), Finished::Over(Phase::Succeeded));
    other.append().await.unwrap();
    assert_eq!(other.finish_with_state(set(2, Some(0))).await.unwrap(), Finished::Overtaken);
    assert_eq!(cursor().await, Versioned { value: Some(json!(1)), version: 1, ..Versioned::default() });

    // It begins afresh, with an empty journal and what is there now.
    let run = world.store.run(other.run).await.unwrap();
    assert_eq!((run.phase, run.generation, run.calls), (Phase::Queued, 1, 0));
    assert_eq!(world.store.journal(other.run).await.unwrap().records, []);
    assert_eq!(code(other.next().append().await), "RUN_TRANSITION", "of the generation that is gone");
    other = Attempt { generation: 1, ..other.next() };
    other.append().await.unwrap();
    assert_eq!(world.store.journal(other.run).await.unwrap().records.len(), 1);
    assert_eq!(other.finish_with_state(set(2, Some(1))).await.unwrap(), Finished::Over(Phase::Succeeded));
    assert_eq!(cursor().await, Versioned { value: Some(json!(2)), version: 2, ..Versioned::default() });

    // A run that only relied on what is there is overtaken too; one that never looked is not.
    let relied = world.attempt(&automation, "c").await;
    assert_eq!(relied.finish_with_state(vec![write(None, Some(1))]).await.unwrap(), Finished::Overtaken);
    let blind = world.attempt(&automation, "d").await;
    assert_eq!(blind.finish_with_state(set(9, None)).await.unwrap(), Finished::Over(Phase::Succeeded));
    let remover = world.attempt(&automation, "e").await;
    let removed = remover.finish_with_state(vec![write(Some(None), Some(3))]).await.unwrap();
    assert_eq!(removed, Finished::Over(Phase::Succeeded));
    assert_eq!(cursor().await, Versioned { value: None, version: 4, ..Versioned::default() });
}

#[tokio::test]
async fn of_two_runs_that_end_in_one_commit_one_is_overtaken() {
    let world = World::new().await;
    let automation = world.automation("reports").await;
    let (one, other) = (world.attempt(&automation, "a").await, world.attempt(&automation, "b").await);
    let write = || vec![StateWrite { name: "cursor".to_owned(), value: Some(Some(json!(1))), seen: Some(0) }];
    let (first, second) = tokio::join!(one.finish_with_state(write()), other.finish_with_state(write()));
    assert_eq!((first.unwrap(), second.unwrap()), (Finished::Over(Phase::Succeeded), Finished::Overtaken));
}

#[tokio::test]
async fn a_failed_run_leaves_the_state_untouched_and_opens_its_needs_with_its_end() {
    let world = World::new().await;
    let automation = world.automation("reports").await;
    let attempt = world.attempt(&automation, "a").await;
    let write = StateWrite { name: "cursor".to_owned(), value: Some(Some(json!(1))), seen: Some(0) };
    let failure = Some(intents::outcome::Failure::new(Class::Internal, "JOURNAL_MISMATCH", "another way"));
    let needs = vec![need_of(&attempt, Kind::Internal, "internal:reports")];
    let end = Finish { failure, state: vec![write], needs, pause: true, ..attempt.end() };
    assert_eq!(world.store.finish(end).await.unwrap(), Finished::Over(Phase::Failed));
    assert_eq!(world.store.state(automation.id, "cursor").await.unwrap().version, 0);
    let run = world.store.run(attempt.run).await.unwrap();
    assert_eq!((run.class, run.code.as_deref()), (Some(Class::Internal), Some("JOURNAL_MISMATCH")));
    assert_eq!(world.store.open_needs().await.unwrap(), 1);
    assert_eq!(world.store.automation("reports").await.unwrap().mode, Mode::Paused);
}

#[tokio::test]
async fn what_ran_when_the_server_died_waits_for_its_turn_again() {
    let world = World::new().await;
    let automation = world.automation("reports").await;
    let (running, queued) = (world.attempt(&automation, "a").await, world.attempt(&automation, "b").await);
    let over = world.attempt(&automation, "c").await;
    running.append().await.unwrap();
    over.finish().await.unwrap();
    let world = world.restart().await;
    assert_eq!(world.store.recover_runs().await.unwrap(), 1);
    let runnable = world.store.runnable(10, &[]).await.unwrap();
    let ids: Vec<_> = runnable.iter().map(|runnable| runnable.run).collect();
    assert_eq!(ids, [running.run, queued.run], "oldest first");
    let run = world.store.run(running.run).await.unwrap();
    assert_eq!((run.phase, run.attempts, run.generation), (Phase::Queued, 1, 0));
    assert_eq!(world.store.journal(running.run).await.unwrap().records.len(), 1, "its journal stands");
}

/// Who may take which run: those of the jail, and those of the engine.
async fn turns(world: &World) -> (Vec<RunId>, Vec<RunId>) {
    let jailed = world.store.runnable(200, &[]).await.unwrap();
    let claimable = world.store.claimable(&"worker".parse().unwrap(), None, 200, &[]).await.unwrap();
    let ids = |runs: Vec<Runnable>| runs.into_iter().map(|runnable| runnable.run).collect();
    (ids(jailed), ids(claimable))
}

#[tokio::test]
async fn a_run_of_an_engine_outside_waits_for_its_engine_and_for_nobody_else() {
    let world = World::new().await;
    let automation = world.automation("reports").await;
    let jailed = world.attempt(&automation, "jailed").await;
    let outside = Program::Outside("worker".parse().unwrap());
    let automation = world.store.import(Import { program: outside, ..import("reports", Vec::new()) }).await.unwrap();
    let mut waiting = Vec::new();
    // More than memory holds of what waits for the jail.
    for number in 0..100 {
        waiting.push(world.attempt(&automation, &number.to_string()).await);
    }
    let ids = |attempts: &[Attempt]| attempts.iter().map(|attempt| attempt.run).collect::<Vec<_>>();
    assert_eq!(turns(&world).await, (vec![jailed.run], ids(&waiting)));
    let other = world.store.claimable(&"other".parse().unwrap(), None, 200, &[]).await.unwrap();
    assert_eq!(other, [], "another engine has no part in it");
    assert_eq!(world.store.claimable(&"worker".parse().unwrap(), None, 1, &[]).await.unwrap().len(), 1);

    // One is held, one sleeps, one is over: none of them is to be had.
    let (held, asleep, over) = (waiting.remove(0), waiting.remove(0), waiting.remove(0));
    held.append().await.unwrap();
    asleep.append().await.unwrap();
    asleep.sleep_on(NewWait::Time(world.env.now() + Duration::from_secs(60))).await;
    over.append().await.unwrap();
    over.finish().await.unwrap();
    world.store.look_for_runnable().await.unwrap();
    assert_eq!(turns(&world).await, (vec![jailed.run], ids(&waiting)));

    // What was held when the server died is to be had again; what slept, once it wakes.
    let world = world.restart().await;
    assert_eq!(world.store.recover_runs().await.unwrap(), 1);
    waiting.insert(0, held);
    assert_eq!(turns(&world).await, (vec![jailed.run], ids(&waiting)));
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(world.store.wake_due().await.unwrap(), 1);
    waiting.insert(1, asleep);
    assert_eq!(turns(&world).await, (vec![jailed.run], ids(&waiting)));

    // One that was given back by its holder, too; and nobody has any while the automation is paused.
    let held = &waiting[0];
    held.next().append().await.unwrap();
    assert_eq!(turns(&world).await.1, ids(&waiting[1..]));
    world.store.lose_attempt(held.run, 2).await.unwrap();
    assert_eq!(turns(&world).await, (vec![jailed.run], ids(&waiting)));
    world.store.set_mode(automation.id, Mode::Paused, "ann").await.unwrap();
    assert_eq!(turns(&world).await, (vec![], vec![]));
}

#[tokio::test]
async fn only_active_automations_have_runnable_runs() {
    let world = World::new().await;
    let automation = world.automation("reports").await;
    world.attempt(&automation, "a").await;
    let runnable = async || world.store.runnable(10, &[]).await.unwrap().len();
    assert_eq!(runnable().await, 1);
    for mode in [Mode::Paused, Mode::Stopped] {
        world.store.set_mode(automation.id, mode, "ann").await.unwrap();
        assert_eq!(runnable().await, 0, "{mode}");
    }
    world.clock.advance(Duration::from_secs(5));
    let active = world.store.set_mode(automation.id, Mode::Active, "ann").await.unwrap();
    assert_eq!((runnable().await, active.activated_at), (1, world.env.now()));
    world.store.stop_all(true, "ann").await.unwrap();
    assert_eq!(runnable().await, 0);
}
