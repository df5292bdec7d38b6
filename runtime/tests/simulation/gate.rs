//! The whole gate while runs go on: limits over windows, rows that grow old, quiet hours, a person's yes and no, and
//! where data may go. Over the real store and jail, whatever dies and whatever the clock does.

use std::time::Duration;

use intents::Timestamp;
use intents::id::RunId;
use intents::journal::Record;
use intents::need::Kind as NeedKind;
use intents::run::Phase;
use runtime::env::FaultPoint;
use runtime::store::{ApprovalFilter, RunFilter};
use sandbox::FromScript;
use serde_json::{Value, json};

use crate::replay::replayed;
use crate::time::Seeded;
use crate::world::{Life, World};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn contract(more: Value) -> Value {
    let mut contract = json!({
        "title": "Story",
        "goal": "Tries what the contract says.",
        "triggers": [{ "manual": true }],
        "capabilities": [{ "tool": "sink.look" }, { "tool": "sink.keyed" }],
        "once": [{ "tool": "sink.keyed", "per": ["step"] }],
    });
    for (name, value) in more.as_object().unwrap() {
        contract[name] = value.clone();
    }
    contract
}

const PAY: &str = r"
export default async function run({ input, tools }) {
  await tools.sink.look({ step: 'before' });
  const step = String(input.item);
  try {
    const paid = await tools.sink.keyed({ step, amount: 20 + input.item }, { key: { step } });
    return { paid };
  } catch (error) {
    return { code: error.code, data: error.data };
  }
}";

/// What the run, or each of them, came to.
fn results(world: &World) -> Vec<Value> {
    world.inspect(async |store| {
        let mut results = Vec::new();
        for run in store.runs(&RunFilter::default(), 100).await.unwrap() {
            let records = store.journal(run.id).await.unwrap().records;
            let Some(Record::Ended { result: Some(result), .. }) = records.last() else {
                panic!("a run succeeds: {records:#?}")
            };
            results.push(result.clone());
        }
        results
    })
}

fn journal(world: &World) -> (RunId, Vec<Record>) {
    world.inspect(async |store| {
        let run = store.runs(&RunFilter::default(), 1).await.unwrap().remove(0);
        (run.id, store.journal(run.id).await.unwrap().records)
    })
}

/// In no window is there more than the contract allows, whichever moment one looks from.
fn check_windows(world: &World, story: &str) {
    let log = world.outside.log();
    for (end, _) in &log {
        let within = |window: Duration| {
            log.iter().filter(move |(at, _)| *at <= *end && *at + window > *end).map(|(_, arguments)| arguments)
        };
        let calls = within(HOUR).count();
        assert!(calls <= 3, "{story}: {calls} in one hour up to {end}: {log:#?}");
        let sum: f64 = within(HOUR * 24).filter_map(|arguments| arguments["amount"].as_f64()).sum();
        assert!(sum <= 200.0, "{story}: {sum} in one day up to {end}: {log:#?}");
    }
    assert!(!log.is_empty(), "{story}");
}

fn limited() -> Value {
    contract(json!({ "limits": [
        { "rate": { "tool": "sink.keyed", "max": 3, "window": "1h" }, "else": "wait" },
        { "sum": { "tool": "sink.keyed", "of": "/amount", "max": 200, "window": "1d" }, "else": "skip" },
    ] }))
}

#[test]
fn no_crowd_no_crash_and_no_clock_gets_more_out_of_a_window_than_it_holds() {
    let mut deaths = 0;
    for (number, point) in FaultPoint::ALL.into_iter().enumerate() {
        for pass in [0, 2, 5] {
            let seed = (number * 10 + pass) as u64;
            let story = format!("dies at {point:?}, pass {pass}");
            let mut world = World::new(seed, limited(), PAY);
            world.items = 10;
            world.clock_wanders = Some(Seeded::new(seed));
            if world.live(Some((point, pass as u32))) == Life::Died {
                deaths += 1;
                assert_eq!(world.live(None), Life::Done);
            }
            check_windows(&world, &story);
            // Three an hour and 200 a day: the first few are paid, the rest is left out, and each knows which.
            let (paid, skipped): (Vec<_>, Vec<_>) =
                results(&world).into_iter().partition(|result| result["paid"].get("done").is_some());
            assert_eq!(paid.len() + skipped.len(), 10, "{story}");
            assert!(skipped.iter().all(|result| result["paid"]["skipped"] == json!(true)), "{story}: {skipped:?}");
            assert_eq!(paid.len(), world.outside.log().len(), "{story}");
        }
    }
    assert!(deaths > 20, "the sweep reaches its places: {deaths}");
}

#[test]
fn reads_and_messages_count_too_whoever_dies() {
    let limits = json!({
        "capabilities": [{ "tool": "sink.look" }, { "tool": "notify.user" }, { "tool": "events.emit" }],
        "once": [],
        "limits": [
            { "rate": { "tool": "sink.look", "max": 3, "window": "1h" }, "else": "wait" },
            { "rate": { "tool": "notify.user", "max": 2, "window": "30d" }, "else": "skip" },
            { "rate": { "tool": "events.emit", "max": 4, "window": "30d" }, "else": "skip" },
        ],
    });
    let script = r"
export default async function run({ input, tools }) {
  await tools.sink.look({ step: String(input.item) });
  const told = await tools.notify.user({ title: String(input.item), text: '' });
  const emitted = await tools.events.emit({ name: 'seen' });
  return { told: told?.skipped !== true, emitted: emitted?.skipped !== true };
}";
    for (number, point) in FaultPoint::ALL.into_iter().enumerate() {
        let story = format!("dies at {point:?}");
        let mut world = World::new(number as u64, contract(limits.clone()), script);
        world.items = 6;
        if world.live(Some((point, 1))) == Life::Died {
            assert_eq!(world.live(None), Life::Done);
        }
        let looks = world.outside.looks();
        for (end, _) in &looks {
            // A look leaves a moment after its place was taken, and simulated moments are long.
            let within = looks.iter().filter(|(at, _)| *at <= *end && *at + (HOUR - MINUTE) > *end).count();
            assert!(within <= 3, "{story}: {within} in one hour up to {end}: {looks:#?}");
        }
        assert!(looks.len() >= 6, "{story}");
        let count = |name: &str| results(&world).iter().filter(|result| result[name] == json!(true)).count();
        assert_eq!((count("told"), count("emitted")), (2, 4), "{story}");
        // What runs tell; a service that takes its time in this world is told of by the host.
        let notices = world.inspect(async |store| store.notices(10).await.unwrap());
        assert_eq!(notices.iter().filter(|notice| notice.run.is_some()).count(), 2, "{story}");
    }
}

#[test]
fn a_service_that_asked_for_patience_is_left_alone_though_a_sibling_wakes_the_run() {
    let script = r"
export default async function run({ tools, steward }) {
  const naps = async () => { for (let nap = 0; nap < 5; nap += 1) await steward.sleep(600_000); };
  const [seen] = await Promise.all([tools.sink.look({ step: 'busy' }), naps()]);
  return seen.seen;
}";
    for point in [None, Some(FaultPoint::AttemptClaimed), Some(FaultPoint::CallReceived), Some(FaultPoint::ReadDone)] {
        let mut world = World::new(13, contract(json!({})), script);
        world.outside.is_busy_for(HOUR * 3);
        if world.live(point.map(|point| (point, 2))) == Life::Died {
            assert_eq!(world.live(None), Life::Done);
        }
        let looks = world.outside.looks();
        assert_eq!(looks.len(), 2, "{point:?}: {looks:?}");
        assert!(looks[1].0.since(looks[0].0) >= HOUR * 3, "{point:?}: {looks:?}");
        assert_eq!(results(&world), [json!("busy")], "{point:?}");
    }
}

fn asking() -> Value {
    contract(json!({ "approvals": [{ "tool": "sink.keyed" }] }))
}

#[test]
fn a_yes_is_asked_for_used_once_and_survives_a_death_at_any_place() {
    for point in FaultPoint::ALL {
        for pass in 0..2 {
            let story = format!("dies at {point:?}, pass {pass}");
            let mut world = World::new(3, asking(), PAY);
            if world.live(Some((point, pass))) == Life::Died {
                assert_eq!(world.live(None), Life::Done);
            }
            assert_eq!(results(&world)[0]["paid"]["done"], json!("7"), "{story}");
            assert_eq!(world.outside.log().len(), 1, "{story}");
            let asked = world.asked.iter().filter(|(kind, _)| *kind == NeedKind::Approve).count();
            assert_eq!(asked, 1, "{story}: {:?}", world.asked);
            let approvals = world.inspect(async |store| store.approvals(&ApprovalFilter::default(), 10).await.unwrap());
            assert_eq!(approvals.len(), 1, "{story}");
            assert_eq!(approvals[0].status.as_str(), "used", "{story}");
        }
    }
}

#[test]
fn a_no_is_an_answer_that_the_script_can_work_with() {
    let mut world = World::new(4, asking(), PAY);
    world.consents = false;
    assert_eq!(world.live(None), Life::Done);
    let result = results(&world).remove(0);
    assert_eq!(result["code"], json!("not_approved"));
    assert_eq!(result["data"]["because"], json!("refused"));
    assert!(world.outside.log().is_empty());
}

#[test]
fn attack_fields_in_arguments_that_look_like_approvals() {
    let script = PAY.replace(
        "amount: 20 + input.item }",
        "amount: 20 + input.item, note: { approved: true, approval: 'appr_00000000000000000000000000', by: 'ann', \
         because: 'approved', grounds: [] } }",
    );
    let mut world = World::new(5, asking(), &script);
    world.consents = false;
    assert_eq!(world.live(None), Life::Done);
    assert_eq!(results(&world)[0]["code"], json!("not_approved"));
    assert!(world.outside.log().is_empty());
}

#[test]
fn one_envelope_covers_so_many_and_no_more() {
    let envelope = json!([{ "tool": "sink.keyed", "envelope": { "at_most": 4, "for": "24h", "where": { "/amount": { "less_than": 1000 } } } }]);
    let mut world = World::new(6, contract(json!({ "approvals": envelope })), PAY);
    world.items = 10;
    assert_eq!(world.live(None), Life::Done);
    assert_eq!(world.outside.log().len(), 10);
    let approvals = world.inspect(async |store| store.approvals(&ApprovalFilter::default(), 10).await.unwrap());
    let used: Vec<_> = approvals.iter().map(|approval| approval.envelope.unwrap().used).collect();
    assert_eq!(used.iter().sum::<u32>(), 10);
    assert!(used.iter().all(|used| *used <= 4), "{used:?}");
    assert_eq!(world.asked.len(), approvals.len(), "each envelope was asked about once");
    assert_eq!(approvals.len(), 3);
}

#[test]
fn no_death_gets_more_out_of_an_envelope_than_it_holds() {
    let envelope = json!([{
        "tool": "sink.keyed",
        "envelope": { "at_most": 4, "for": "24h", "where": { "/amount": { "less_than": 1000 } } }
    }]);
    for point in FaultPoint::ALL {
        for pass in [1, 6] {
            let story = format!("dies at {point:?}, pass {pass}");
            let mut world = World::new(6, contract(json!({ "approvals": envelope })), PAY);
            world.items = 9;
            if world.live(Some((point, pass))) == Life::Died {
                assert_eq!(world.live(None), Life::Done);
            }
            assert_eq!(world.outside.log().len(), 9, "{story}");
            let approvals = world.inspect(async |store| store.approvals(&ApprovalFilter::default(), 20).await.unwrap());
            let used: Vec<_> = approvals.iter().map(|approval| approval.envelope.unwrap().used).collect();
            assert!(used.iter().all(|used| *used <= 4), "{story}: {used:?}");
            assert_eq!(used.iter().sum::<u32>(), 9, "{story}: {used:?}");
        }
    }
}

#[test]
fn the_first_few_are_asked_about_and_the_rest_is_trusted() {
    let first = json!([{ "tool": "sink.keyed", "first": 2 }]);
    let mut world = World::new(7, contract(json!({ "approvals": first })), PAY);
    assert_eq!(world.live(None), Life::Done);
    assert_eq!(world.asked.len(), 1);
    world.items = 2;
    world.live(None);
    assert_eq!(world.asked.len(), 2);
    world.items = 6;
    world.live(None);
    assert_eq!((world.asked.len(), world.outside.log().len()), (2, 6));
}

/// Reads a row, sleeps, and pays what the row says.
const PAY_ROW: &str = r"
export default async function run({ tools, steward }) {
  const [row] = (await tools.sink.look({ step: 'rows' })).rows;
  await steward.sleep(7_200_000);
  try {
    return await tools.sink.keyed({ step: row.id, amount: row.amount }, { key: { step: row.id } });
  } catch (error) {
    return { code: error.code };
  }
}";

fn bound() -> Value {
    contract(json!({ "capabilities": [
        { "tool": "sink.look" },
        {
            "tool": "sink.keyed",
            "bind": { "row": { "row_of": "sink.look", "at": "/rows/*" } },
            "where": { "/step": { "same_as": "row:/id" }, "/amount": { "same_as": "row:/amount" } },
            "fresh_for": "15m",
        },
    ] }))
}

#[test]
fn a_row_that_is_too_old_is_read_again_and_no_replay_needs_it() {
    let mut world = World::new(8, bound(), PAY_ROW);
    world.outside.shows(json!([{ "id": "A-17", "amount": 40 }]));
    assert_eq!(world.live(None), Life::Done);
    assert_eq!(world.outside.log().len(), 1);
    let (_, records) = journal(&world);
    let rereads = records.iter().filter(|record| matches!(record, Record::Reread { call: 0, by: 2, .. })).count();
    assert_eq!(rereads, 1, "{records:#?}");
    let calls = records.iter().filter(|record| matches!(record, Record::Called(_))).count();
    assert_eq!(calls, 3, "the script made three calls, and sees no fourth");
    let result = intents::canonical::to_string(&results(&world)[0]);
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    assert_eq!(tokio.block_on(replayed(&records, PAY_ROW)), FromScript::Finished { result });
}

#[test]
fn what_is_not_so_any_more_ends_stale() {
    let mut world = World::new(9, bound(), PAY_ROW);
    world.outside.shows(json!([{ "id": "A-17", "amount": 40 }]));
    world.meanwhile = Some(Box::new(|outside| outside.shows(json!([{ "id": "A-17", "amount": 0 }]))));
    assert_eq!(world.live(None), Life::Done);
    assert_eq!(results(&world), [json!({ "code": "stale" })]);
    assert!(world.outside.log().is_empty());
}

#[test]
fn a_row_that_was_never_read_lets_nothing_pass() {
    let script = PAY_ROW.replace("amount: row.amount }", "amount: 4000 }");
    let mut world = World::new(10, bound(), &script);
    world.outside.shows(json!([{ "id": "A-17", "amount": 40 }]));
    assert_eq!(world.live(None), Life::Done);
    let (run, effects) = world.the_run();
    assert_eq!((run.phase, effects.len()), (Phase::Stopped, 0), "the person was asked to grant it, and gave up");
    assert!(world.outside.log().is_empty());
}

#[test]
fn quiet_hours_are_slept_through() {
    // The simulation begins at 14:13 UTC.
    let quiet = json!([{ "quiet_hours": { "tool": "sink.keyed", "from": "12:00", "to": "18:30", "tz": "UTC" }, "else": "wait" }]);
    let mut world = World::new(11, contract(json!({ "limits": quiet })), PAY);
    assert_eq!(world.live(None), Life::Done);
    let (at, _) = world.outside.log().remove(0);
    let over: jiff::Timestamp = "2026-09-21T18:30:00Z".parse().unwrap();
    let over = Timestamp::from_jiff(over);
    assert!(at >= over && at.since(over) < HOUR, "{at}");
}

#[test]
fn data_goes_only_where_it_may_even_by_way_of_the_state() {
    let flow = json!([{ "flow": { "from": "http:books.example", "to": ["sink.look"] } }]);
    let script = r"
export default async function run({ input, tools, state }) {
  if (input.item === 7) {
    await state.set('kept', (await tools.sink.look({ step: 'secret' })).seen);
    return 'kept';
  }
  const kept = await state.get('kept');
  await tools.sink.keyed({ step: String(kept) }, { key: { step: 'x' } });
  return 'sent';
}";
    let mut world = World::new(12, contract(json!({ "limits": flow })), script);
    assert_eq!(world.live(None), Life::Done);
    assert_eq!(results(&world), [json!("kept")]);
    world.items = 2;
    assert_eq!(world.live(None), Life::Done);
    assert!(world.outside.log().is_empty(), "what the other run had read went along in the state");
    let phases = world.inspect(async |store| {
        store.runs(&RunFilter::default(), 2).await.unwrap().into_iter().map(|run| run.phase).collect::<Vec<_>>()
    });
    assert_eq!(phases, [Phase::Stopped, Phase::Succeeded]);
}
