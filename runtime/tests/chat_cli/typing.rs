//! `steward chat` at a terminal.

use serde_json::json;

use crate::recording::{draft, home};
use crate::support::server;
use crate::terminal::Terminal;

/// Where the user may type: the prompt, and the line editor that is ready.
const PROMPT: &str = "› ";

#[test]
fn a_card_is_looked_at_and_confirmed() {
    let home = home(221, &json!([{ "content": "I write it.", "tool_calls": [draft()] }, { "content": "See above." }]));
    let mut terminal = Terminal::start(&home, &["chat"]);
    terminal.shows("Say what you want done.");
    terminal.shows(PROMPT);
    terminal.types("greet me\r");
    terminal.shows("I write it.");
    terminal.shows("Steward enforces");
    terminal.shows("See above.");
    terminal.shows("confirm · shadow");
    terminal.shows(PROMPT);
    terminal.types("yes\r");
    terminal.shows("type `confirm`");
    terminal.shows(PROMPT);
    terminal.types("/code\r");
    terminal.shows("export default async function run");
    terminal.shows(PROMPT);
    terminal.types("/cost\r");
    terminal.shows("This chat has cost 0 USD so far");
    terminal.shows(PROMPT);
    terminal.types("confirm\r");
    terminal.shows("steward automations run greeting --wait");
    terminal.shows("no server runs");
    terminal.shows(PROMPT);
    terminal.types("\u{3}");
    terminal.shows("Come back with: steward chat th_");
    assert!(terminal.ends().success());
    assert_eq!(server::run(&home, &["automations", "run", "greeting", "--wait"]).status.code(), Some(0));
}

#[test]
fn a_question_is_answered_by_its_number_and_a_chat_is_come_back_to() {
    let ask = json!({ "name": "ask_user", "arguments": { "question": "When?", "choices": ["at 7", "at 8"] } });
    let answers =
        json!([{ "tool_calls": [ask] }, { "when": { "last_contains": "at 8" }, "content": "At eight, then." }]);
    let home = home(222, &answers);
    let mut terminal = Terminal::start(&home, &["chat"]);
    terminal.shows(PROMPT);
    terminal.types("wake me\r");
    terminal.shows("2  at 8");
    terminal.shows("A number, or your own words.");
    terminal.shows(PROMPT);
    terminal.types("2\r");
    terminal.shows("At eight, then.");
    terminal.shows(PROMPT);
    terminal.types("/quit\r");
    assert!(terminal.ends().success());
    let mut terminal = Terminal::start(&home, &["chat", "--last"]);
    terminal.shows("› wake me");
    terminal.shows("At eight, then.");
    terminal.shows(PROMPT);
    terminal.types("\u{4}");
    assert!(terminal.ends().success());
}
