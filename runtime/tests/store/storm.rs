//! Storms: several tasks do to the store whatever comes to their mind, the server restarts in between, and what must
//! hold holds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use intents::effect::State;
use intents::failure::Class;
use intents::id::RunId;
use intents::need::{Choice, Kind};
use intents::run::Phase;
use runtime::store::{Automation, Begun, Delivered, Error, Finished, Mode, NewWait, Retention, RunFilter, StateWrite};
use serde_json::json;

use super::world::{Attempt, Dice, World, delivery, invoice, need_of, seeds};

/// Tasks at once.
const TASKS: usize = 5;
/// Steps of each between two restarts.
const STEPS: usize = 25;
/// Lives of the server.
const LIVES: usize = 3;
/// Effect keys that everybody fights for.
const EFFECT_KEYS: usize = 6;

/// What was acknowledged, and must be so from then on.
#[derive(Default)]
struct Promises {
    runs: BTreeSet<RunId>,
    over: BTreeMap<RunId, Phase>,
    /// How often each effect was allowed to be performed, and how often it was proven not to have happened.
    performed: BTreeMap<String, (i64, i64)>,
    applied: BTreeSet<String>,
}

impl Promises {
    fn add(&mut self, other: Self) {
        self.runs.extend(other.runs);
        self.over.extend(other.over);
        self.applied.extend(other.applied);
        for (key, (performed, undone)) in other.performed {
            let sum = self.performed.entry(key).or_default();
            *sum = (sum.0 + performed, sum.1 + undone);
        }
    }
}

/// Answers that a storm may well get: somebody else was faster.
fn expected(error: &Error) -> bool {
    ["RUN_TRANSITION", "EFFECT_SETTLED", "NEED_ANSWERED", "NOT_FOUND"].contains(&error.code())
}

fn allowed<T>(result: Result<T, Error>, context: &str) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) if expected(&error) => None,
        Err(error) => panic!("{context}: {error}"),
    }
}

/// An attempt at one of the runs, by somebody who may be mistaken about where it stands.
async fn somebody(world: &World, automation: &Automation, dice: &Dice, runs: &BTreeSet<RunId>) -> Option<Attempt> {
    let nth = dice.below(runs.len().max(1));
    let run = world.store.run(*runs.iter().nth(nth)?).await.unwrap();
    let mut attempt = Attempt::first(world, automation.id, run.item, run.id);
    attempt.generation = run.generation;
    let is_running = run.phase == Phase::Running;
    attempt.number = if is_running || dice.below(8) == 0 { run.attempts } else { run.attempts + 1 };
    attempt.calls = dice.below(3) as u32;
    Some(attempt)
}

async fn one_effect(attempt: &Attempt, dice: &Dice, promises: &mut Promises, context: &str) {
    let name = dice.below(EFFECT_KEYS).to_string();
    let arguments = if dice.below(5) == 0 { "y" } else { "x" };
    let begin = attempt.beginning(&invoice(&name), arguments);
    let begun = attempt.store().begin_effect(begin).await.unwrap().await;
    let settle = match allowed(begun, context) {
        Some(Begun::Perform { .. }) => {
            promises.performed.entry(name.clone()).or_default().0 += 1;
            true
        }
        Some(Begun::Settle { .. }) => true,
        // Only a person can say.
        Some(Begun::SettleOther { .. }) => false,
        Some(Begun::GiveBack { .. } | Begun::KeyConflict { .. } | Begun::WaitFor(_)) => false,
        Some(Begun::Blocked(_) | Begun::Stopped) | None => false,
    };
    let state = match dice.below(5) {
        0 => return,
        1 => State::Uncertain,
        2 => State::NotApplied,
        _ => State::Applied,
    };
    if settle && allowed(attempt.settle(&invoice(&name), state).await, context).is_some() {
        match state {
            State::Applied => drop(promises.applied.insert(name)),
            State::NotApplied => promises.performed.entry(name).or_default().1 += 1,
            State::Uncertain | State::Started => {}
        }
    }
}

async fn one_task(world: &World, automation: &Automation, seed: u64, mut runs: BTreeSet<RunId>) -> Promises {
    let (dice, store, context) = (Dice::new(seed), &world.store, format!("task {seed}"));
    let mut promises = Promises::default();
    for _ in 0..STEPS {
        let step = dice.below(20);
        if step < 5 {
            let delivered = store.deliver(delivery(automation.id, &dice.below(40).to_string())).await.unwrap();
            match delivered {
                Delivered::New { run, .. } | Delivered::Known { run: Some(run), .. } => {
                    runs.insert(run);
                    promises.runs.insert(run);
                }
                Delivered::Known { run: None, .. } | Delivered::Skipped { .. } => panic!("nothing is left out"),
            }
            continue;
        }
        let Some(attempt) = somebody(world, automation, &dice, &runs).await else { continue };
        match step {
            5..=6 => drop(allowed(attempt.append().await, &context)),
            7..=10 => one_effect(&attempt, &dice, &mut promises, &context).await,
            11..=12 => {
                let seen = store.state(automation.id, "cursor").await.unwrap().version;
                let value = Some(Some(json!(seed)));
                let write = StateWrite { name: "cursor".to_owned(), value, seen: Some(seen) };
                if let Some(Finished::Over(phase)) = allowed(attempt.finish_with_state(vec![write]).await, &context) {
                    promises.over.insert(attempt.run, phase);
                }
            }
            13 => {
                let need = need_of(&attempt, Kind::Repair, &format!("repair {}", attempt.run));
                if let Some(Finished::Over(phase)) = allowed(attempt.fail(Class::Logic, vec![need]).await, &context) {
                    promises.over.insert(attempt.run, phase);
                }
            }
            14 => {
                let until = world.env.now() + Duration::from_millis(dice.below(50) as u64);
                let need = need_of(&attempt, Kind::Reconnect, "connection");
                let wait = if dice.below(2) == 0 { NewWait::Time(until) } else { NewWait::Need(Box::new(need)) };
                let sleep = runtime::store::Sleep { progress: attempt.progress(), waits: vec![wait] };
                allowed(store.sleep(sleep).await, &context);
            }
            15 => {
                world.clock.advance(Duration::from_millis(10));
                store.wake_due().await.unwrap();
            }
            16 => {
                if let Some(need) = store.needs(Some(runtime::store::NeedStatus::Open), None, 1).await.unwrap().pop() {
                    let choices = need.kind.choices();
                    let choice = choices[dice.below(choices.len())];
                    let key = need.evidence["key"].as_str().map(|key| key.replace("invoice=", ""));
                    let answered = allowed(store.answer_need(need.id, choice, "ann").await, &context);
                    // A person's word is proof enough to do it again.
                    if let (Some(_), Choice::ItDidNot, Some(key)) = (answered, choice, key) {
                        promises.performed.entry(key).or_default().1 += 1;
                    }
                }
            }
            17 => store.lose_attempt(attempt.run, attempt.number).await.unwrap(),
            18 => {
                let mode = if dice.below(3) == 0 { Mode::Stopped } else { Mode::Active };
                store.set_mode(automation.id, mode, "ann").await.unwrap();
            }
            _ => {
                store.anchor().await.unwrap();
                store.sweep(Retention { payloads: Duration::from_millis(100), ..Retention::default() }).await.unwrap();
                store.checkpoint().await.unwrap();
            }
        }
    }
    promises
}

async fn hold(world: &World, promises: &Promises, seed: u64) {
    let store = &world.store;
    assert_eq!(store.alarm(), None, "SEED={seed}");
    assert_eq!(store.audit(|_| {}).await.unwrap().findings, [], "SEED={seed}");
    assert_eq!(store.quick_check().await.unwrap(), Vec::<String>::new(), "SEED={seed}");
    let runs = store.runs(&RunFilter::default(), 100_000).await.unwrap();
    let known: BTreeMap<_, _> = runs.iter().map(|run| (run.id, run)).collect();
    for run in &promises.runs {
        assert!(known.contains_key(run), "SEED={seed}: {run} is lost");
    }
    for (run, phase) in &promises.over {
        assert_eq!(known[run].phase, *phase, "SEED={seed}: {run} was over");
    }
    for run in &runs {
        let waits = store.waits_of(run.id).await.unwrap().len();
        assert_eq!(run.phase == Phase::Waiting, waits > 0, "SEED={seed}: {} is {} on {waits}", run.id, run.phase);
        assert_eq!(run.phase.is_over(), run.ended_at.is_some(), "SEED={seed}: {}", run.id);
        store.journal(run.id).await.unwrap();
        assert!(run.phase.is_over() || store.item(run.item).await.is_ok(), "SEED={seed}: {} lost its input", run.id);
    }
    let effects = store.effects(None, None, None, 1000).await.unwrap();
    for effect in &effects {
        assert_eq!(effect.settled_at.is_some(), matches!(effect.state, State::Applied | State::NotApplied));
        // The words of a key go with the payload of its run, once it is known what became of the effect.
        let Some(key) = &effect.key else {
            assert!(effect.settled_at.is_some(), "SEED={seed}: {} lost its key in the middle", effect.id);
            continue;
        };
        let key = key.replace("invoice=", "");
        let (performed, _) = promises.performed[&key];
        assert_eq!(effect.performances, performed, "SEED={seed}: {key}");
        let applied = promises.applied.contains(&key);
        assert!(!applied || effect.state == State::Applied, "SEED={seed}: {key} is {}", effect.state);
    }
    for (key, (performed, undone)) in &promises.performed {
        assert!(
            *performed <= undone + 1,
            "SEED={seed}: {key} was performed again without proof: {performed}, {undone}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn no_storm_loses_a_run_breaks_the_record_or_repeats_an_effect() {
    for seed in seeds(12) {
        let mut world = World::seeded(seed).await;
        let automation = world.automation("reminders").await;
        let mut promises = Promises::default();
        for life in 0..LIVES {
            let tasks = (0..TASKS).map(|task| {
                let seed = seed * 1000 + (life * TASKS + task) as u64;
                one_task(&world, &automation, seed, promises.runs.clone())
            });
            for made in join_all(tasks).await {
                promises.add(made);
            }
            hold(&world, &promises, seed).await;
            world.store.anchor().await.unwrap();
            world = world.restart().await;
            world.store.recover_runs().await.unwrap();
            hold(&world, &promises, seed).await;
        }
    }
}
