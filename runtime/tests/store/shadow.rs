//! Shadow, as the store sees it: nothing of it reaches the ledger, and nothing real goes on in it.

use std::time::Duration;

use intents::effect::{Key, State};
use intents::failure::Class;
use intents::gate::Ground;
use intents::label::Labels;
use intents::need::{Choice, Kind};
use intents::outcome::Outcome;
use intents::run::Phase;
use intents::shadow::Would;
use runtime::store::{
    Automation, Begun, Delivered, Erasure, Error, Finish, Finished, Foresee, Foretold, Import, Mode, NewNotice,
    NewWait, NoteSubject, Restored, Retention, RunFilter, ShadowNote, Signal, StateWrite,
};
use serde_json::{Value, json};

use super::world::{Attempt, World, code, delivery, import, invoice, message, need_of, tool};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// An automation that begins in shadow.
async fn shadowed(world: &World) -> Automation {
    world.store.import(Import { shadow: true, ..import("reminders", Vec::new()) }).await.unwrap()
}

fn foreseeing(attempt: &Attempt, key: &Key, arguments: &str) -> Foresee {
    let begin = attempt.beginning(key, arguments);
    Foresee {
        progress: begin.progress,
        automation: begin.automation,
        tool: begin.tool,
        subject: NoteSubject::Key(key.clone()),
        claim: begin.claim,
        passing: begin.passing,
        arguments: json!({ "to": arguments }),
        made: Outcome::Value(json!({ "message_id": "made" })),
    }
}

async fn foresee(attempt: &Attempt, key: &Key, arguments: &str) -> Result<Foretold, Error> {
    attempt.store().foresee(foreseeing(attempt, key, arguments)).await?.await
}

async fn goes(attempt: &Attempt, key: &Key, arguments: &str) -> Outcome {
    match foresee(attempt, key, arguments).await.unwrap() {
        Foretold::Goes(outcome) => outcome,
        other @ (Foretold::KeyConflict { .. } | Foretold::Stopped) => panic!("{other:?}"),
    }
}

async fn notes(world: &World) -> Vec<ShadowNote> {
    let automation = world.store.automation("reminders").await.unwrap();
    let shadow = world.store.last_shadow(&automation).await.unwrap().unwrap();
    let mut notes = world.store.shadow_notes(automation.id, shadow, None, 100).await.unwrap();
    notes.reverse();
    notes
}

async fn ledger(world: &World) -> i64 {
    world.number("SELECT COUNT(*) FROM ledger").await
}

fn remember(name: &str, value: &str, seen: Option<u64>) -> StateWrite {
    StateWrite { name: name.to_owned(), value: Some(Some(json!(value))), seen }
}

#[tokio::test]
async fn nothing_that_is_real_can_be_asked_of_a_shadow_run() {
    let world = World::new().await;
    let automation = shadowed(&world).await;
    assert_eq!((automation.mode, automation.shadow.is_some()), (Mode::Shadow, true));
    let attempt = world.attempt(&automation, "first").await;
    attempt.append().await.unwrap();

    let begin = world.store.begin_effect(attempt.beginning(&invoice(1), "x")).await.unwrap();
    assert_eq!(code(begin.await), "RUN_SHADOW");
    assert_eq!(code(attempt.settle(&invoice(1), State::Applied).await), "RUN_SHADOW");
    let notice = NewNotice {
        progress: attempt.progress(),
        message: message(),
        automation: automation.id,
        level: "info".to_owned(),
        title: "t".to_owned(),
        text: String::new(),
        labels: Labels::new(),
    };
    assert_eq!(code(world.store.notify(notice).await.unwrap().await), "RUN_SHADOW");
    let signal = Signal {
        progress: attempt.progress(),
        message: message(),
        name: "told".to_owned(),
        data: Value::Null,
        labels: Labels::new(),
    };
    assert_eq!(code(world.store.emit(signal).await.unwrap().await), "RUN_SHADOW");
    assert_eq!(ledger(&world).await, 0);
    assert_eq!(world.number("SELECT COUNT(*) FROM notices").await, 0);
    assert_eq!(world.number("SELECT COUNT(*) FROM signals").await, 0);
}

#[tokio::test]
async fn a_real_run_notes_nothing() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let attempt = world.attempt(&automation, "first").await;
    assert_eq!(code(foresee(&attempt, &invoice(1), "x").await), "RUN_SHADOW");
}

#[tokio::test]
async fn no_real_run_comes_into_a_shadow() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let waiting = world.attempt(&automation, "first").await;
    for asleep in [false, true] {
        if asleep {
            waiting.sleep_on(NewWait::Time(world.env.now() + HOUR)).await;
        }
        assert_eq!(code(world.store.enter_shadow(automation.id, "ann").await), "SHADOW_UNDER_WAY");
        let imported = world.store.import(Import { shadow: true, ..import("reminders", Vec::new()) }).await;
        assert_eq!(code(imported), "SHADOW_UNDER_WAY");
    }
    world.store.stop_run(waiting.run, "ann").await.unwrap();
    let there = world.store.enter_shadow(automation.id, "ann").await.unwrap();
    assert_eq!(there.mode, Mode::Shadow);
    // A second time it is the same shadow.
    let again = world.store.import(Import { shadow: true, ..import("reminders", Vec::new()) }).await.unwrap();
    assert_eq!((again.mode, again.shadow), (Mode::Shadow, there.shadow));
}

#[tokio::test]
async fn only_who_activates_it_ends_a_shadow() {
    let world = World::new().await;
    let automation = shadowed(&world).await;
    let set = |mode| world.store.set_mode(automation.id, mode, "ann");
    for mode in [Mode::Paused, Mode::Stopped] {
        let halted = set(mode).await.unwrap();
        assert_eq!((halted.mode, halted.shadow), (mode, automation.shadow));
        // What comes in meanwhile belongs to the shadow.
        let attempt = world.attempt(&automation, mode.as_str()).await;
        assert_eq!(world.store.run(attempt.run).await.unwrap().shadow, automation.shadow);
        let resumed = set(Mode::Active).await.unwrap();
        assert_eq!((resumed.mode, resumed.shadow), (Mode::Shadow, automation.shadow));
    }
    set(Mode::Stopped).await.unwrap();
    assert_eq!(code(world.store.leave_shadow(automation.id, "ann").await), "AUTOMATION_STOPPED");
    set(Mode::Paused).await.unwrap();
    let (live, ended) = world.store.leave_shadow(automation.id, "ann").await.unwrap();
    assert_eq!((live.mode, live.shadow, ended.len()), (Mode::Active, None, 2));
    let (again, _) = world.store.leave_shadow(automation.id, "ann").await.unwrap();
    assert_eq!(again.mode, Mode::Active);
    assert_eq!(code(set(Mode::Shadow).await), "SHADOW_NONE", "a mode alone makes no shadow");
    set(Mode::Paused).await.unwrap();
    assert_eq!(code(world.store.leave_shadow(automation.id, "ann").await), "SHADOW_NONE");
}

#[tokio::test]
async fn a_fault_of_ours_pauses_a_shadow_and_leaves_it_one() {
    let world = World::new().await;
    let automation = shadowed(&world).await;
    let attempt = world.attempt(&automation, "first").await;
    let end = Finish {
        failure: Some(intents::outcome::Failure::new(Class::Internal, "X", "x")),
        pause: true,
        repair: None,
        ..attempt.end()
    };
    world.store.finish(end).await.unwrap();
    let paused = world.store.automation("reminders").await.unwrap();
    assert_eq!((paused.mode, paused.shadow), (Mode::Paused, automation.shadow));
    world.store.set_mode(automation.id, Mode::Active, "ann").await.unwrap();
    let restored = Restored { backup: "b".to_owned(), taken_at: world.env.now(), position: 1 };
    assert_eq!(world.store.restored(restored).await.unwrap().paused, ["reminders"]);
    let restored = world.store.automation("reminders").await.unwrap();
    assert_eq!((restored.mode, restored.shadow), (Mode::Paused, automation.shadow));
}

#[tokio::test]
async fn the_end_of_a_shadow_ends_whoever_is_in_it_and_what_was_simulated_happens() {
    let world = World::new().await;
    let automation = shadowed(&world).await;
    let (queued, running, asleep) = (
        world.attempt(&automation, "queued").await,
        world.attempt(&automation, "running").await,
        world.attempt(&automation, "asleep").await,
    );
    goes(&running, &invoice(1), "x").await;
    goes(&asleep, &invoice(2), "x").await;
    asleep.sleep_on(NewWait::Time(world.env.now() + HOUR)).await;

    let (live, mut ended) = world.store.leave_shadow(automation.id, "ann").await.unwrap();
    ended.sort();
    assert_eq!((live.mode, ended), (Mode::Active, vec![queued.run, running.run, asleep.run]));
    for attempt in [&queued, &running, &asleep] {
        let run = world.store.run(attempt.run).await.unwrap();
        assert_eq!(
            (run.phase, run.code.as_deref(), run.shadow),
            (Phase::Stopped, Some("SHADOW_OVER"), automation.shadow)
        );
        for late in [(*attempt).clone(), attempt.next()] {
            assert_eq!(code(foresee(&late, &invoice(3), "x").await), "RUN_TRANSITION");
            assert_eq!(
                code(world.store.begin_effect(late.beginning(&invoice(3), "x")).await.unwrap().await),
                "RUN_TRANSITION"
            );
            assert_eq!(code(late.finish_with_state(vec![remember("a", "late", None)]).await), "RUN_TRANSITION");
        }
    }
    world.clock.advance(2 * HOUR);
    assert_eq!(world.store.wake_due().await.unwrap(), 0);
    assert!(world.store.runnable(10, &[]).await.unwrap().is_empty());
    assert_eq!(ledger(&world).await, 0);

    let real = world.attempt(&live, "real").await;
    assert_eq!(world.store.run(real.run).await.unwrap().shadow, None);
    real.perform(&invoice(1), "another").await;
    assert_eq!(notes(&world).await.len(), 2, "what it would have done can still be read");
}

#[tokio::test]
async fn the_end_of_a_shadow_takes_along_however_many_there_are() {
    let world = World::new().await;
    let automation = shadowed(&world).await;
    let many = (0..450).map(|item| delivery(automation.id, &item.to_string())).collect();
    world.store.deliver_all(many).await.unwrap();
    let (live, ended) = world.store.leave_shadow(automation.id, "ann").await.unwrap();
    assert_eq!((live.mode, ended.len()), (Mode::Active, 450));
    let filter = RunFilter { phase: Some(Phase::Queued), ..RunFilter::default() };
    assert!(world.store.runs(&filter, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_shadow_remembers_for_itself() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let real = world.attempt(&automation, "real").await;
    real.finish_with_state(vec![remember("a", "real", None), remember("b", "real", None)]).await.unwrap();
    let automation = world.store.enter_shadow(automation.id, "ann").await.unwrap();
    let shadow = automation.shadow.unwrap();

    let first = world.attempt(&automation, "first").await;
    let seen = world.store.state_in_shadow(automation.id, shadow, "a").await.unwrap();
    assert_eq!((seen.value, seen.version), (Some(json!("real")), 1), "it begins as what is real");
    first.finish_with_state(vec![remember("a", "shadow", Some(1))]).await.unwrap();
    let overtaken = world.attempt(&automation, "second").await;
    let finished = overtaken.finish_with_state(vec![remember("a", "late", Some(1))]).await.unwrap();
    assert_eq!(finished, Finished::Overtaken, "another shadow run has changed what it saw");

    let in_shadow = world.store.state_in_shadow(automation.id, shadow, "a").await.unwrap();
    assert_eq!((in_shadow.value, in_shadow.version), (Some(json!("shadow")), 2));
    let untouched = world.store.state_in_shadow(automation.id, shadow, "b").await.unwrap();
    assert_eq!(untouched.value, Some(json!("real")));
    let is = world.store.state(automation.id, "a").await.unwrap();
    assert_eq!((is.value, is.version), (Some(json!("real")), 1), "what is real stays as it is");

    world.store.leave_shadow(automation.id, "ann").await.unwrap();
    assert_eq!(world.number("SELECT COUNT(*) FROM shadow_state").await, 0);
    let again = world.store.enter_shadow(automation.id, "ann").await.unwrap();
    let seen = world.store.state_in_shadow(automation.id, again.shadow.unwrap(), "a").await.unwrap();
    assert_eq!(seen.value, Some(json!("real")), "the next shadow begins anew");
}

#[tokio::test]
async fn what_was_really_done_is_suppressed_in_shadow_and_the_ledger_does_not_hear_of_it() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let real = world.attempt(&automation, "real").await;
    real.perform(&invoice(1), "x").await;
    real.finish().await.unwrap();
    let automation = world.store.enter_shadow(automation.id, "ann").await.unwrap();
    let attempt = world.attempt(&automation, "shadow").await;
    assert_eq!(goes(&attempt, &invoice(1), "x").await, Outcome::Value(json!({ "message_id": "m1" })));
    assert_eq!(foresee(&attempt, &invoice(1), "y").await.unwrap(), Foretold::KeyConflict { run: real.run });
    assert_eq!(world.store.run(attempt.run).await.unwrap().suppressed, 1);
    assert_eq!(world.number("SELECT CAST(SUM(suppressions) + SUM(performances) AS BIGINT) FROM ledger").await, 1);
    let woulds: Vec<_> = notes(&world).await.iter().map(|note| note.would).collect();
    assert_eq!(woulds, [Would::Conflict], "the same call is noted in one place");
}

#[tokio::test]
async fn each_shadow_has_keys_of_its_own() {
    let world = World::new().await;
    let automation = shadowed(&world).await;
    let first = world.attempt(&automation, "first").await;
    goes(&first, &invoice(1), "x").await;
    // Made again, as after a death, it is noted once.
    goes(&first, &invoice(1), "x").await;
    first.finish().await.unwrap();
    let second = world.attempt(&automation, "second").await;
    assert_eq!(foresee(&second, &invoice(1), "y").await.unwrap(), Foretold::KeyConflict { run: first.run });
    second.finish().await.unwrap();
    assert_eq!(notes(&world).await.len(), 2);

    world.store.leave_shadow(automation.id, "ann").await.unwrap();
    let automation = world.store.enter_shadow(automation.id, "ann").await.unwrap();
    let third = world.attempt(&automation, "third").await;
    goes(&third, &invoice(1), "y").await;
    let notes = notes(&world).await;
    assert_eq!((notes.len(), notes[0].run, notes[0].would), (1, third.run, Would::BeDone));
}

#[tokio::test]
async fn places_that_are_taken_in_shadow_are_free_afterwards() {
    let world = World::new().await;
    let automation = shadowed(&world).await;
    let attempt = world.attempt(&automation, "first").await.with_rate(1, HOUR);
    goes(&attempt, &invoice(1), "x").await;
    goes(&attempt, &invoice(2), "x").await;
    goes(&attempt, &invoice(3), "x").await;
    let notes = notes(&world).await;
    let now = world.env.now();
    let waits: Vec<_> = notes.iter().map(|note| note.until.map(|until| until.since(now))).collect();
    assert_eq!(waits, [None, Some(HOUR), Some(2 * HOUR)], "each would wait for the one before");
    assert_eq!(notes[1].clauses, ["So much and no more."]);

    let (live, _) = world.store.leave_shadow(automation.id, "ann").await.unwrap();
    let real = world.attempt(&live, "real").await.with_rate(1, HOUR);
    assert!(matches!(real.begin(&invoice(1), "x").await, Begun::Perform { .. }));
    assert!(matches!(real.begin(&invoice(2), "x").await, Begun::Blocked(_)));
}

#[tokio::test]
async fn a_person_is_not_asked_and_the_note_says_about_what() {
    let world = World::new().await;
    let automation = shadowed(&world).await;
    let mut attempt = world.attempt(&automation, "first").await.asking_always();
    let other = Ground { words: "Another clause.".to_owned(), ..attempt.passed.grounds[0].clone() };
    attempt.passed.grounds.push(Ground { subject: intents::canonical::Digest::of(b"other"), ..other });
    goes(&attempt, &invoice(1), "x").await;
    let note = notes(&world).await.remove(0);
    assert_eq!(note.would, Would::Ask);
    assert_eq!(note.clauses, ["You are asked about each mail.", "Another clause."]);
    assert_eq!((note.key.as_deref(), note.arguments), (Some("invoice=1"), Some(json!({ "to": "x" }))));
    assert_eq!(world.number("SELECT COUNT(*) FROM approvals").await, 0);
    assert_eq!(world.number("SELECT COUNT(*) FROM needs").await, 0);
}

#[tokio::test]
async fn a_stop_holds_in_shadow_too_and_a_restart_changes_nothing() {
    let world = World::new().await;
    let automation = shadowed(&world).await;
    let attempt = world.attempt(&automation, "first").await;
    goes(&attempt, &invoice(1), "x").await;
    world.store.set_mode(automation.id, Mode::Stopped, "ann").await.unwrap();
    assert_eq!(foresee(&attempt, &invoice(2), "x").await.unwrap(), Foretold::Stopped);
    world.store.set_mode(automation.id, Mode::Active, "ann").await.unwrap();

    let world = world.restart().await;
    world.store.recover_runs().await.unwrap();
    let attempt = attempt.next();
    assert_eq!(code(world.store.begin_effect(attempt.beginning(&invoice(1), "x")).await.unwrap().await), "RUN_SHADOW");
    let attempt = attempt.next();
    let run = world.store.run(attempt.run).await.unwrap();
    assert_eq!((run.shadow, run.phase), (automation.shadow, Phase::Queued));
    goes(&Attempt { number: run.attempts + 1, ..attempt.clone() }, &invoice(1), "x").await;
    assert_eq!((notes(&world).await.len(), ledger(&world).await), (1, 0));
}

#[tokio::test]
async fn a_failed_shadow_run_is_repaired_in_shadow_and_after_it_for_real() {
    let world = World::new().await;
    let automation = shadowed(&world).await;
    let attempt = world.attempt(&automation, "first").await;
    let need = need_of(&attempt, Kind::Repair, "repair:1");
    attempt.fail(Class::Logic, vec![need]).await.unwrap();
    let open = world.store.needs(None, None, 10).await.unwrap().remove(0);
    world.store.leave_shadow(automation.id, "ann").await.unwrap();
    world.store.answer_need(open.id, Choice::RunAgain, "ann").await.unwrap();
    let runs = world.store.runs(&RunFilter::default(), 10).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.shadow).collect::<Vec<_>>(), [None, automation.shadow]);
}

#[tokio::test]
async fn notes_go_when_their_content_is_erased_or_old() {
    let world = World::new().await;
    let automation = shadowed(&world).await;
    for item in ["ann", "bob", "cleo"] {
        let attempt = world.attempt(&automation, item).await;
        goes(&attempt, &invoice(item), item).await;
        attempt.finish_with_state(vec![remember("a", item, None)]).await.unwrap();
    }
    let key = Erasure::Key { automation: automation.id, tool: tool(), key: invoice("ann") };
    assert_eq!(world.store.erase(key, "ann").await.unwrap().effects, 1);
    let readable = |notes: &[ShadowNote]| notes.iter().map(|note| note.arguments.is_some()).collect::<Vec<_>>();
    assert_eq!(readable(&notes(&world).await), [false, true, true]);
    let bob = notes(&world).await[1].run;
    assert_eq!(world.store.erase(Erasure::Run(bob), "ann").await.unwrap().effects, 1);
    assert_eq!(readable(&notes(&world).await), [false, false, true]);
    let erased = world.store.erase(Erasure::Automation(automation.id), "ann").await.unwrap();
    assert_eq!((erased.effects, erased.values), (1, 1));
    assert_eq!(world.number("SELECT COUNT(*) FROM shadow_notes WHERE body IS NOT NULL").await, 0);

    world.clock.advance(91 * DAY);
    world.store.sweep(Retention::default()).await.unwrap();
    assert_eq!(notes(&world).await.len(), 3, "in its shadow a key is known as long as that lasts");
    let attempt = world.attempt(&automation, "dora").await;
    assert_eq!(
        foresee(&attempt, &invoice("ann"), "other").await.unwrap(),
        Foretold::KeyConflict { run: notes(&world).await[0].run }
    );
    attempt.finish().await.unwrap();
    world.store.leave_shadow(automation.id, "ann").await.unwrap();
    world.store.sweep(Retention::default()).await.unwrap();
    assert_eq!(world.number("SELECT COUNT(*) FROM shadow_notes").await, 1);
}

#[tokio::test]
async fn what_a_shadow_skipped_and_what_came_twice_stay_one_run() {
    let world = World::new().await;
    let automation = shadowed(&world).await;
    let attempt = world.attempt(&automation, "first").await;
    attempt.finish().await.unwrap();
    world.store.leave_shadow(automation.id, "ann").await.unwrap();
    let known = world.store.deliver(delivery(automation.id, "first")).await.unwrap();
    assert!(matches!(known, Delivered::Known { run: Some(run), .. } if run == attempt.run), "it was handled in shadow");
}
