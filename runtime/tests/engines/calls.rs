//! Calls of an engine are gated, ledgered and journaled as those of a script are.

use serde_json::{Value, json};

use crate::support::wait::until;
use crate::world::{NAME, SOON, World};

#[test]
fn a_call_that_is_sent_again_is_the_same_call() {
    let world = World::new(41);
    let _server = world.start();
    world.import();
    let engine = world.engine();
    let run = world.run(&json!({}));
    let holder = engine.begin();
    let order = world.order("A-1");
    let first = holder.call(&order);
    for _ in 0..3 {
        assert_eq!(holder.call(&order), first);
    }
    assert_eq!(holder.get("calls/send-A-1").json()["outcome"], first);
    assert_eq!(world.service.came("/send/A-1"), 1);
    // Under another name it is another call, and the ledger gives back what was done under the key.
    let mut again = order.clone();
    again["id"] = json!("send-again");
    assert_eq!(holder.call(&again), first);
    assert_eq!(world.service.came("/send/A-1"), 1);

    // Sent twice at once it is one call, too.
    world.service.shut(true);
    let order = world.order("A-2");
    let both: Vec<_> = (0..2)
        .map(|_| {
            let (holder, order) = (holder.clone(), order.clone());
            std::thread::spawn(move || holder.call(&order))
        })
        .collect();
    until("the order is on its way", SOON, || (world.service.came("/send/A-2") > 0).then_some(()));
    let mut soon = order.clone();
    soon["wait_ms"] = json!(1);
    let under_way = holder.post("calls", &soon);
    assert_eq!((under_way.status, &under_way.json()["state"]), (202, &json!("under_way")), "{}", under_way.body);
    world.service.shut(false);
    let outcomes: Vec<_> = both.into_iter().map(|one| one.join().unwrap()).collect();
    assert_eq!(outcomes[0], outcomes[1]);
    assert_eq!(world.service.came("/send/A-2"), 1);
    holder.complete(&Value::Null);
    world.run_is(&run, "succeeded");
}

#[test]
fn the_gate_decides_on_an_engine_as_on_a_script() {
    let world = World::new(42);
    let _server = world.start();
    world.import();
    let engine = world.engine();
    let run = world.run(&json!({}));
    let holder = engine.begin();
    // Outside the contract: the run sleeps on the person, and the lease is over.
    let forbidden = json!({ "id": "f", "tool": "http.get", "arguments": { "url": "https://evil.example/" } });
    let answer = holder.post("calls", &forbidden);
    assert_eq!((answer.status, &answer.json()["state"]), (202, &json!("waiting")), "{}", answer.body);
    assert_eq!(answer.json()["waits"]["kind"], "need");
    assert!(answer.json()["asks"].as_str().unwrap().contains("http.get"), "{}", answer.body);
    let detail = world.run_is(&run, "waiting");
    assert_eq!(detail["needs"][0]["kind"], "grant");
    holder.has_lost();
    engine.finds_nothing();
    let stopped = world.post(&format!("/v1/runs/{run}/stop"), &json!({}));
    assert!(stopped.is_success(), "{}", stopped.body);

    // Without its key an effect does not happen, and the engine reads why.
    let run = world.run(&json!({}));
    let holder = engine.begin();
    let mut keyless = world.order("A-3");
    keyless.as_object_mut().unwrap().remove("key");
    let answer = holder.post("calls", &keyless);
    assert_eq!((answer.status, answer.code().as_str()), (409, "LEASE_LOST"), "{}", answer.body);
    assert!(answer.body.contains("GATE_KEY_MISSING"), "{}", answer.body);
    assert_eq!(world.run_is(&run, "failed")["failure"]["code"], "GATE_KEY_MISSING");

    let run = world.run(&json!({}));
    let holder = engine.begin();
    let answer = holder.post("calls", &json!({ "id": "u", "tool": "shell.run", "arguments": {} }));
    assert_eq!((answer.status, answer.code().as_str()), (409, "LEASE_LOST"), "{}", answer.body);
    assert_eq!(world.run_is(&run, "failed")["failure"]["code"], "TOOL_UNKNOWN");
    assert_eq!(world.service.came_in_all(), 0);
}

#[test]
fn a_wait_ends_the_lease_and_the_next_holder_goes_on_from_there() {
    let world = World::new(43);
    let server = world.start();
    world.import();
    let engine = world.engine();
    let run = world.run(&json!({}));
    let holder = engine.begin();
    assert_eq!(holder.call(&world.look("first", "a"))["kind"], "value");
    assert_eq!(holder.call(&world.order("A-1"))["kind"], "value");
    let sleep = json!({ "id": "nap", "tool": "steward.sleep", "arguments": { "ms": 1500 } });
    let answer = holder.post("calls", &sleep);
    assert_eq!((answer.status, &answer.json()["state"]), (202, &json!("waiting")), "{}", answer.body);
    assert_eq!(answer.json()["waits"]["kind"], "time");
    holder.has_lost();

    let next = engine.begin();
    assert_eq!((next.run.as_str(), &next.claim["attempt"]), (run.as_str(), &json!(2)));
    let known: Vec<_> = next.claim["calls"].as_array().unwrap().iter().map(|call| &call["id"]).collect();
    assert_eq!(known, ["first", "send-A-1", "nap"]);
    // It goes its way again; what was done is given back, and nobody is asked.
    assert_eq!(next.call(&world.look("first", "a"))["kind"], "value");
    assert_eq!(next.call(&world.order("A-1"))["kind"], "value");
    assert_eq!((world.service.came("/look/a"), world.service.came("/send/A-1")), (1, 1));
    assert_eq!(next.call(&sleep)["kind"], "value", "the nap is over, and does not begin again");
    // A wait for an event that comes from another automation, over a restart of the server.
    let wait = json!({ "id": "paid", "tool": "steward.wait_for", "arguments": { "event": "order.paid" } });
    assert_eq!(next.post("calls", &wait).json()["waits"]["event"], "order.paid");
    assert!(server.end().success());
    let _server = world.start();
    world.run_is(&run, "waiting");
    let contract = json!({
        "title": "Payments", "goal": "Say that an order was paid.", "triggers": [{ "manual": true }],
        "capabilities": [{ "tool": "events.emit" }]
    });
    let script =
        "export default async function run({ tools }) { await tools.events.emit({ name: 'order.paid', data: 5 }); }";
    let body = json!({ "name": "payments", "contract": contract, "script": script, "confirm": true });
    assert_eq!(world.post("/v1/automations", &body).status, 200);
    assert!(world.post("/v1/automations/payments/runs", &json!({})).is_success());
    let last = engine.begin();
    assert_eq!(last.call(&wait)["value"], json!({ "name": "order.paid", "data": 5 }));
    last.complete(&json!("paid"));
    world.run_is(&run, "succeeded");
    let journal = world.get(&format!("/v1/runs/{run}/calls"));
    assert_eq!(journal["items"].as_array().map(Vec::len), Some(4), "each call is there once: {journal}");
}

#[test]
fn calls_that_wait_together_are_asked_about_together() {
    let world = World::new(44);
    let _server = world.start();
    world.import();
    let engine = world.engine();
    let run = world.run(&json!({}));
    let holder = engine.begin();
    let calls: Vec<_> = (0..3)
        .map(|n| {
            let holder = holder.clone();
            let call = json!({ "id": format!("f{n}"), "tool": "http.get", "arguments": { "url": format!("https://evil.example/{n}") } });
            std::thread::spawn(move || holder.post("calls", &call))
        })
        .collect();
    for call in calls {
        let answer = call.join().unwrap();
        assert_eq!((answer.status, &answer.json()["state"]), (202, &json!("waiting")), "{}", answer.body);
    }
    let detail = world.run_is(&run, "waiting");
    assert_eq!(detail["needs"].as_array().map(Vec::len), Some(3), "{detail}");
    assert_eq!(world.get("/v1/automations")["items"][0]["name"], NAME);
}
