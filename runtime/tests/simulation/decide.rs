//! Questions of a script, whoever dies: each is asked once, answered once, and what follows from it is done once.

use intents::need::{Kind as NeedKind, Nth};
use runtime::env::FaultPoint;
use serde_json::json;

use crate::time::Seeded;
use crate::world::{Life, World};

/// Asks twice, once beside an effect that is under way, and does what it is told.
const ASKS: &str = r"
export default async function run({ tools, steward }) {
  const which = await steward.ask('Which one first?', ['1', '2'], { otherwise: '1' });
  await tools.sink.keyed({ step: which, note: 'chosen' }, { key: { step: which } });
  const [then] = await Promise.all([
    steward.ask('And then?', ['3', '4']),
    tools.sink.keyed({ step: '5', note: 'at once' }, { key: { step: '5' } }),
  ]);
  await tools.sink.keyed({ step: then, note: 'chosen' }, { key: { step: then } });
  return { which, then };
}";

fn world(seed: u64) -> World {
    let contract = json!({
        "title": "Story",
        "goal": "Asks which way to go on.",
        "triggers": [{ "manual": true }],
        "capabilities": [{ "tool": "sink.keyed" }],
        "once": [{ "tool": "sink.keyed", "per": ["step"] }],
    });
    let mut world = World::new(seed, contract, ASKS);
    world.chooses = Nth::ALL[1];
    world
}

fn check(world: &World, story: &str) {
    let (run, _) = world.the_run();
    assert_eq!(run.phase.as_str(), "succeeded", "{story}");
    for (step, times) in [("1", None), ("2", Some(1)), ("3", None), ("4", Some(1)), ("5", Some(1))] {
        let performed = world.outside.performed().get(&("sink.keyed".to_owned(), step.to_owned())).copied();
        assert_eq!(performed, times, "{story}: step {step}");
    }
    let kinds: Vec<_> = world.asked.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [NeedKind::Decide, NeedKind::Decide], "{story}");
}

#[test]
fn a_question_is_asked_once_and_its_answer_followed_once_whoever_dies() {
    let mut deaths = 0;
    for point in FaultPoint::ALL {
        for pass in 0..4 {
            let story = format!("dies at {point:?}, pass {pass}");
            let mut world = world(u64::from(pass));
            if world.live(Some((point, pass))) == Life::Died {
                deaths += 1;
                assert_eq!(world.live(None), Life::Done, "{story}");
            }
            check(&world, &story);
        }
    }
    assert!(deaths > 20, "the sweep reaches its places: {deaths}");
}

#[test]
fn no_storm_asks_twice() {
    for seed in 0..20 {
        let chance = Seeded::new(seed);
        let mut world = world(seed).in_disorder();
        for _ in 0..4 {
            let point = FaultPoint::ALL[chance.below(FaultPoint::ALL.len() as u64) as usize];
            if world.live(Some((point, chance.below(3) as u32))) == Life::Done {
                break;
            }
        }
        assert_eq!(world.live(None), Life::Done, "seed {seed}");
        check(&world, &format!("seed {seed}"));
    }
}
