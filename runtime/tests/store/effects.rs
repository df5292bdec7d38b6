//! Once, or ask: what the ledger lets happen under an effect key.

use std::time::Duration;

use futures_util::future::join_all;
use intents::effect::State;
use intents::failure::Class;
use intents::outcome::Outcome;
use runtime::store::{Begun, Blocked, Mode, SettledBy};
use serde_json::json;

use super::world::{Dice, World, code, invoice, seeds};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn of_two_runs_that_claim_one_key_at_once_one_performs() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let (one, other) = (world.attempt(&automation, "a").await, world.attempt(&automation, "b").await);
    let key = invoice(1);
    let (first, second) = tokio::join!(one.begin(&key, "x"), other.begin(&key, "x"));
    assert!(matches!(first, Begun::Perform { .. }), "{first:?}");
    assert_eq!(second, Begun::WaitFor(one.run));
    one.settle(&key, State::Applied).await.unwrap();
    assert!(matches!(other.begin(&key, "x").await, Begun::GiveBack { suppressed: true, .. }));
}

#[tokio::test]
async fn the_same_item_gets_its_outcome_back_whatever_it_asks() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let attempt = world.attempt(&automation, "a").await;
    attempt.perform(&invoice(1), "x").await;
    world.store.lose_attempt(attempt.run, attempt.number).await.unwrap();
    let outcome = Some(Outcome::Value(json!({ "message_id": "m1" })));
    let given = attempt.next().begin(&invoice(1), "y").await;
    assert_eq!(given, Begun::GiveBack { outcome, suppressed: false });
    let world = world.restart().await;
    let effects = world.store.effects_of(attempt.run).await.unwrap();
    let effect = &effects[0];
    assert_eq!((effects.len(), effect.state, effect.performances, effect.suppressions), (1, State::Applied, 1, 0));
    assert_eq!((effect.key.as_deref(), effect.settled_by.as_deref()), (Some("invoice=1"), Some("answer")));
}

#[tokio::test]
async fn another_item_with_the_same_arguments_is_suppressed_and_counted() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    world.attempt(&automation, "a").await.perform(&invoice(1), "x").await;
    let other = world.attempt(&automation, "b").await;
    assert!(matches!(other.begin(&invoice(1), "x").await, Begun::GiveBack { outcome: Some(_), suppressed: true }));
    assert_eq!(world.store.run(other.run).await.unwrap().suppressed, 1);
    let effects = world.store.effects(Some(automation.id), Some(State::Applied), None, 10).await.unwrap();
    assert_eq!((effects.len(), effects[0].performances, effects[0].suppressions), (1, 1, 1));
}

#[tokio::test]
async fn another_item_with_other_arguments_is_a_conflict() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let first = world.attempt(&automation, "a").await;
    first.perform(&invoice(1), "x").await;
    let other = world.attempt(&automation, "b").await;
    assert_eq!(other.begin(&invoice(1), "y").await, Begun::KeyConflict { run: first.run });
    // Another automation has keys of its own.
    let elsewhere = world.automation("reports").await;
    world.attempt(&elsewhere, "a").await.perform(&invoice(1), "y").await;
}

#[tokio::test]
async fn what_did_not_happen_frees_the_key_and_its_place_in_the_window() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let first = world.attempt(&automation, "a").await.with_rate(1, HOUR);
    let other = world.attempt(&automation, "b").await.with_rate(1, HOUR);
    assert!(matches!(first.begin(&invoice(1), "x").await, Begun::Perform { .. }));
    let begun = other.begin(&invoice(2), "y").await;
    let Begun::Blocked(Blocked::Wait { until }) = begun else { panic!("there is one place") };
    assert_eq!(until, world.env.now() + HOUR);
    first.settle(&invoice(1), State::NotApplied).await.unwrap();
    assert!(matches!(other.begin(&invoice(2), "y").await, Begun::Perform { .. }));
    other.settle(&invoice(2), State::NotApplied).await.unwrap();
    assert!(matches!(other.begin(&invoice(1), "other").await, Begun::Perform { .. }), "the key is free");
    assert_eq!(world.store.effects(None, None, None, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_may_have_happened_blocks_its_key_until_somebody_knows() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let (first, other) = (world.attempt(&automation, "a").await, world.attempt(&automation, "b").await);
    let key = invoice(1);
    let Begun::Perform { started_at } = first.begin(&key, "x").await else { panic!("the key is free") };
    world.store.lose_attempt(first.run, 1).await.unwrap();

    let again = first.next();
    assert_eq!(
        again.begin(&key, "x").await,
        Begun::Settle { started_at, was_uncertain: false, approved: None, forgotten_until: None }
    );
    again.settle(&key, State::Uncertain).await.unwrap();
    assert_eq!(
        again.begin(&key, "x").await,
        Begun::Settle { started_at, was_uncertain: true, approved: None, forgotten_until: None }
    );
    assert_eq!(other.begin(&key, "x").await, Begun::WaitFor(first.run));

    // Its run is over and knows nothing: who comes next has to settle it, and is the one to wait for.
    again.fail(Class::Uncertain, vec![]).await.unwrap();
    assert_eq!(
        other.begin(&key, "x").await,
        Begun::Settle { started_at, was_uncertain: true, approved: None, forgotten_until: None }
    );
    let third = world.attempt(&automation, "c").await;
    assert_eq!(third.begin(&key, "x").await, Begun::WaitFor(other.run));
    other.settle(&key, State::NotApplied).await.unwrap();
    assert!(matches!(third.begin(&key, "x").await, Begun::Perform { .. }));
}

#[tokio::test]
async fn what_was_known_first_stands() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let attempt = world.attempt(&automation, "a").await;
    attempt.perform(&invoice(1), "x").await;
    let late = runtime::store::SettleEffect {
        by: SettledBy::Person,
        outcome: Some(Outcome::Value(json!("a person's guess")).into()),
        ..attempt.settling(&invoice(1), State::Applied)
    };
    world.store.settle_effect(late).await.unwrap().await.unwrap();
    assert_eq!(code(attempt.settle(&invoice(1), State::NotApplied).await), "EFFECT_SETTLED");
    assert_eq!(code(attempt.settle(&invoice(1), State::Uncertain).await), "EFFECT_SETTLED");
    assert_eq!(code(attempt.settle(&invoice(2), State::Applied).await), "NOT_FOUND");
    let other = world.attempt(&automation, "b").await;
    let outcome = Some(Outcome::Value(json!({ "message_id": "m1" })));
    assert_eq!(other.begin(&invoice(1), "x").await, Begun::GiveBack { outcome, suppressed: true });
    assert_eq!(world.store.effects_of(attempt.run).await.unwrap()[0].settled_by.as_deref(), Some("answer"));
}

#[tokio::test]
async fn the_answer_to_an_effect_is_kept_though_its_run_was_stopped_meanwhile() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let attempt = world.attempt(&automation, "a").await;
    assert!(matches!(attempt.begin(&invoice(1), "x").await, Begun::Perform { .. }));
    world.store.stop_run(attempt.run, "ann").await.unwrap();
    attempt.settle(&invoice(1), State::Applied).await.unwrap();
    assert_eq!(world.store.effects_of(attempt.run).await.unwrap()[0].state, State::Applied);
    assert_eq!(world.store.run(attempt.run).await.unwrap().effects, 0, "the run itself was over");
}

/// Fifty runs at once, and again and again as time goes by: at no moment does a window hold more than it may.
#[tokio::test]
async fn no_crowd_takes_more_places_than_a_window_has() {
    for seed in seeds(6) {
        let world = World::seeded(seed).await;
        let dice = Dice::new(seed);
        let automation = world.automation("reminders").await;
        let max = 1 + dice.below(8) as u32;
        let window = HOUR * (1 + dice.below(3) as u32);
        let mut performed = Vec::new();
        for round in 0..6 {
            let mut crowd = Vec::new();
            for number in 0..50 {
                let name = format!("{round}/{number}");
                crowd.push((world.attempt(&automation, &name).await.with_rate(max, window), invoice(name)));
            }
            let begun = join_all(crowd.iter().map(|(attempt, key)| attempt.begin(key, "x"))).await;
            let now = world.env.now();
            for ((attempt, key), begun) in crowd.iter().zip(begun) {
                match begun {
                    Begun::Perform { .. } if dice.below(4) == 0 => {
                        attempt.settle(key, State::NotApplied).await.unwrap();
                    }
                    Begun::Perform { .. } => performed.push(now),
                    Begun::Blocked(Blocked::Wait { until }) => {
                        assert!(until > now && until <= now + window, "SEED={seed}")
                    }
                    other @ (Begun::GiveBack { .. }
                    | Begun::KeyConflict { .. }
                    | Begun::Settle { .. }
                    | Begun::SettleOther { .. }
                    | Begun::WaitFor(_)
                    | Begun::Blocked(_)
                    | Begun::Stopped) => panic!("SEED={seed}: {other:?}"),
                }
            }
            let held = performed.iter().filter(|at| **at + window > now).count();
            assert!(held <= max as usize, "SEED={seed}: {held} in a window of {max}");
            world.clock.advance(window / (1 + dice.below(4) as u32));
        }
        assert!(!performed.is_empty(), "SEED={seed}");
    }
}

#[tokio::test]
async fn after_a_stop_no_effect_starts_until_it_is_lifted() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let attempt = world.attempt(&automation, "a").await;
    let cut_off = world.attempt(&automation, "b").await;
    assert!(matches!(cut_off.begin(&invoice(9), "x").await, Begun::Perform { .. }));
    world.store.lose_attempt(cut_off.run, 1).await.unwrap();
    let cut_off = cut_off.next();

    world.store.stop_all(true, "ann").await.unwrap();
    assert_eq!(attempt.begin(&invoice(1), "x").await, Begun::Stopped);
    assert_eq!(cut_off.begin(&invoice(9), "x").await, Begun::Stopped, "to settle may be to send again");
    assert_eq!(world.store.effects(None, None, None, 10).await.unwrap().len(), 1);
    let world = world.restart().await;
    assert!(world.store.all_stopped().await.unwrap());
    world.store.recover_runs().await.unwrap();
    let attempt = attempt.next();
    assert_eq!(attempt.begin(&invoice(1), "x").await, Begun::Stopped, "a stop outlasts a start");
    world.store.stop_all(false, "ann").await.unwrap();

    world.store.set_mode(automation.id, Mode::Stopped, "ann").await.unwrap();
    assert_eq!(attempt.begin(&invoice(1), "x").await, Begun::Stopped);
    let elsewhere = world.automation("reports").await;
    world.attempt(&elsewhere, "a").await.perform(&invoice(1), "x").await;
    world.store.set_mode(automation.id, Mode::Active, "ann").await.unwrap();
    attempt.perform(&invoice(1), "x").await;
}

#[tokio::test]
async fn a_stop_holds_for_every_claim_behind_it_in_its_own_commit() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let mut attempts = Vec::new();
    for number in 0..20 {
        attempts.push((world.attempt(&automation, &number.to_string()).await, invoice(number)));
    }
    let (before, _) = world.store.counts();
    let (early, late) = attempts.split_at(10);
    let (early, _, late) = tokio::join!(
        join_all(early.iter().map(|(attempt, key)| attempt.begin(key, "x"))),
        world.store.set_mode(automation.id, Mode::Stopped, "ann"),
        join_all(late.iter().map(|(attempt, key)| attempt.begin(key, "x"))),
    );
    assert_eq!(world.store.counts().0 - before, 1, "they share a commit");
    assert!(early.iter().all(|begun| matches!(begun, Begun::Perform { .. })));
    assert!(late.iter().all(|begun| *begun == Begun::Stopped));
}
