//! Conversations: one story for the person and the model, sealed, and gone when they are erased.

use std::time::Duration;

use intents::id::{AutomationId, CardId, ThreadId};
use intents::model::{Cost, Tokens};
use runtime::chat::{CardBody, CardState, MessageKind, NewMessage, Step, ThreadState};
use runtime::store::{AdvanceThread, NewCard, NewStep, Retention};
use serde_json::json;

use super::world::{World, code};

fn answer(text: &str) -> NewStep {
    let tokens = Tokens { input: 10, output: 2 };
    NewStep { step: Step::Answer { text: text.to_owned(), calls: Vec::new() }, cost: Cost::from_parts(7), tokens }
}

fn advance(thread: ThreadId, after: i64, text: &str) -> AdvanceThread {
    AdvanceThread {
        thread,
        after,
        steps: vec![answer(text)],
        messages: vec![NewMessage::new(MessageKind::Assistant, text)],
        card: None,
        state: ThreadState::Idle,
    }
}

fn card(world: &World) -> NewCard {
    let body = CardBody {
        automation_name: "a".to_owned(),
        change: "new".to_owned(),
        title: "A".to_owned(),
        goal: "B".to_owned(),
        enforced: vec!["May do nothing.".to_owned()],
        script_does: Vec::new(),
        assumptions: Vec::new(),
        changes: Vec::new(),
        unnamed: Vec::new(),
        carried_over: None,
        verdict: "proven".to_owned(),
        proof: "proven".to_owned(),
        trial: None,
        contract: json!({}),
        script: String::new(),
        contract_digest: "c".to_owned(),
        script_digest: "s".to_owned(),
        base: None,
        recordings: None,
    };
    NewCard { id: world.env.card_id(), digest: "d".to_owned(), body }
}

#[tokio::test]
async fn what_is_said_is_there_after_a_restart_for_the_person_and_the_model_alike() {
    let world = World::new().await;
    let thread = world.store.begin_thread("ann").await.unwrap().id;
    world.store.say(thread, "Hello   there", "ann").await.unwrap();
    assert_eq!(code(world.store.say(thread, "And?", "ann").await), "THREAD_BUSY");
    world.store.advance_thread(advance(thread, 1, "Good day.")).await.unwrap();
    let world = world.restart().await;
    let known = world.store.thread(thread).await.unwrap();
    assert_eq!((known.title.as_deref(), known.state), (Some("Hello there"), ThreadState::Idle));
    assert_eq!((known.step, known.seq), (2, 2));
    let messages = world.store.messages(thread, 0, 10).await.unwrap();
    let said: Vec<_> = messages.iter().map(|message| message.what.body.text.as_str()).collect();
    assert_eq!(said, ["Hello   there", "Good day."]);
    let steps = world.store.steps(thread, 10).await.unwrap();
    assert_eq!(steps[1].step, answer("Good day.").step);
    assert_eq!((steps[1].cost, steps[1].tokens), (Cost::from_parts(7), Tokens { input: 10, output: 2 }));
    assert_eq!(world.store.threads(Some(thread), 10).await.unwrap(), []);
}

#[tokio::test]
async fn of_two_who_go_on_one_is_told_that_the_thread_has_moved() {
    let world = World::new().await;
    let thread = world.store.begin_thread("ann").await.unwrap().id;
    world.store.say(thread, "Hello", "ann").await.unwrap();
    assert_eq!(world.store.working_threads(10).await.unwrap(), [thread]);
    let both = (advance(thread, 1, "One."), advance(thread, 1, "Two."));
    let (one, two) = tokio::join!(world.store.advance_thread(both.0), world.store.advance_thread(both.1));
    assert!(one.is_ok() ^ two.is_ok());
    assert_eq!(code(if one.is_ok() { two } else { one }), "THREAD_MOVED");
    assert_eq!(world.store.messages(thread, 0, 10).await.unwrap().len(), 2);
    assert_eq!(world.store.working_threads(10).await.unwrap(), []);
}

#[tokio::test]
async fn an_answer_that_is_cut_off_keeps_what_came_of_it_once() {
    let world = World::new().await;
    let thread = world.store.begin_thread("ann").await.unwrap().id;
    world.store.say(thread, "Tell me", "ann").await.unwrap();
    world.store.keep_partial(thread, 1, "Once upon".to_owned()).await.unwrap();
    world.store.keep_partial(thread, 0, "of another step".to_owned()).await.unwrap();
    let world = world.restart().await;
    for _ in 0..2 {
        let cut = world.store.cut_thread_off(thread, "The server ended.", "planner").await.unwrap();
        assert_eq!(cut.state, ThreadState::CutOff);
    }
    let messages = world.store.messages(thread, 1, 10).await.unwrap();
    let told: Vec<_> = messages.iter().map(|message| (message.what.kind, message.what.cut_off)).collect();
    assert_eq!(told, [(MessageKind::Assistant, true), (MessageKind::Notice, false)]);
    assert_eq!(messages[0].what.body.text, "Once upon");
    let on = world.store.go_on_with_thread(thread, "ann").await.unwrap();
    assert_eq!((on.attempt, on.state), (1, ThreadState::Working));
    assert_eq!(code(world.store.go_on_with_thread(thread, "ann").await), "THREAD_NOT_CUT_OFF");
}

#[tokio::test]
async fn a_card_is_decided_on_once_and_a_newer_one_takes_its_place() {
    let world = World::new().await;
    let thread = world.store.begin_thread("ann").await.unwrap().id;
    let mut cards: Vec<CardId> = Vec::new();
    for (round, after) in [(0, 1), (1, 3)] {
        world.store.say(thread, "Do it", "ann").await.unwrap();
        let shown = card(&world);
        cards.push(shown.id);
        let with_card = AdvanceThread { card: Some(Box::new(shown)), ..advance(thread, after, "Here.") };
        world.store.advance_thread(with_card).await.unwrap();
        assert_eq!(world.store.card(cards[round]).await.unwrap().state, CardState::Proposed);
    }
    assert_eq!(world.store.card(cards[0]).await.unwrap().state, CardState::Superseded);
    assert_eq!(code(world.store.reject_card(cards[0], "No.", "ann").await), "CARD_DECIDED");
    let live = AutomationId::ZERO;
    let both =
        (world.store.confirm_card(cards[1], live, "Live.", "ann"), world.store.reject_card(cards[1], "No.", "bob"));
    let (yes, no) = tokio::join!(both.0, both.1);
    assert!(yes.is_ok() ^ no.is_ok());
    let decided = world.store.card(cards[1]).await.unwrap();
    assert!(decided.decided_by.is_some() && decided.decided_at.is_some());
}

#[tokio::test]
async fn an_erased_thread_leaves_nothing_that_could_be_read() {
    let world = World::new().await;
    let thread = world.store.begin_thread("ann").await.unwrap().id;
    world.store.say(thread, "My IBAN is DE02120300000000202051", "ann").await.unwrap();
    let shown = card(&world);
    let id = shown.id;
    let with_card = AdvanceThread { card: Some(Box::new(shown)), ..advance(thread, 1, "Noted.") };
    world.store.advance_thread(with_card).await.unwrap();
    world.store.erase_thread(thread, "ann").await.unwrap();
    assert_eq!(code(world.store.thread(thread).await), "NOT_FOUND");
    assert_eq!(code(world.store.card(id).await), "NOT_FOUND");
    for table in ["threads", "messages", "steps", "cards"] {
        assert_eq!(world.number(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
    }
    let told = world.number("SELECT COUNT(*) FROM events WHERE type LIKE 'thread.%' OR type LIKE 'card.%'").await;
    assert!(told >= 4, "that there was one stays known");
    assert_eq!(world.number("SELECT COUNT(*) FROM events WHERE data LIKE '%IBAN%'").await, 0);
}

#[tokio::test]
async fn threads_in_which_nothing_was_said_for_long_go_and_those_at_work_stay() {
    let world = World::new().await;
    let old = world.store.begin_thread("ann").await.unwrap().id;
    let working = world.store.begin_thread("ann").await.unwrap().id;
    world.store.say(working, "Hello", "ann").await.unwrap();
    let retention = Retention::default();
    world.clock.advance(retention.runs + Duration::from_secs(1));
    let fresh = world.store.begin_thread("ann").await.unwrap().id;
    world.store.sweep(retention).await.unwrap();
    assert_eq!(code(world.store.thread(old).await), "NOT_FOUND");
    assert!(world.store.thread(working).await.is_ok() && world.store.thread(fresh).await.is_ok());
}
