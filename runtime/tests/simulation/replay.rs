//! A run is a pure function of its journal: recorded in any order of events, it replays byte for byte.

use intents::journal::{Record, recorded};
use intents::run::Phase;
use sandbox::{FromScript, Limits, Start};
use serde_json::{Value, json};

use crate::world::{Life, World, jail};

const SCRIPT: &str = r"
export default async function run({ input, tools, state, steward }) {
  const order = [];
  const looks = ['a', 'b', 'c', 'd', 'e', 'f'].map(async (step) => {
    const look = await tools.sink.look({ step });
    order.push([step, Date.now(), Math.random(), steward.id()]);
    return look.seen;
  });
  const seen = await Promise.all(looks);
  const winner = await Promise.race(['x', 'y', 'z'].map(async (step) => (await tools.sink.look({ step })).seen));
  await tools.sink.keyed({ step: winner }, { key: { step: winner } });
  await steward.sleep(3_600_000);
  const date = new Date();
  return {
    seen, order, winner, date, text: date.toString(), offset: date.getTimezoneOffset(),
    local: new Date(2026, 2, 29, 2, 30).getTime(), sorted: [3, 1, 2].sort(), half: 0.1 + 0.2,
  };
}";

fn contract() -> Value {
    json!({
        "title": "Story", "goal": "Tries everything that could differ.",
        "triggers": [{ "manual": true }],
        "capabilities": [{ "tool": "sink.look" }, { "tool": "sink.keyed" }],
        "once": [{ "tool": "sink.keyed", "per": ["step"] }],
    })
}

/// Gives the script its whole journal and returns what it does at the end.
pub(crate) async fn replayed(records: &[Record], script: &str) -> FromScript {
    let Some(Record::Began { at, seed, input, .. }) = records.first() else { panic!("a journal begins") };
    let calls = recorded(records);
    let mut tools: Vec<_> = calls.iter().map(|call| call.called.tool.to_string()).collect();
    tools.sort();
    tools.dedup();
    let start = Start {
        script: script.to_owned(),
        name: "script.js".to_owned(),
        input: input.clone(),
        at: *at,
        seed: *seed.as_bytes(),
        replay: calls,
        tools,
        logged: 0,
    };
    jail().attempt(start, Limits::default()).await.unwrap().next().await
}

fn result_of(records: &[Record]) -> String {
    let Some(Record::Ended { result: Some(result), .. }) = records.last() else { panic!("a run ends: {records:#?}") };
    intents::canonical::to_string(result)
}

#[test]
fn a_recorded_run_replays_byte_for_byte_in_other_places_orders_and_loads() {
    let mut orders = std::collections::BTreeSet::new();
    let mut recordings = Vec::new();
    for seed in 0..12 {
        let mut world = World::new(seed, contract(), SCRIPT).in_disorder();
        assert_eq!(world.live(None), Life::Done);
        let (run, _) = world.the_run();
        assert_eq!(run.phase, Phase::Succeeded);
        let records = world.inspect(async |store| store.journal(run.id).await.unwrap().records);
        let result = result_of(&records);
        let value: Value = serde_json::from_str(&result).unwrap();
        assert_eq!(value["offset"], json!(0), "the host's time zone is not there");
        orders.insert(value["order"].as_array().unwrap().iter().map(|step| step[0].to_string()).collect::<String>());
        recordings.push((records, result));
    }
    assert!(orders.len() > 1, "the recordings were made in different orders: {orders:?}");

    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    tokio.block_on(async {
        // Many at once, so that the machine is busy and each is cut into other slices.
        let all = recordings.iter().cycle().take(recordings.len() * 8).cloned();
        let running =
            all.map(|(records, result)| tokio::spawn(async move { (replayed(&records, SCRIPT).await, result) }));
        for replay in running.collect::<Vec<_>>() {
            let (last, result) = replay.await.unwrap();
            assert_eq!(last, FromScript::Finished { result });
        }
    });
}

#[test]
fn a_changed_script_is_found_at_the_first_differing_step_and_sends_nothing() {
    let mut world = World::new(5, contract(), SCRIPT);
    assert_eq!(world.live(None), Life::Done);
    let (run, _) = world.the_run();
    let records = world.inspect(async |store| store.journal(run.id).await.unwrap().records);
    let before = world.outside.performed();
    let effect = "await tools.sink.keyed({ step: winner }, { key: { step: winner } });";
    let changes = [
        (
            "a call inserted",
            effect,
            "await tools.sink.look({ step: 'new' }); await tools.sink.keyed({ step: winner }, { key: { step: winner } });",
            9,
        ),
        ("a call dropped", effect, "", 9),
        ("an argument changed", "{ step: winner }, {", "{ step: winner, note: 'more' }, {", 9),
        ("the key changed", "{ key: { step: winner } }", "{ key: { step: winner + '!' } }", 9),
        ("calls reordered", "['a', 'b', 'c'", "['b', 'a', 'c'", 0),
        ("another tool", effect, "await tools.sink.look({ step: winner });", 9),
    ];
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for (what, from, to, first) in changes {
        let script = SCRIPT.replace(from, to);
        assert_ne!(script, SCRIPT, "{what}");
        match tokio.block_on(replayed(&records, &script)) {
            FromScript::Differs(mismatch) => assert_eq!(mismatch.call, first, "{what}: {mismatch}"),
            other => panic!("{what} was not found: {other:?}"),
        }
    }
    assert_eq!(world.outside.performed(), before);
}
