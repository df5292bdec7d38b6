//! What bad input, bad models and small budgets get.

use serde_json::{Value, json};

use crate::room::{Room, WISH, calls, drafts, looks, says, usage};

/// The last word of the host in a thread.
fn last_notice(room: &Room, thread: &str) -> String {
    room.of_kind(thread, "notice").last().map(|notice| notice["text"].as_str().unwrap().to_owned()).unwrap_or_default()
}

#[test]
fn what_is_shown_as_cost_is_what_the_endpoint_reported() {
    let odd = json!({ "prompt_tokens": 1237, "completion_tokens": 91 });
    let mut answers = vec![looks(), drafts(), says("Please look at the card.")];
    answers[2]["usage"] = odd;
    let room = Room::with(&answers);
    let _server = room.open();
    let thread = room.thread();
    room.talk(&thread, WISH);
    // One dollar for a million tokens in, ten for a million out.
    let reported = 2 * (1000 + 1000) + (1237 + 910);
    let view = room.place.get(&format!("/v1/threads/{thread}"));
    assert_eq!((view["cost_micros"].as_i64(), view["held_micros"].as_i64()), (Some(reported), Some(0)));
    let shown: i64 = room.messages(&thread).iter().map(|message| message["cost_micros"].as_i64().unwrap()).sum();
    assert_eq!(shown, reported, "each answer is shown once");
    let usage = room.place.get(&format!("/v1/usage?by=purpose&room={}", view["room"].as_str().unwrap()));
    assert_eq!(usage["total"]["cost_micros"], json!(reported));
    assert_eq!(usage["total"]["tokens_in"], json!(3237));
}

#[test]
fn a_budget_of_zero_asks_nobody() {
    for setting in ["models.budget_per_turn", "models.budget_per_day"] {
        let room = Room::with(&[says("Never said.")]);
        let _server = room.open();
        room.set(setting, &json!("0 USD"));
        let thread = room.thread();
        assert_eq!(room.talk(&thread, "Hello"), "cut_off", "{setting}");
        assert_eq!((room.model.asked().len(), &room.place.get("/v1/usage")["total"]["calls"]), (0, &json!(0)));
        let told = last_notice(&room, &thread);
        assert!(told.contains("0 USD") || told.contains("MODEL_BUDGET"), "{told}");
    }
}

#[test]
fn a_turn_that_costs_too_much_stops_and_goes_on_when_the_person_says_so() {
    let mut dear = looks();
    dear["usage"] = json!({ "prompt_tokens": 200_000, "completion_tokens": 10_000 });
    let room = Room::with(&[dear, says("Done.")]);
    let _server = room.open();
    room.set("models.budget_per_turn", &json!("0.25 USD"));
    let thread = room.thread();
    assert_eq!(room.talk(&thread, WISH), "cut_off");
    assert!(last_notice(&room, &thread).contains("0.25 USD"), "{}", last_notice(&room, &thread));
    assert_eq!(room.model.asked().len(), 1);
    room.go_on(&thread);
    assert_eq!(room.rests(&thread), "idle");
    assert_eq!(room.of_kind(&thread, "assistant")[0]["text"], "Done.");
}

#[test]
fn a_model_that_calls_tools_for_ever_is_stopped() {
    let room = Room::with(&[calls("search_tools", json!({ "query": "mail" }))]);
    let _server = room.open();
    let thread = room.thread();
    assert_eq!(room.talk(&thread, "Do something."), "cut_off");
    assert!(last_notice(&room, &thread).contains("40 answers"), "{}", last_notice(&room, &thread));
    assert_eq!(room.model.asked().len(), 40);
}

#[test]
fn calls_that_make_no_sense_are_answered_and_do_nothing() {
    let wrong = [
        json!({ "name": "activate", "arguments": { "automation": "x" } }),
        json!({ "name": "explore", "arguments": "{\"js\": " }),
        json!({ "name": "draft", "arguments": { "name": 7 } }),
        json!({ "name": "explore", "arguments": { "js": "return (;" } }),
        json!({ "name": "explore", "arguments": { "js": "return await tools.http.get({ url: 'http://evil.example/' });" } }),
    ];
    let room = Room::with(&[json!({ "tool_calls": wrong, "usage": usage() }), says("I see.")]);
    let _server = room.open();
    let thread = room.thread();
    assert_eq!(room.talk(&thread, "Hello"), "idle");
    let tools = room.of_kind(&thread, "tool");
    assert_eq!(tools.len(), 5);
    assert!(tools.iter().all(|line| line["tool"]["ok"] == json!(false)), "{tools:#?}");
    let asked = room.model.asked();
    let told: Vec<_> = asked[1]["messages"].as_array().unwrap().iter().rev().take(5).collect();
    let told = told.iter().map(|message| message["content"].as_str().unwrap()).collect::<Vec<_>>().join("\n");
    for words in ["There is no tool `activate`", "are no JSON", "do not have their shape", "SyntaxError", "has pointed"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[test]
fn trouble_with_the_model_is_told_and_the_thread_goes_on() {
    let broken = json!({ "status": 401, "error": "no such key sk-live-1234567890abcdef" });
    let room = Room::with(&[broken, says("Here I am.")]);
    let _server = room.open();
    let thread = room.thread();
    assert_eq!(room.talk(&thread, "Hello"), "cut_off");
    let told = last_notice(&room, &thread);
    assert!(told.contains("MODEL_AUTH") && !told.contains("sk-live"), "{told}");
    room.go_on(&thread);
    assert_eq!(room.rests(&thread), "idle");
    assert_eq!(room.say(&thread, "").code(), "MESSAGE_LENGTH");
    assert_eq!(room.say(&thread, &"x".repeat(20_001)).code(), "MESSAGE_LENGTH");
}

#[test]
fn an_answer_of_nothing_is_no_answer() {
    let room = Room::with(&[json!({ "content": "", "usage": usage() }), says("Sorry.")]);
    let _server = room.open();
    let thread = room.thread();
    assert_eq!(room.talk(&thread, "Hello"), "cut_off");
    assert!(last_notice(&room, &thread).contains("nothing at all"), "{}", last_notice(&room, &thread));
    let view: Value = room.place.get(&format!("/v1/threads/{thread}"));
    assert_eq!(view["cost_micros"], json!(2000));
}
