//! What a person sees.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use expect_test::expect;
use serde_json::{Value, json};

use super::follow::{Audience, Came};
use super::screen::Screen;
use crate::api::MessageView;

/// A terminal of which everything is remembered.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn terminal(width: usize) -> (Paper, Screen) {
    let paper = Paper::default();
    (paper.clone(), Screen::new(Box::new(paper), width, true, false))
}

fn pipe() -> (Paper, Screen) {
    let paper = Paper::default();
    (paper.clone(), Screen::new(Box::new(paper), 60, false, false))
}

fn said(kind: &str, text: &str, more: Value) -> Came {
    let mut whole = json!({
        "id": "msg_1", "thread": "th_1", "seq": 1, "kind": kind, "text": text, "choices": [], "card": null,
        "tool": null, "cut_off": false, "cost_micros": 0, "tokens_in": 0, "tokens_out": 0, "recorded": false,
        "created_at": "2026-11-30T07:00:00.000Z"
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        whole[name] = value.clone();
    }
    let message: MessageView = serde_json::from_value(whole.clone()).unwrap();
    Came::Message(Box::new(message), whole)
}

fn piece(from: usize, text: &str) -> Came {
    Came::Partial { from, text: text.to_owned() }
}

fn card() -> Value {
    json!({ "card": {
        "id": "card_1", "thread": "th_1", "automation_name": "brief", "automation": null, "goal": "News.", "change": "contract", "state": "proposed",
        "title": "Morning brief", "digest": "d",
        "enforced": ["Every day at 07:30 (Europe/Rome).", "May send mail only to ada@example.org and to mallory@evil.example."],
        "script_does": ["Mails what is new."], "assumptions": ["Half past seven is meant in Rome."],
        "changes": [
            { "how": "widens", "words": "May send mail to mallory@evil.example, too." },
            { "how": "narrows", "words": "At most 1 mail in 20 hours." },
            { "how": "neutral", "words": "The title." }
        ],
        "unnamed": ["mallory@evil.example"],
        "proof": { "verdict": "incomplete", "text": "incomplete: 0 crash points", "trial": null },
        "carried_over": "1 run waits, and goes on under both contracts.", "created_at": "2026-11-30T07:00:00.000Z",
        "decided_at": null, "decided_by": null
    } })
}

#[test]
fn a_card_says_what_is_enforced_what_is_only_said_and_what_changes() {
    let (paper, mut screen) = pipe();
    screen.take(said("card", "", card()));
    expect![[r#"
        ╭─ Morning brief
        │ `brief` gets another contract
        │
        │ Steward enforces
        │   ✓ Every day at 07:30 (Europe/Rome).
        │   ✓ May send mail only to ada@example.org and to
        │     mallory@evil.example.
        │
        │ The script does (in the planner's words; not enforced)
        │   • Mails what is new.
        │
        │ Assumptions (in the planner's words; not enforced)
        │   • Half past seven is meant in Rome.
        │
        │ What changes
        │   ▲ widens   May send mail to mallory@evil.example, too.
        │   ▼ narrows  At most 1 mail in 20 hours.
        │   ◦ neutral  The title.
        │
        │ Addresses that you never named (look twice)
        │   ! mallory@evil.example
        │
        │ The trial
        │   ! incomplete: 0 crash points
        │
        │ Runs that wait
        │   • 1 run waits, and goes on under both contracts.
        ╰─
    "#]]
    .assert_eq(&paper.text());
}

#[test]
fn a_conversation_reads_from_top_to_bottom() {
    let (paper, mut screen) = pipe();
    screen.take(said("user", "Send me the news", json!({})));
    screen.take(Came::Activity("looks at news.example".to_owned()));
    screen.take(piece(0, "I look "));
    screen.take(said("assistant", "I look at it first.", json!({ "recorded": true })));
    screen.take(said("tool", "read news.example", json!({ "tool": { "name": "explore", "ok": true } })));
    screen.take(said("tool", "read other.example", json!({ "tool": { "name": "explore", "ok": false } })));
    screen.take(said("question", "When?", json!({ "choices": ["at 7", "at 8"], "recorded": true })));
    screen.take(said("notice", "`brief` is live.", json!({})));
    expect![[r#"
        › Send me the news

        I look at it first.
        (From a recording, as all answers of this provider: no
        model was asked.)
          · read news.example
          ✗ read other.example

        When?
          1  at 7
          2  at 8

        Steward: `brief` is live.
    "#]]
    .assert_eq(&paper.text());
}

#[test]
fn an_answer_is_shown_as_it_comes_and_nothing_of_it_twice() {
    let (paper, mut screen) = terminal(24);
    screen.take(piece(0, "One two three "));
    screen.take(piece(14, "four five six "));
    // The server died and was started again: what it has comes again.
    screen.take(piece(0, "One two three four five six seven"));
    screen.take(said("assistant", "One two three four five six seven eight", json!({ "recorded": true })));
    screen.take(said("assistant", "Another.", json!({})));
    assert_eq!(
        paper.text(),
        "One two three four five\nsix seven eight\n(From a recording, as\nall answers of this\nprovider: no model was\nasked.)\n\nAnother.\n"
    );
}

#[test]
fn an_answer_that_starts_anew_is_shown_anew() {
    let (paper, mut screen) = terminal(40);
    screen.take(piece(0, "One two three"));
    screen.take(piece(0, "Eins zwei"));
    screen.take(said("assistant", "Eins zwei drei", json!({})));
    assert_eq!(paper.text(), "One two three\n\nEins zwei drei\n");
}

#[test]
fn the_changing_line_is_gone_when_something_stays() {
    let (paper, mut screen) = terminal(40);
    screen.take(Came::Activity("thinks".to_owned()));
    screen.tick();
    screen.take(said("assistant", "Done.", json!({})));
    let text = paper.text();
    let last = text.rsplit('\r').next().unwrap();
    assert_eq!(last, "Done.\n", "{text:?}");
    assert!(text.contains("⠙ thinks"), "{text:?}");
}

#[test]
fn nothing_that_was_said_commands_the_terminal() {
    let hostile = "a\u{1b}[2J\u{9b}31m\rb\u{7}\u{202e}c\u{1b}]0;x\u{7}";
    let mut whole = card();
    whole["card"]["title"] = hostile.into();
    whole["card"]["enforced"] = json!([hostile]);
    whole["card"]["unnamed"] = json!([hostile]);
    let (paper, mut screen) = pipe();
    let (seen, mut live) = terminal(40);
    for screen in [&mut screen, &mut live] {
        screen.take(piece(0, hostile));
        screen.take(said("assistant", hostile, json!({})));
        screen.take(said("question", hostile, json!({ "choices": [hostile] })));
        screen.take(said("tool", hostile, json!({})));
        screen.take(said("card", "", whole.clone()));
        screen.verbatim(hostile);
    }
    let commands = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(!paper.text().contains(commands), "{:?}", paper.text());
    assert!(!seen.text().contains(commands), "{:?}", seen.text());
}
