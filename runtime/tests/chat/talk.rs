//! From a sentence to an automation that works, and what else people say.

use serde_json::json;

use crate::room::{Room, WISH, calls, contract, drafts, drafts_of, looks, says, script};

#[test]
fn a_sentence_becomes_a_card_and_the_card_an_automation_that_works_once() {
    let room = Room::with(&[looks(), drafts(), says("Please look at the card.")]);
    let _server = room.open();
    let thread = room.thread();
    assert_eq!(room.talk(&thread, WISH), "idle");
    let card = room.card(&thread);
    assert_eq!((&card["state"], &card["change"], &card["unnamed"]), (&json!("proposed"), &json!("new"), &json!([])));
    assert_eq!(card["proof"]["verdict"], "proven", "{card}");
    let enforced = card["enforced"].to_string();
    assert!(
        enforced.contains("May send mail only to ann@example.com.") && enforced.contains("One mail per item, ever.")
    );
    assert_eq!(room.place.get("/v1/automations")["items"], json!([]), "nothing is live before the person says so");
    assert_eq!(room.of_kind(&thread, "assistant").len(), 1);

    assert_eq!(room.confirm(&card).status, 200);
    for sent in [2, 0] {
        let run = room.place.run("new-items", &json!({ "trigger": "manual" }));
        let detail = room.place.run_is(&run, "succeeded");
        assert_eq!(detail["run"]["effects"], json!(sent), "{detail}");
    }
    assert_eq!(room.confirm(&card).code(), "CARD_DECIDED");
    let notice = room.of_kind(&thread, "notice");
    assert!(notice[0]["text"].as_str().unwrap().starts_with("Confirmed: `new-items` is live."), "{notice:?}");
}

#[test]
fn a_question_waits_for_its_answer_and_the_answer_is_heard() {
    let ask = calls("ask_user", json!({ "question": "To whom?", "choices": ["ann@example.com", "bob@example.com"] }));
    let room = Room::with(&[ask, says("To Ann, then.")]);
    let _server = room.open();
    let thread = room.thread();
    assert_eq!(room.talk(&thread, "Mail what is new."), "asking");
    let question = &room.of_kind(&thread, "question")[0];
    assert_eq!(
        (question["text"].as_str(), question["choices"][1].as_str()),
        (Some("To whom?"), Some("bob@example.com"))
    );
    assert_eq!(room.talk(&thread, "ann@example.com"), "idle");
    let asked = room.model.asked();
    let heard = asked[1]["messages"].as_array().unwrap();
    assert_eq!(heard.last().unwrap()["content"], "ann@example.com");
    assert_eq!(heard[heard.len() - 2]["role"], "tool", "each call has an answer");
}

#[test]
fn a_change_in_words_takes_the_place_of_the_card_before() {
    let mut weekdays = contract();
    weekdays["triggers"][0]["schedule"] = json!("0 9 * * 1-5");
    let again = drafts_of(weekdays, script());
    let room = Room::with(&[looks(), drafts(), says("Here."), again, says("Weekdays alone now.")]);
    let _server = room.open();
    let thread = room.thread();
    room.talk(&thread, WISH);
    let first = room.card(&thread);
    room.talk(&thread, "Never on weekends, please.");
    let second = room.card(&thread);
    assert!(second["enforced"][0].as_str().unwrap().starts_with("Every weekday at 09:00"), "{second}");
    assert_eq!(room.confirm(&first).code(), "CARD_DECIDED");
    assert_eq!(room.confirm(&second).status, 200);
}

#[test]
fn a_change_of_what_is_live_shows_what_widens_and_what_waits() {
    let mut wider = contract();
    wider["capabilities"][1]["where"]["/to"] = json!({ "one_of": ["ann@example.com", "bob@example.com"] });
    let mut change = drafts_of(wider, script());
    change["tool_calls"][0]["arguments"]["changes"] = json!("new-items");
    let unnamed = drafts();
    let room = Room::with(&[looks(), drafts(), says("Here."), unnamed, change, says("Bob gets it, too.")]);
    let _server = room.open();
    let thread = room.thread();
    room.talk(&thread, WISH);
    assert_eq!(room.confirm(&room.card(&thread)).status, 200);
    room.talk(&thread, "Also to bob@example.com.");
    let refused = room.of_kind(&thread, "tool");
    assert!(refused.iter().any(|line| line["text"].as_str().unwrap().contains("AUTOMATION_NAME")), "{refused:#?}");
    let card = room.card(&thread);
    assert_eq!(card["change"], "contract");
    assert!(card["changes"].as_array().unwrap().iter().any(|change| change["how"] == "widens"), "{card}");
    let before = room.place.get("/v1/automations/new-items/contract")["version"].clone();
    assert_eq!(before, json!(1), "it is as it was until the person says so");
    assert_eq!(room.confirm(&card).status, 200);
    assert_eq!(room.place.get("/v1/automations/new-items/contract")["version"], json!(2));
}

#[test]
fn what_was_changed_by_hand_meanwhile_is_not_overwritten_by_an_old_card() {
    let mut change = drafts();
    change["tool_calls"][0]["arguments"]["changes"] = json!("new-items");
    let mut narrow = contract();
    narrow["limits"][0]["rate"]["max"] = json!(5);
    change["tool_calls"][0]["arguments"]["contract"] = narrow;
    let room = Room::with(&[looks(), drafts(), says("Here."), change, says("Fewer.")]);
    let _server = room.open();
    let thread = room.thread();
    room.talk(&thread, WISH);
    assert_eq!(room.confirm(&room.card(&thread)).status, 200);
    room.talk(&thread, "At most five a day.");
    let card = room.card(&thread);
    let detail = room.place.get(&format!("/v1/cards/{}", card["id"].as_str().unwrap()));
    let mut other = detail["contract"].clone();
    other["goal"] = json!("Something else.");
    let script = detail["script"].clone();
    let body = json!({ "name": "new-items", "contract": other, "script": script, "confirm": true });
    assert_eq!(room.place.post("/v1/automations", &body).status, 200);
    assert_eq!(room.confirm(&card).code(), "CARD_CHANGED");
}

#[test]
fn a_question_about_what_happened_is_answered_from_the_store() {
    let look = calls("status", json!({ "about": "history", "automation": "quiet" }));
    let room =
        Room::with(&[look, says("It was paused."), calls("status", json!({ "about": "costs" })), says("Cents.")]);
    let _server = room.open();
    room.place.import_script("quiet", "return 1;");
    assert!(room.place.post("/v1/automations/quiet/pause", &json!({})).is_success());
    let thread = room.thread();
    assert_eq!(room.talk(&thread, "Why did nothing arrive yesterday?"), "idle");
    let told = room.model.asked()[1]["messages"].as_array().unwrap().last().unwrap()["content"].to_string();
    assert!(told.contains("automation.paused") && told.contains("----- DATA "), "{told}");
    room.talk(&thread, "And what did that cost?");
    let told = room.model.asked()[3]["messages"].as_array().unwrap().last().unwrap()["content"].to_string();
    assert!(told.contains("by_purpose"), "{told}");
}

#[test]
fn a_rejected_card_is_over_and_a_thread_can_be_erased() {
    let room = Room::with(&[looks(), drafts(), says("Here.")]);
    let _server = room.open();
    let thread = room.thread();
    room.talk(&thread, WISH);
    let card = room.card(&thread);
    let path = format!("/v1/cards/{}/reject", card["id"].as_str().unwrap());
    assert_eq!(room.place.post(&path, &json!({})).json()["state"], "rejected");
    assert_eq!(room.confirm(&card).code(), "CARD_DECIDED");
    let erased = room.place.client.send("DELETE", &format!("/v1/threads/{thread}"), &[], "{}").unwrap();
    assert_eq!(erased.status, 204, "{}", erased.body);
    assert_eq!(room.say(&thread, "Hello?").status, 404);
    assert_eq!(room.place.client.get(&format!("/v1/cards/{}", card["id"].as_str().unwrap())).unwrap().status, 404);
}
