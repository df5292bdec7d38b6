//! A server that is killed at each piece of each answer and at each step, and what is there afterwards.

use serde_json::json;

use crate::model::pieces_of;
use crate::place::SOON;
use crate::room::{Room, WISH, drafts, looks, says};
use crate::support::wait::until;

fn conversation() -> [serde_json::Value; 3] {
    let mut look = looks();
    look["content"] = json!("I look at the page first.");
    [look, drafts(), says("Please look at the card, and confirm.")]
}

/// Goes on until it is the person's turn with nothing cut off; gives how often that was.
fn come_to_the_end(room: &Room, thread: &str) -> usize {
    let mut cut_off = 0;
    while room.rests(thread) == "cut_off" {
        cut_off += 1;
        room.go_on(thread);
    }
    cut_off
}

/// One coherent thread: everything said once, numbered without a gap, one card, and costs as reported.
fn is_coherent(room: &Room, thread: &str, cut_off: usize, after: usize) {
    let messages = room.messages(thread);
    let numbers: Vec<_> = messages.iter().map(|message| message["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=messages.len() as u64).collect::<Vec<_>>());
    let whole: Vec<_> = messages
        .iter()
        .filter(|message| message["cut_off"] == json!(false) && message["kind"] != "notice")
        .map(|message| message["kind"].as_str().unwrap())
        .collect();
    let told = format!("killed after {after} pieces: {messages:#?}");
    assert_eq!(whole, ["user", "assistant", "tool", "tool", "card", "assistant"], "{told}");
    assert_eq!(room.model.asked().len(), 3 + cut_off, "a call is made again only when the person says so; {told}");
    let view = room.place.get(&format!("/v1/threads/{thread}"));
    assert_eq!(view["cost_micros"], json!(3 * 2000), "{told}");
    assert_eq!(view["held_micros"].as_i64().unwrap() > 0, cut_off > 0, "what nobody knows about is held; {told}");
    assert_eq!(room.card(thread)["state"], "proposed");
}

/// Kills the server when the model has sent so many pieces, and sees that nothing is lost and nothing asked twice.
fn survives(after: usize) {
    let room = Room::with(&conversation());
    let server = room.open();
    let thread = room.thread();
    room.model.hold_after(after);
    assert_eq!(room.say(&thread, WISH).status, 202);
    let answers = conversation();
    let mut ends = answers.iter().scan(0, |sum, answer| {
        *sum += pieces_of(answer);
        Some(*sum)
    });
    // What comes after a whole answer is a step of its own: it is let go as far as it comes before the next answer.
    let reached = ends.position(|end| end > after).unwrap_or(answers.len() - 1);
    until("the model has come so far", SOON, || {
        (room.model.sent() >= after && room.model.asked().len() > reached).then_some(())
    });
    server.kill();
    room.model.go_on();
    let asked = room.model.asked().len();
    let _server = room.place.start();
    let state = room.rests(&thread);
    if state == "cut_off" {
        assert_eq!(room.model.asked().len(), asked, "nobody is asked again by himself");
    }
    let cut_off = come_to_the_end(&room, &thread);
    is_coherent(&room, &thread, cut_off, after);
}

#[test]
fn a_server_that_is_killed_at_any_piece_of_any_answer_loses_nothing_and_repeats_nothing() {
    let pieces: usize = conversation().iter().map(pieces_of).sum();
    for after in 0..pieces {
        survives(after);
    }
}

#[test]
fn a_server_that_is_killed_between_answers_goes_on_by_itself() {
    let look = pieces_of(&conversation()[0]);
    for wait_ms in [0u64, 20, 60, 120, 250, 500, 900] {
        let room = Room::with(&conversation());
        let server = room.open();
        let thread = room.thread();
        assert_eq!(room.say(&thread, WISH).status, 202);
        until("the model has called for a look", SOON, || (room.model.sent() >= look).then_some(()));
        std::thread::sleep(std::time::Duration::from_millis(wait_ms));
        server.kill();
        let _server = room.place.start();
        let cut_off = come_to_the_end(&room, &thread);
        is_coherent(&room, &thread, cut_off, look);
    }
}

#[test]
fn a_person_who_interrupts_keeps_what_was_said() {
    let room = Room::with(&[says("A long answer that nobody wants to hear to its end."), says("Short.")]);
    let _server = room.open();
    let thread = room.thread();
    room.model.hold_after(2);
    assert_eq!(room.say(&thread, "Tell me.").status, 202);
    until("some of it was said", SOON, || (room.model.sent() >= 2).then_some(()));
    assert_eq!(room.say(&thread, "Wait!").code(), "THREAD_BUSY");
    let stopped = room.place.post(&format!("/v1/threads/{thread}/interrupt"), &json!({}));
    assert_eq!(stopped.json()["state"], "cut_off", "{}", stopped.body);
    room.model.go_on();
    let said = &room.of_kind(&thread, "assistant")[0];
    assert_eq!(said["cut_off"], json!(true));
    assert!("A long answer that nobody".starts_with(said["text"].as_str().unwrap().trim()), "{said}");
    assert_eq!(room.talk(&thread, "Shorter, please."), "idle");
    assert_eq!(room.of_kind(&thread, "user").len(), 2);
}
