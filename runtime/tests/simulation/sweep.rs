//! Every named place to die, for every effect identity, and with every mishap of the service.

use intents::effect::State;
use intents::need::Kind as NeedKind;
use intents::run::Phase;
use runtime::env::FaultPoint;
use serde_json::{Value, json};

use crate::outside::{IDENTITIES, Mishap};
use crate::postgres;
use crate::time::Seeded;
use crate::world::{Life, World};

const STEPS: [&str; 3] = ["1", "2", "3"];
/// Storms that are tried; `SOAK=1` tries ten times as many, `SEED=12` one.
const STORMS: u64 = 40;
/// Deaths at the same place, one after the other pass, that are tried for each identity.
const PASSES_MAX: u32 = 4;

fn contract(tool: &str) -> Value {
    let mut contract = json!({
        "title": "Story",
        "goal": "Does three things once each, looking around in between.",
        "triggers": [{ "manual": true }],
        "capabilities": [{ "tool": "sink.look" }, { "tool": tool }],
    });
    if tool != "sink.natural" {
        contract["once"] = json!([{ "tool": tool, "per": ["step"] }]);
    }
    contract
}

fn script(tool: &str) -> String {
    let verb = tool.strip_prefix("sink.").unwrap();
    let key = if tool == "sink.natural" { String::new() } else { ", { key: { step } }".to_owned() };
    format!(
        "export default async function run({{ input, tools, state, steward }}) {{
           const act = (step) => tools.sink.{verb}({{ step, note: 'item ' + input.item }}{key});
           const before = await Promise.all([tools.sink.look({{ step: 'a' }}), tools.sink.look({{ step: 'b' }})]);
           await act('1');
           await state.set('reached', 1);
           await steward.sleep(60_000);
           const [, done] = await Promise.all([act('2'), act('3'), tools.sink.look({{ step: 'c' }})]);
           return {{ seen: before.length, done: done.done, reached: await state.get('reached') }};
         }}"
    )
}

/// What must hold however often the server died.
fn check(world: &World, tool: &str, story: &str) {
    let (run, effects) = world.the_run();
    assert_eq!(run.phase, Phase::Succeeded, "{story}");
    assert_eq!(effects.len(), STEPS.len(), "{story}: {effects:#?}");
    assert!(effects.iter().all(|effect| effect.state == State::Applied), "{story}: {effects:#?}");
    for step in STEPS {
        let times = world.outside.performed().get(&(tool.to_owned(), step.to_owned())).copied();
        assert_eq!(times, Some(1), "{story}: step {step} happened {times:?} times");
    }
    let blind = tool == "sink.blind";
    assert!(
        world.asked.iter().all(|(kind, _)| blind && *kind == NeedKind::Settle),
        "{story}: only what nobody can know is asked about: {:?}",
        world.asked
    );
}

#[test]
fn whoever_dies_anywhere_does_everything_once() {
    let (deaths, asked) = sweep(PASSES_MAX, |world| world);
    assert!(deaths > 100, "the sweep reaches its places: {deaths}");
    assert!(asked > 0, "some death leaves a blind effect in doubt");
}

#[test]
fn whoever_dies_anywhere_does_everything_once_on_postgresql_too() {
    let Some(server) = postgres::server("deaths at every place, on PostgreSQL") else { return };
    let passes = if std::env::var_os("SOAK").is_some() { PASSES_MAX } else { 1 };
    let (deaths, asked) = sweep(passes, |world| world.on_postgres(&server));
    assert!(deaths > 40, "the sweep reaches its places: {deaths}");
    assert!(asked > 0, "some death leaves a blind effect in doubt");
}

/// Dies at every place, for every identity; says how often, and how many blind effects somebody was asked about.
fn sweep(passes: u32, place: impl Fn(World) -> World) -> (usize, usize) {
    let mut deaths = 0;
    let mut asked = 0;
    for (tool, _) in IDENTITIES {
        for point in FaultPoint::ALL {
            for pass in 0..passes {
                let story = format!("{tool} dies at {point:?}, pass {pass}");
                let mut world = place(World::new(u64::from(pass), contract(tool), &script(tool)));
                if world.live(Some((point, pass))) == Life::Done {
                    check(&world, tool, &story);
                    break;
                }
                deaths += 1;
                assert_eq!(world.live(None), Life::Done);
                check(&world, tool, &story);
                asked += world.asked.len();
            }
        }
    }
    println!("{deaths} deaths, 0 duplicates, 0 missing, {asked} blind effects asked about");
    (deaths, asked)
}

#[test]
fn whatever_the_service_does_everything_happens_once() {
    for (tool, _) in IDENTITIES {
        for mishap in [Mishap::AnswerLost, Mishap::RequestLost, Mishap::Busy] {
            for at in 0..STEPS.len() {
                let story = format!("{tool} meets {mishap:?} at effect {at}");
                let mut world = World::new(at as u64, contract(tool), &script(tool));
                let mut mishaps = vec![Mishap::None; at];
                mishaps.push(mishap);
                world.outside.misbehave(&mishaps);
                assert_eq!(world.live(None), Life::Done);
                check(&world, tool, &story);
                let in_doubt = tool == "sink.blind" && mishap != Mishap::Busy;
                assert_eq!(world.asked.len(), usize::from(in_doubt), "{story}");
            }
        }
    }
}

#[test]
fn no_storm_does_anything_twice() {
    let storms = if std::env::var_os("SOAK").is_some() { STORMS * 10 } else { STORMS };
    let only: Option<u64> = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in only.map_or(0..storms, |seed| seed..seed + 1) {
        let chance = Seeded::new(seed);
        let (tool, _) = IDENTITIES[chance.below(4) as usize];
        let mut world = World::new(seed, contract(tool), &script(tool)).in_disorder();
        let mishap =
            |_| [Mishap::None, Mishap::AnswerLost, Mishap::RequestLost, Mishap::Busy][chance.below(4) as usize];
        world.outside.misbehave(&(0..6).map(mishap).collect::<Vec<_>>());
        for _ in 0..5 {
            let point = FaultPoint::ALL[chance.below(14) as usize];
            if world.live(Some((point, chance.below(3) as u32))) == Life::Done {
                break;
            }
        }
        world.live(None);
        check(&world, tool, &format!("{tool}, replay with SEED={seed}"));
    }
}

#[test]
fn a_call_that_the_contract_refuses_waits_for_its_grant_and_goes_on_at_the_same_step() {
    let mut refusing = contract("sink.keyed");
    refusing["capabilities"][1]["where"] = json!({ "/note": { "equals": "another" } });
    let mut world = World::new(1, refusing, &script("sink.keyed"));
    assert_eq!(world.live(None), Life::Done);
    let (run, effects) = world.the_run();
    assert_eq!((run.phase, effects.len()), (Phase::Stopped, 0));
    let asked: Vec<_> = world.asked.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(asked, [NeedKind::Grant; 3], "each yes leads to the same step, and never to another way");
}

#[test]
fn what_a_run_tells_is_told_once_though_it_begins_afresh() {
    let telling = json!({
        "title": "Story", "goal": "Tells two things, the second twice.",
        "triggers": [{ "manual": true }],
        "capabilities": [{ "tool": "notify.user" }, { "tool": "events.emit" }],
    });
    let script = "export default async function run({ tools, state, steward }) {
        await state.get('seen');
        await tools.notify.user({ title: 'one', text: '' });
        await tools.notify.user({ title: 'two', text: '' });
        await tools.notify.user({ title: 'two', text: '' });
        await tools.events.emit({ name: 'told' });
        await steward.sleep(1000);
        await state.set('seen', 1);
    }";
    let mut world = World::new(1, telling, script);
    world.overtake("seen");
    assert_eq!(world.live(None), Life::Done);
    let run = world.inspect(async |store| {
        let runs = store.runs(&runtime::store::RunFilter::default(), 10).await.unwrap();
        runs.into_iter().last().unwrap()
    });
    assert_eq!((run.phase, run.generation), (Phase::Succeeded, 1), "another run had changed what it saw");
    let titles = world.inspect(async |store| {
        let notices = store.notices(10).await.unwrap();
        notices.into_iter().rev().map(|notice| notice.title).collect::<Vec<_>>()
    });
    assert_eq!(titles, ["one", "two", "two"]);
}
