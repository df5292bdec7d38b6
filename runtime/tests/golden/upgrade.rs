//! After an upgrade, golden runs are replayed before anything runs.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::house::{Books, good_run, steward};
use crate::place::{Place, SOON};
use crate::support::server::Server;
use crate::support::wait::until;

/// What the golden runs were checked with last was another version.
fn pretend_an_upgrade(place: &Place) {
    let database = Connection::open(place.home.data().join("steward.db")).unwrap();
    let changed = database.execute("UPDATE goldens SET last_pins = 'steward 0.0.1 / an engine of then'", []).unwrap();
    assert!(changed > 0);
}

/// Two automations with a golden run each; the script of `hello` has changed since.
fn house(books: &Books, place: &Place) {
    let server = place.start();
    for name in ["dear", "hello"] {
        books.import(place, name, "Dear");
        let run = good_run(place, name);
        assert_eq!(place.post("/v1/goldens", &json!({ "run": run })).status, 200);
    }
    books.import(place, "hello", "Hello");
    assert!(server.end().success());
}

fn mode(place: &Place, name: &str) -> Value {
    place.get(&format!("/v1/automations/{name}"))["automation"]["mode"].clone()
}

fn golden_needs(place: &Place) -> Vec<Value> {
    let needs = place.get("/v1/needs");
    let is_golden = |need: &&Value| need["evidence"]["code"] == "GOLDEN_DIFFERS";
    needs["items"].as_array().unwrap().iter().filter(is_golden).cloned().collect()
}

#[test]
fn what_would_do_something_else_is_paused_and_asked_about_before_anything_runs() {
    let books = Books::open();
    let place = books.place();
    house(&books, &place);

    // The same version again has nothing to check.
    let server = place.start();
    assert_eq!(place.get("/v1/health")["golden"], Value::Null);
    assert!(server.end().success());

    pretend_an_upgrade(&place);
    let server = place.start();
    assert_eq!(place.get("/v1/health")["golden"], "1 verified, 1 needs you");
    assert!(server.said().contains("After the upgrade, golden runs: 1 verified, 1 needs you"), "{}", server.said());
    assert_eq!((mode(&place, "dear"), mode(&place, "hello")), (json!("active"), json!("paused")));
    let needs = golden_needs(&place);
    assert_eq!(needs.len(), 1, "{needs:?}");
    let shown = needs[0]["evidence"]["golden"][0].to_string();
    assert!(shown.contains("Dear Ann") && shown.contains("Hello Ann"), "{shown}");

    // Started once more, nothing is asked twice.
    assert!(server.end().success());
    pretend_an_upgrade(&place);
    let server = place.start();
    assert_eq!(golden_needs(&place).len(), 1);

    // The person says yes to it by resuming.
    let resumed = place.post("/v1/automations/hello/resume", &json!({}));
    let resumed = if resumed.status == 409 { place.post("/v1/automations/hello/resume", &json!({})) } else { resumed };
    assert_eq!(resumed.status, 200, "{}", resumed.body);
    assert!(golden_needs(&place).is_empty());
    assert_eq!(mode(&place, "hello"), json!("active"));
    // It runs, and what it says under a key that said something else before is loud, as ever.
    let run = place.run("hello", &json!({}));
    assert_eq!(place.run_is(&run, "failed")["run"]["code"], "KEY_CONFLICT");
    assert!(server.end().success());

    // What a person has seen is not asked about after the next upgrade.
    pretend_an_upgrade(&place);
    let server = place.start();
    assert_eq!(place.get("/v1/health")["golden"], "1 verified, 1 needs you");
    assert_eq!(mode(&place, "hello"), json!("active"));
    assert!(golden_needs(&place).is_empty());
    assert!(server.end().success());
}

#[test]
fn who_was_paused_meanwhile_is_checked_when_it_is_resumed() {
    let books = Books::open();
    let place = books.place();
    house(&books, &place);
    let server = place.start();
    assert!(place.post("/v1/automations/hello/pause", &json!({})).is_success());
    assert!(server.end().success());
    pretend_an_upgrade(&place);
    let server = place.start();
    assert_eq!(place.get("/v1/health")["golden"], "1 verified, 0 need you");
    let first = place.post("/v1/automations/hello/resume", &json!({}));
    assert_eq!((first.status, first.code()), (409, "GOLDEN_DIFFERS".to_owned()), "{}", first.body);
    assert_eq!(mode(&place, "hello"), json!("paused"));
    assert_eq!(golden_needs(&place).len(), 1);
    assert_eq!(place.post("/v1/automations/hello/resume", &json!({})).status, 200);
    assert!(golden_needs(&place).is_empty());
    assert!(server.end().success());
}

#[test]
fn what_the_start_has_no_time_for_is_held_back_until_it_is_checked() {
    let books = Books::open();
    let place = books.place();
    house(&books, &place);
    pretend_an_upgrade(&place);
    let place = place.with("STEWARD_LIMITS__GOLDEN_SECONDS", "0");
    let server = place.start();
    assert_eq!(place.get("/v1/health")["golden"], "0 verified, 0 need you, 2 not checked yet");
    let runs = ["dear", "hello"].map(|name| place.run(name, &json!({})));
    // The one is checked, and runs; the other would say something else, and does not.
    place.run_is(&runs[0], "succeeded");
    until("it is paused", SOON, || (mode(&place, "hello") == "paused").then_some(()));
    assert_eq!(golden_needs(&place).len(), 1);
    assert_eq!(place.get(&format!("/v1/runs/{}", runs[1]))["run"]["phase"], "queued");
    assert!(server.end().success());
}

#[test]
fn a_check_that_is_cut_off_begins_again() {
    let books = Books::open();
    let place = books.place();
    house(&books, &place);
    for _ in 0..4 {
        pretend_an_upgrade(&place);
        Server::spawn(&place.home, place.environment()).kill();
    }
    let server = place.start();
    assert_eq!(place.get("/v1/health")["golden"], "1 verified, 1 needs you");
    assert_eq!(golden_needs(&place).len(), 1);
    let (code, said) = steward(&place, &["golden", "check"]);
    assert_eq!(code, 6, "{said}");
    assert!(said.starts_with("1 verified, 1 needs you"), "{said}");
    assert!(server.end().success());
}
