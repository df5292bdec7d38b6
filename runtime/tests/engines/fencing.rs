//! A holder that is paused, dead, late or one of two: nothing that it says has an effect.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::processes::signal;
use crate::support::wait::until;
use crate::world::{SOON, World};

#[test]
fn a_holder_that_was_stopped_and_goes_on_finds_its_lease_lost() {
    let world = World::new(51);
    let _server = world.start();
    world.import();
    let engine = world.engine();
    let run = world.run(&json!({}));
    let holder = engine.begin();
    assert_eq!(holder.call(&world.order("A-1"))["kind"], "value");

    // A program that keeps the lease alive, with a result ready in its hand, is stopped in the middle.
    let script = "import sys, time, urllib.request\n\
        url, token, lease = sys.argv[1:4]\n\
        def send(what, body):\n\
        \x20   headers = {'authorization': 'Bearer ' + token, 'x-steward-lease': lease, 'content-type': 'application/json'}\n\
        \x20   request = urllib.request.Request(url + '/' + what, body, headers, method='POST')\n\
        \x20   try:\n\
        \x20       with urllib.request.urlopen(request) as answer:\n\
        \x20           return answer.status\n\
        \x20   except urllib.error.HTTPError as error:\n\
        \x20       return error.code\n\
        while send('heartbeat', b'{}') == 200:\n\
        \x20   print('alive', flush=True)\n\
        \x20   time.sleep(0.05)\n\
        print(send('complete', b'{\"result\": \"from the grave\"}'), flush=True)\n";
    let url = format!("http://127.0.0.1:{}/v1/engines/runs/{run}", world.home.port());
    let mut zombie = Command::new("python3")
        .args(["-c", script, &url, &engine.token, &holder.lease])
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is there");
    let mut said = std::io::BufReader::new(zombie.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    assert_eq!(line, "alive\n");
    signal(zombie.id(), libc::SIGSTOP);

    let second = engine.begin();
    assert_eq!((second.run.as_str(), &second.claim["attempt"]), (run.as_str(), &json!(2)));
    signal(zombie.id(), libc::SIGCONT);
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut said, &mut rest).unwrap();
    assert!(zombie.wait().unwrap().success());
    assert_eq!(rest.lines().last(), Some("409"), "{rest}");
    holder.has_lost();

    // The second holder gets back what the first one has done.
    assert_eq!(second.call(&world.order("A-1"))["kind"], "value");
    assert_eq!(world.service.came("/send/A-1"), 1);
    second.complete(&json!("from the living"));
    assert_eq!(world.run_is(&run, "succeeded")["result"], "from the living");
}

#[test]
fn an_effect_that_was_on_its_way_is_settled_by_us_when_its_holder_dies() {
    let world = World::new(52);
    let _server = world.start();
    world.import();
    let engine = world.engine();
    let run = world.run(&json!({}));
    let holder = engine.begin();
    world.service.shut(true);
    let mut order = world.order("A-1");
    order["wait_ms"] = json!(1);
    assert_eq!(holder.post("calls", &order).status, 202);
    until("the order is on its way", SOON, || (world.service.came("/send/A-1") == 1).then_some(()));
    // The holder is taken its right away in the middle of it.
    let tokens = world.get("/v1/engines")["items"][0]["tokens"].clone();
    let id = tokens[0]["id"].as_str().unwrap();
    assert!(world.client().send("DELETE", &format!("/v1/engines/tokens/{id}"), &[], "").unwrap().is_success());
    let other = world.engine();
    other.finds_nothing();
    world.service.shut(false);

    let second = other.begin();
    assert_eq!((second.run.as_str(), &second.claim["attempt"]), (run.as_str(), &json!(2)));
    assert_eq!(second.call(&world.order("A-1"))["kind"], "value");
    assert_eq!(world.service.came("/send/A-1"), 1);
    second.complete(&Value::Null);
    world.run_is(&run, "succeeded");
}

#[test]
fn of_holders_that_claim_at_once_one_gets_the_run() {
    let world = World::new(53);
    let _server = world.start();
    world.import();
    let engine = world.engine();
    for round in 0..5 {
        let claims: Vec<_> = (0..8)
            .map(|_| {
                let engine = engine.clone();
                std::thread::spawn(move || engine.claim_with(&json!({ "wait_ms": 2000 })))
            })
            .collect();
        until("they wait", SOON, || (world.get("/v1/engines")["waiting"] == 8).then_some(()));
        let run = world.run(&json!({ "round": round }));
        let given: Vec<_> =
            claims.into_iter().map(|claim| claim.join().unwrap()).filter(|answer| answer.status == 200).collect();
        assert_eq!(given.len(), 1, "{given:?}");
        let claim = given[0].json();
        assert_eq!(claim["run"], json!(run));
        let stopped = world.post(&format!("/v1/runs/{run}/stop"), &json!({}));
        assert!(stopped.is_success(), "{}", stopped.body);
    }
}

#[test]
fn with_the_server_all_leases_are_over_and_nothing_is_done_twice() {
    let world = World::new(54);
    let server = world.start();
    world.import();
    let engine = world.engine();
    let run = world.run(&json!({}));
    let holder = engine.begin();
    assert_eq!(holder.call(&world.order("A-1"))["kind"], "value");
    let mark = json!({ "id": "half", "name": "half of it is done" });
    assert_eq!(holder.post("steps", &mark).status, 200);
    server.kill();

    let server = world.start();
    holder.has_lost();
    let second = engine.begin();
    assert_eq!((second.run.as_str(), &second.claim["attempt"]), (run.as_str(), &json!(2)));
    assert_eq!(second.claim["steps"][0]["id"], "half");
    assert_eq!(second.call(&world.order("A-1"))["kind"], "value");
    assert_eq!(world.service.came("/send/A-1"), 1);
    assert_eq!(second.post("steps", &mark).status, 200, "the mark is known");
    assert_eq!(second.with_lease(&holder.lease).post("heartbeat", &json!({})).status, 409);
    // Killed while an effect is on its way: what is blind is asked about, never sent again.
    world.service.shut(true);
    let mut order = world.order("A-2");
    order["wait_ms"] = json!(1);
    assert_eq!(second.post("calls", &order).status, 202);
    until("the order is on its way", SOON, || (world.service.came("/send/A-2") == 1).then_some(()));
    server.kill();
    world.service.shut(false);
    let _server = world.start();
    let third = engine.begin();
    let answer = third.post("calls", &world.order("A-2"));
    assert_eq!((answer.status, &answer.json()["state"]), (202, &json!("waiting")), "{}", answer.body);
    let detail = world.run_is(&run, "waiting");
    assert_eq!(detail["needs"][0]["kind"], "settle");
    assert_eq!(world.service.came("/send/A-2"), 1);
    let need = detail["needs"][0]["id"].as_str().unwrap();
    let said = world.post(&format!("/v1/needs/{need}/answer"), &json!({ "choice": "it_happened" }));
    assert!(said.is_success(), "{}", said.body);
    let last = engine.begin();
    last.call(&world.order("A-2"));
    assert_eq!(world.service.came("/send/A-2"), 1);
    last.complete(&Value::Null);
    world.run_is(&run, "succeeded");
}

#[test]
fn the_stop_ends_leases_and_a_resumed_run_is_claimed_anew() {
    let world = World::new(55);
    let _server = world.start();
    world.import();
    let engine = world.engine();
    let run = world.run(&json!({}));
    let holder = engine.begin();
    assert_eq!(holder.call(&world.order("A-1"))["kind"], "value");
    assert_eq!(world.post("/v1/stop", &json!({})).status, 200);
    holder.has_lost();
    engine.finds_nothing();
    assert_eq!(world.post("/v1/resume", &json!({})).status, 200);
    let second = engine.begin();
    assert_eq!(second.call(&world.order("A-1"))["kind"], "value");
    assert_eq!(world.service.came("/send/A-1"), 1);

    // Given back, it is there for the next at once; ended by a person, it is there for nobody.
    assert_eq!(second.post("release", &json!({})).json()["phase"], "queued");
    second.has_lost_but_for_release();
    let third = engine.begin();
    assert_eq!(third.run, run);
    assert!(world.post(&format!("/v1/runs/{run}/stop"), &json!({})).is_success());
    third.has_lost();
    engine.finds_nothing();
    world.run_is(&run, "stopped");
}
