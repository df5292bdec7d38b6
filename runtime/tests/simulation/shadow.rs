//! Shadow: whatever dies, and whenever the shadow ends, nothing that a shadow run would do is done.

use std::collections::BTreeMap;

use intents::need::Kind as NeedKind;
use intents::run::Phase;
use intents::shadow::Would;
use runtime::env::FaultPoint;
use runtime::store::{Run, RunFilter, ShadowNote};
use serde_json::{Value, json};

use crate::outside::IDENTITIES;
use crate::postgres;
use crate::world::{Life, World};

/// Deaths at the same place, one after the other pass.
const PASSES_MAX: u32 = 4;

fn contract(tool: &str, more: Value) -> Value {
    let mut contract = json!({
        "title": "Story",
        "goal": "Does things, looks around, and tells of it.",
        "triggers": [{ "manual": true }],
        "capabilities": [
            { "tool": "sink.look" }, { "tool": tool }, { "tool": "notify.user" }, { "tool": "events.emit" },
        ],
    });
    if tool != "sink.natural" {
        contract["once"] = json!([{ "tool": tool, "per": ["step"] }]);
    }
    for (name, value) in more.as_object().unwrap() {
        contract[name] = value.clone();
    }
    contract
}

/// Everything that a run can do, with a night in between.
fn script(tool: &str) -> String {
    let verb = tool.strip_prefix("sink.").unwrap();
    let key = if tool == "sink.natural" { String::new() } else { ", { key: { step } }".to_owned() };
    format!(
        "export default async function run({{ input, tools, state, steward }}) {{
           const act = (step) => tools.sink.{verb}({{ step, note: 'item ' + input.item }}{key});
           const before = await Promise.all([tools.sink.look({{ step: 'a' }}), tools.sink.look({{ step: 'b' }})]);
           await act('1');
           await state.set('reached', (await state.get('reached') ?? 0) + 1);
           await tools.notify.user({{ title: 'half', text: '' }});
           await steward.sleep(60_000);
           await Promise.all([act('2'), act('3'), tools.sink.look({{ step: 'c' }})]);
           await tools.events.emit({{ name: 'done' }});
           return {{ seen: before.length, reached: await state.get('reached') }};
         }}"
    )
}

fn shadowed(world: World) -> World {
    let mut world = world;
    world.in_shadow = true;
    world
}

/// The runs, oldest first, and what was noted of them, oldest first.
fn runs_and_notes(world: &World) -> (Vec<Run>, Vec<ShadowNote>) {
    world.inspect(async |store| {
        let automation = store.automation("story").await.unwrap();
        let mut runs = store.runs(&RunFilter::default(), 100).await.unwrap();
        runs.reverse();
        let shadow = store.last_shadow(&automation).await.unwrap().unwrap();
        let mut notes = store.shadow_notes(automation.id, shadow, None, 100).await.unwrap();
        notes.reverse();
        (runs, notes)
    })
}

/// What must hold as long as nobody has activated it.
fn nothing_was_done(world: &World, story: &str) {
    assert!(world.outside.performed().is_empty(), "{story}: {:?}", world.outside.performed());
    assert_eq!(world.outside.sent(), 0, "{story}: nothing was even tried");
    assert!(world.asked.is_empty(), "{story}: {:?}", world.asked);
    world.inspect(async |store| {
        assert!(store.effects(None, None, None, 10).await.unwrap().is_empty(), "{story}");
        assert!(store.notices(10).await.unwrap().is_empty(), "{story}");
        let automation = store.automation("story").await.unwrap().id;
        assert_eq!(store.state(automation, "reached").await.unwrap().version, 0, "{story}");
        for run in store.runs(&RunFilter::default(), 10).await.unwrap() {
            assert!(run.shadow.is_some(), "{story}");
            assert_eq!(run.effects, 0, "{story}");
            assert!(store.signal_since("done", run.id, 0).await.unwrap().is_none(), "{story}");
        }
    });
}

fn sweep(passes: u32, place: impl Fn(World) -> World) -> usize {
    let mut deaths = 0;
    for (tool, _) in IDENTITIES {
        for point in FaultPoint::ALL {
            for pass in 0..passes {
                let story = format!("{tool} dies at {point:?}, pass {pass}");
                let world = World::new(u64::from(pass), contract(tool, json!({})), &script(tool));
                let mut world = shadowed(place(world));
                let lived = world.live(Some((point, pass)));
                if lived == Life::Died {
                    deaths += 1;
                    nothing_was_done(&world, &story);
                    assert_eq!(world.live(None), Life::Done);
                }
                nothing_was_done(&world, &story);
                let (runs, notes) = runs_and_notes(&world);
                assert_eq!(runs[0].phase, Phase::Succeeded, "{story}");
                let mut count = BTreeMap::new();
                for note in &notes {
                    assert_eq!(note.would, Would::BeDone, "{story}: {note:?}");
                    *count.entry(note.tool.as_str()).or_insert(0) += 1;
                }
                let expected = BTreeMap::from([(tool, 3), ("notify.user", 1), ("events.emit", 1)]);
                assert_eq!(count, expected, "{story}: each is noted once: {notes:#?}");
                if lived == Life::Done {
                    break;
                }
            }
        }
    }
    deaths
}

#[test]
fn whoever_dies_anywhere_in_shadow_does_nothing_and_notes_it_once() {
    let deaths = sweep(PASSES_MAX, |world| world);
    assert!(deaths > 80, "the sweep reaches its places: {deaths}");
}

#[test]
fn whoever_dies_anywhere_in_shadow_does_nothing_on_postgresql_too() {
    let Some(server) = postgres::server("deaths in shadow, on PostgreSQL") else { return };
    let deaths = sweep(1, |world| world.on_postgres(&server));
    assert!(deaths > 20, "the sweep reaches its places: {deaths}");
}

#[test]
fn a_shadow_that_ends_while_its_run_is_anywhere_takes_the_run_along() {
    let tool = "sink.keyed";
    let mut cut_short = 0;
    for point in FaultPoint::ALL {
        for pass in 0..3 {
            let story = format!("the shadow ends when the run has died at {point:?}, pass {pass}");
            let mut world = shadowed(World::new(u64::from(pass), contract(tool, json!({})), &script(tool)));
            if world.live(Some((point, pass))) == Life::Done || point == FaultPoint::BeforeDeliver {
                continue;
            }
            world.inspect(async |store| {
                let automation = store.automation("story").await.unwrap().id;
                store.leave_shadow(automation, "ann").await.unwrap();
            });
            assert_eq!(world.live(None), Life::Done);
            nothing_was_done(&world, &story);
            let run = world.the_run().0;
            if run.phase == Phase::Stopped {
                cut_short += 1;
                assert_eq!(run.code.as_deref(), Some("SHADOW_OVER"), "{story}");
            } else {
                assert_eq!((point, run.phase), (FaultPoint::AfterFinish, Phase::Succeeded), "{story}");
            }

            // The next item is for real, though all of it was simulated before.
            world.items = 2;
            assert_eq!(world.live(None), Life::Done);
            for step in ["1", "2", "3"] {
                let times = world.outside.performed().get(&(tool.to_owned(), step.to_owned())).copied();
                assert_eq!(times, Some(1), "{story}: step {step}");
            }
            world.inspect(async |store| {
                let automation = store.automation("story").await.unwrap().id;
                let reached = store.state(automation, "reached").await.unwrap();
                assert_eq!((reached.value, reached.version), (Some(json!(1)), 1), "{story}");
                assert_eq!(store.notices(10).await.unwrap().len(), 1, "{story}");
            });
        }
    }
    assert!(cut_short > 15, "most runs were under way: {cut_short}");
}

const PAY: &str = r"
export default async function run({ input, tools }) {
  const step = String(input.item);
  return { paid: await tools.sink.keyed({ step, amount: input.item }, { key: { step } }) };
}";

/// How each item would have fared, in their order.
fn woulds(notes: &[ShadowNote]) -> Vec<&'static str> {
    let mut notes: Vec<_> = notes.iter().collect();
    notes.sort_by_key(|note| note.run);
    notes.into_iter().map(|note| note.would.as_str()).collect()
}

fn one_after_the_other(world: &mut World, items: u32) {
    for item in 1..=items {
        world.items = item;
        assert_eq!(world.live(None), Life::Done);
    }
}

#[test]
fn nobody_is_asked_in_shadow_and_the_real_first_ones_ask() {
    let first = json!({ "approvals": [{ "tool": "sink.keyed", "first": 2 }] });
    let mut world = shadowed(World::new(7, contract("sink.keyed", first), PAY));
    one_after_the_other(&mut world, 4);
    nothing_was_done(&world, "in shadow");
    let (_, notes) = runs_and_notes(&world);
    assert_eq!(woulds(&notes), ["asked", "asked", "done", "done"]);
    assert!(notes[0].clauses[0].contains("first"), "{notes:?}");

    world.inspect(async |store| {
        let automation = store.automation("story").await.unwrap().id;
        store.leave_shadow(automation, "ann").await.unwrap();
    });
    one_after_the_other(&mut world, 4);
    assert!(world.outside.performed().is_empty(), "what came in before was handled in shadow");
    for item in 5..=8 {
        world.items = item;
        assert_eq!(world.live(None), Life::Done);
    }
    let asked = world.asked.iter().filter(|(kind, _)| *kind == NeedKind::Approve).count();
    assert_eq!((asked, world.outside.log().len()), (2, 4), "{:?}", world.asked);
}

#[test]
fn what_would_wait_goes_on_at_once_and_what_would_be_left_out_is_told_so() {
    let limits = json!({ "limits": [
        { "rate": { "tool": "sink.keyed", "max": 2, "window": "1h" }, "else": "wait" },
        { "sum": { "tool": "sink.keyed", "of": "/amount", "max": 24, "window": "1d" }, "else": "skip" },
    ] });
    for point in [None, Some(FaultPoint::BeforeBegin), Some(FaultPoint::AfterBegin), Some(FaultPoint::BeforeFinish)] {
        let mut world = shadowed(World::new(8, contract("sink.keyed", limits.clone()), PAY));
        world.items = 1;
        if let Some(point) = point {
            assert_eq!(world.live(Some((point, 0))), Life::Died);
        }
        one_after_the_other(&mut world, 4);
        nothing_was_done(&world, "in shadow");
        let (runs, notes) = runs_and_notes(&world);
        // Items of 7, 8, 9 and 10: the third would wait for the first to leave its hour, the fourth is too much.
        assert_eq!(woulds(&notes), ["done", "done", "waited", "skipped"], "{point:?}: {notes:#?}");
        let waited = notes.iter().find(|note| note.would == Would::Wait).unwrap();
        assert!(waited.until.is_some_and(|until| until > waited.at), "{waited:?}");
        assert!(runs.iter().all(|run| run.phase == Phase::Succeeded), "{point:?}");
    }
}

#[test]
fn the_same_key_is_suppressed_in_shadow_and_another_use_of_it_is_loud() {
    let script = |amount: &str| {
        PAY.replace("const step = String(input.item);", "const step = 'one';").replace("amount: input.item", amount)
    };
    let mut world = shadowed(World::new(9, contract("sink.keyed", json!({})), &script("amount: 1")));
    one_after_the_other(&mut world, 3);
    nothing_was_done(&world, "the same");
    let (runs, notes) = runs_and_notes(&world);
    assert_eq!((notes.len(), notes[0].suppressions), (1, 2));
    assert_eq!(runs.iter().map(|run| run.suppressed).collect::<Vec<_>>(), [0, 1, 1]);

    let mut world = shadowed(World::new(9, contract("sink.keyed", json!({})), &script("amount: input.item")));
    one_after_the_other(&mut world, 2);
    assert!(world.outside.performed().is_empty());
    let (runs, notes) = runs_and_notes(&world);
    assert_eq!((runs[1].phase, runs[1].code.as_deref()), (Phase::Failed, Some("KEY_CONFLICT")));
    assert_eq!(woulds(&notes), ["done", "conflict"]);
}

#[test]
fn a_note_says_the_key_and_what_it_would_have_been_done_with() {
    let mut world = shadowed(World::new(10, contract("sink.keyed", json!({})), PAY));
    assert_eq!(world.live(None), Life::Done);
    let (runs, notes) = runs_and_notes(&world);
    let note = &notes[0];
    assert_eq!((note.run, note.tool.as_str(), note.key.as_deref()), (runs[0].id, "sink.keyed", Some("step=7")));
    assert_eq!(note.arguments, Some(json!({ "step": "7", "amount": 7 })));
}
