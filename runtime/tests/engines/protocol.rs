//! The way of a run through an engine, and what is refused on it.

use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::world::{ENGINE, NAME, World};

fn refused(answer: &Answer) -> (u16, String) {
    (answer.status, answer.code())
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn a_run_is_claimed_marked_and_completed_by_an_engine() {
    let world = World::new(31);
    let _server = world.start();
    let imported = world.import();
    assert_eq!(imported["automation"]["engine"], ENGINE);
    assert_eq!(imported["card"]["engine"], ENGINE);
    let engine = world.engine();
    engine.finds_nothing();

    let run = world.run(&json!({ "order": "A-1" }));
    let holder = engine.claim();
    assert_eq!(holder.run, run);
    let claim = &holder.claim;
    assert_eq!((&claim["input"], &claim["attempt"]), (&json!({ "order": "A-1" }), &json!(1)));
    assert_eq!((&claim["automation_name"], &claim["contract"]["title"]), (&json!(NAME), &json!("Orders")));
    assert!(claim["card"].as_str().unwrap().contains("Steward enforces"), "{claim}");
    let tools: Vec<_> = claim["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert!(["http.get", "http.request", "state.set", "steward.sleep"].iter().all(|tool| tools.contains(tool)));
    engine.finds_nothing();
    assert_eq!(world.get("/v1/engines")["items"][0]["held"][0]["run"], json!(run));

    let early = holder.post("calls", &world.look("a", "x"));
    assert_eq!(refused(&early), is(409, "LEASE_NOT_STARTED"));
    assert_eq!(holder.post("start", &json!({ "says": "worker 1.4" })).status, 200);
    assert_eq!(holder.post("start", &json!({ "says": "worker 1.4" })).status, 200, "said again it is the same");
    let step = json!({ "id": "s1", "name": "read the order", "data": { "lines": 3, "password": "hunter2" } });
    assert_eq!(holder.post("steps", &step).status, 200);
    assert_eq!(holder.post("steps", &step).status, 200, "marked again it is the same");
    let other = json!({ "id": "s1", "name": "read another order" });
    assert_eq!(refused(&holder.post("steps", &other)), is(409, "NAME_REUSED"));
    assert_eq!(
        holder.call(&json!({ "id": "w", "tool": "state.set", "arguments": { "key": "n", "value": 7 } }))["kind"],
        "value"
    );
    assert_eq!(holder.call(&json!({ "id": "r", "tool": "state.get", "arguments": { "key": "n" } }))["value"], 7);
    assert_eq!(world.run_is(&run, "running")["run"]["engine"], ENGINE);

    assert_eq!(holder.complete(&json!({ "sent": 1 }))["phase"], "succeeded");
    assert_eq!(holder.complete(&json!({ "sent": 1 }))["phase"], "succeeded", "an answer that was lost is given again");
    assert_eq!(refused(&holder.post("complete", &json!({ "result": 2 }))), is(409, "LEASE_LOST"));
    let detail = world.run_is(&run, "succeeded");
    assert_eq!(detail["result"], json!({ "sent": 1 }));
    assert_eq!((&detail["run"]["replayable"], &detail["run"]["engine"]), (&json!(false), &json!(ENGINE)));
    assert!(detail["run"]["not_replayable"].as_str().unwrap().contains("outside"), "{detail}");
    let replay = world.post(&format!("/v1/runs/{run}/replay"), &json!({}));
    assert_eq!(refused(&replay), is(409, "RUN_NOT_REPLAYABLE"));

    let steps = world.get(&format!("/v1/runs/{run}/steps"));
    assert_eq!(steps["items"].as_array().map(Vec::len), Some(1));
    assert!(!steps.to_string().contains("hunter2"), "what is shown is redacted: {steps}");
    let calls = world.get(&format!("/v1/runs/{run}/calls"));
    let ids: Vec<_> = calls["items"].as_array().unwrap().iter().map(|call| call["id"].clone()).collect();
    assert_eq!(ids, [json!("w"), json!("r")]);
    // The state was written with the success of the run, for the next one to read.
    world.run(&json!({}));
    let next = engine.begin();
    assert_eq!(next.call(&json!({ "id": "r", "tool": "state.get", "arguments": { "key": "n" } }))["value"], 7);
    next.complete(&Value::Null);
}

#[test]
fn an_engine_says_only_what_an_engine_can_know() {
    let world = World::new(32);
    let _server = world.start();
    world.import();
    let engine = world.engine();
    let run = world.run(&json!({}));
    let holder = engine.begin();
    for class in ["uncertain", "internal", "permission", "auth", "unknown", "nondeterminism", "made_up", ""] {
        let said = holder.post("fail", &json!({ "class": class, "message": "x" }));
        assert_eq!(refused(&said), is(422, "ENGINE_REPORT"), "{class}");
    }
    let failed = json!({ "class": "logic", "message": "the order has no lines", "details": { "order": "A-1" } });
    let answer = holder.post("fail", &failed);
    assert_eq!((answer.status, &answer.json()["phase"]), (200, &json!("failed")), "{}", answer.body);
    assert_eq!(holder.post("fail", &failed).status, 200, "an answer that was lost is given again");
    let detail = world.run_is(&run, "failed");
    assert_eq!(
        (&detail["failure"]["class"], &detail["failure"]["code"], &detail["failure"]["message"]),
        (&json!("logic"), &json!("ENGINE_FAILED"), &json!("the order has no lines"))
    );
    assert_eq!(detail["needs"][0]["kind"], "repair");

    // What may go away is tried again after a while, by the same rule as a call.
    let run = world.run(&json!({}));
    let holder = engine.begin();
    let answer = holder.post("fail", &json!({ "class": "transient", "message": "the printer is off" }));
    assert_eq!((answer.status, &answer.json()["phase"]), (200, &json!("waiting")), "{}", answer.body);
    let holder = engine.begin();
    assert_eq!((holder.run.as_str(), &holder.claim["attempt"]), (run.as_str(), &json!(2)));
    holder.complete(&Value::Null);
    world.run_is(&run, "succeeded");
}

#[test]
fn what_makes_no_sense_changes_nothing() {
    let world = World::new(33);
    let _server = world.start();
    world.import();
    let engine = world.engine();
    let run = world.run(&json!({}));
    let holder = engine.begin();
    let call = |body: Value| refused(&holder.post("calls", &body));
    let good = json!({ "id": "a", "tool": "state.get", "arguments": { "key": "x" } });
    let changed = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for id in ["", "with space", "a/b", ".hidden", &"x".repeat(101), "ünicode"] {
        assert_eq!(call(changed("id", json!(id))), is(422, "ENGINE_REPORT"), "{id}");
    }
    assert_eq!(call(changed("surprise", json!(1))), is(400, "BODY_MALFORMED"));
    assert_eq!(call(changed("key", json!("no parts"))), is(422, "ENGINE_REPORT"));
    assert_eq!(call(changed("key", json!({}))), is(422, "ENGINE_REPORT"));
    let inexact: Value = serde_json::from_str("{\"key\":9007199254740993}").unwrap();
    assert_eq!(call(changed("arguments", inexact)), is(422, "ENGINE_REPORT"));
    let long = json!({ "key": "x".repeat(1 << 20) });
    assert_eq!(call(changed("arguments", long)), is(413, "BODY_TOO_LARGE"));
    for garbage in ["", "{", "[]", "\"x\"", "{\"id\":\"a\",\"id\":\"b\"}", "\u{0}"] {
        let answer = holder.send("POST", "calls", "application/json", garbage.as_bytes());
        assert_eq!(refused(&answer), is(400, "BODY_MALFORMED"), "{garbage:?}");
    }
    let huge = vec![b'x'; (9 << 20) + 1];
    assert_eq!(refused(&holder.send("POST", "calls", "application/json", &huge)), is(413, "BODY_TOO_LARGE"));
    assert_eq!(refused(&holder.get("calls/nobody")), is(404, "CALL_UNKNOWN"));
    let step = |body: Value| refused(&holder.post("steps", &body));
    assert_eq!(step(json!({ "id": "s", "name": "" })), is(422, "ENGINE_REPORT"));
    assert_eq!(step(json!({ "id": "s", "name": "x".repeat(201) })), is(422, "ENGINE_REPORT"));
    assert_eq!(step(json!({ "id": "s", "name": "bell\u{7}" })), is(422, "ENGINE_REPORT"));
    assert_eq!(step(json!({ "id": "s", "name": "n", "data": "x".repeat(65 * 1024) })), is(413, "BODY_TOO_LARGE"));
    assert_eq!(refused(&holder.post("complete", &json!({ "result": "x".repeat(1 << 20) }))), is(413, "BODY_TOO_LARGE"));
    assert_eq!(refused(&holder.post("start", &json!({ "says": "x".repeat(201) }))), is(422, "ENGINE_REPORT"));

    // After all of this the run is as it was.
    assert_eq!(world.get(&format!("/v1/runs/{run}/calls"))["items"], json!([]));
    assert_eq!(holder.call(&good)["kind"], "value");
    assert_eq!(refused(&holder.post("calls", &changed("arguments", json!({ "key": "y" })))), is(409, "NAME_REUSED"));
    holder.complete(&json!("done"));
    world.run_is(&run, "succeeded");
}

#[test]
fn an_automation_has_a_script_or_an_engine() {
    let world = World::new(34);
    let _server = world.start();
    let import = |more: Value| {
        let mut body = json!({ "name": NAME, "contract": world.contract(), "confirm": true });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        refused(&world.post("/v1/automations", &body))
    };
    let script = "export default async function run() {}";
    assert_eq!(import(json!({})), is(422, "PROGRAM_AMBIGUOUS"));
    assert_eq!(import(json!({ "script": script, "engine": { "outside": "x" } })), is(422, "PROGRAM_AMBIGUOUS"));
    assert_eq!(import(json!({ "engine": { "outside": "No Name" } })), is(422, "ENGINE_NAME"));
    assert_eq!(import(json!({ "engine": { "inside": "x" } })), is(400, "BODY_MALFORMED"));
    assert_eq!(world.get("/v1/automations")["items"], json!([]));

    // From a script to an engine and back; a run stays with what it began under.
    assert_eq!(import(json!({ "script": script })).0, 200);
    assert_eq!(import(json!({ "engine": { "outside": ENGINE } })).0, 200);
    let outside = world.run(&json!({}));
    assert_eq!(import(json!({ "script": script })).0, 200);
    let inside = world.run(&json!({}));
    world.run_is(&inside, "succeeded");
    let detail = world.run_is(&outside, "queued");
    assert_eq!(detail["run"]["engine"], ENGINE);
    let holder = world.engine().begin();
    assert_eq!(holder.run, outside);
    holder.complete(&Value::Null);
    world.run_is(&outside, "succeeded");
}
