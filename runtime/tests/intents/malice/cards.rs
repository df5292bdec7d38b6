//! What makes a card live: a person's yes to the very card that they saw, once.

use serde_json::{Value, json};

use super::scripted::{GREET, calls, drafts, greeted, greeting, says};
use crate::support::place::Place;

fn code(answer: &crate::support::client::Answer) -> (u16, String) {
    (answer.status, answer.code())
}

fn is_live(place: &Place) -> bool {
    place.get("/v1/automations")["items"] != json!([])
}

#[test]
fn no_tool_activates_approves_or_sets_anything() {
    let place = Place::new();
    let _server = place.start();
    let names = [
        "activate",
        "confirm_card",
        "confirm",
        "approve",
        "set_setting",
        "grant_folder",
        "run_automation",
        "import",
        "email.send",
        "../draft",
        "explore\u{202e}",
        "",
    ];
    let mut attempts: Vec<Value> =
        names.iter().map(|name| calls(name, json!({ "card": "card_1", "yes": true }))).collect();
    attempts.push(says("It is live now."));
    let thread = greeted(&place, attempts);
    assert_eq!(thread.say("And?"), "idle");
    let refused = thread.of_kind("tool").into_iter().filter(|line| line["tool"]["ok"] == false).count();
    assert_eq!(refused, names.len(), "{:#?}", thread.messages());
    assert_eq!(thread.card().shown["state"], "proposed");
    assert!(!is_live(&place), "that it says so makes nothing live");
    assert_eq!(place.get("/v1/settings")["items"], json!([]));
}

#[test]
fn only_the_card_that_was_seen_can_be_confirmed_and_once() {
    let place = Place::new();
    let _server = place.start();
    let other = GREET.replace("Hello", "Hi");
    let thread = greeted(&place, [drafts("greeting", &greeting(), &other), says("Better?")]);
    let first = thread.card();
    let changed = (409, "CARD_CHANGED".to_owned());
    let decided = (409, "CARD_DECIDED".to_owned());
    for digest in ["", "0".repeat(64).as_str(), first.shown["id"].as_str().unwrap()] {
        assert_eq!(code(&first.answer(digest)), changed, "{digest}");
    }
    assert_eq!(thread.say("Say Hi instead."), "idle");
    let second = thread.card();
    assert_ne!(first.id(), second.id());
    assert_eq!(code(&first.answer(first.shown["digest"].as_str().unwrap())), decided, "another took its place");
    assert_eq!(code(&second.answer(first.shown["digest"].as_str().unwrap())), changed);
    assert!(!is_live(&place));
    second.confirm();
    assert_eq!(code(&second.answer(second.shown["digest"].as_str().unwrap())), decided);
    let script = place.get("/v1/automations/greeting")["script"].as_str().unwrap().to_owned();
    assert_eq!(script, other);
}

#[test]
fn what_was_rejected_stays_rejected() {
    let place = Place::new();
    let _server = place.start();
    let thread = greeted(&place, []);
    let card = thread.card();
    let rejected = place.post(&format!("/v1/cards/{}/reject", card.id()), &json!({}));
    assert_eq!((rejected.status, rejected.json()["state"].as_str()), (200, Some("rejected")), "{}", rejected.body);
    let answered = card.answer(card.shown["digest"].as_str().unwrap());
    assert_eq!(code(&answered), (409, "CARD_DECIDED".to_owned()));
    assert!(!is_live(&place));
}

#[test]
fn a_card_over_a_contract_that_has_changed_since_is_void() {
    let place = Place::new();
    let _server = place.start();
    let mut narrower = drafts("greeting", &greeting(), &GREET.replace("Hello", "Hi"));
    narrower["tool_calls"][0]["arguments"]["changes"] = json!("greeting");
    let thread = greeted(&place, [narrower, says("Like that?")]);
    thread.card().confirm();
    assert_eq!(thread.say("Say Hi."), "idle");
    let card = thread.card();
    // Somebody else brings another contract in meanwhile.
    let mut contract = greeting();
    contract["goal"] = json!("Greet Ann by mail, kindly.");
    place.import("greeting", &contract, GREET, &[]);
    assert_eq!(code(&card.answer(card.shown["digest"].as_str().unwrap())), (409, "CARD_CHANGED".to_owned()));
    assert_eq!(place.get("/v1/automations/greeting")["script"], GREET);
}
