//! `steward chat --say`: without a terminal.

use serde_json::{Value, json};

use crate::recording::{draft, home, shown, thread};
use crate::support::chance::Chance;
use crate::support::home::Home;
use crate::support::server;

#[test]
fn whoever_has_no_model_is_told_what_to_type() {
    let home = Home::new(&mut Chance::new(201));
    let said = server::run(&home, &["chat", "--say", "hello"]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    assert!(shown(&said).contains("  steward providers add openai --url https://"), "{}", shown(&said));
    let listed = server::run(&home, &["chat", "list"]);
    assert_eq!(shown(&listed), "There is no chat yet; begin one with `steward chat`.\n");
}

#[test]
fn what_was_said_and_answered_is_printed_once_and_plainly() {
    let home = home(202, &json!([{ "content": "Hello, \u{1b}[2J you." }, { "content": "Again." }]));
    let said = server::run(&home, &["chat", "--say", "hi"]);
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    let told = "(From a recording, as all answers of this provider: no model was asked.)";
    assert_eq!(shown(&said), format!("› hi\n\nHello, \u{fffd}[2J you.\n{told}\n"));

    let thread = thread(&home);
    let again = server::run(&home, &["chat", "--thread", &thread, "--say", "once more", "--json"]);
    let lines: Vec<Value> = shown(&again).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = lines.iter().map(|line| (line["kind"].as_str(), line["text"].as_str())).collect();
    assert_eq!(kinds, [(Some("user"), Some("once more")), (Some("assistant"), Some("Again."))]);

    let all = server::run(&home, &["chat", "show", &thread]);
    assert!(shown(&all).ends_with("asked.)\n\n› once more\n\nAgain.\n"), "{}", shown(&all));
    assert_eq!(server::run(&home, &["chat", "show", "th_01M8NK7T76V8ZCPDPMNY6BTTJV"]).status.code(), Some(5));
    assert_eq!(server::run(&home, &["chat"]).status.code(), Some(2), "nobody is at a terminal");
}

#[test]
fn a_question_waits_and_says_where() {
    let ask = json!({ "name": "ask_user", "arguments": { "question": "When?", "choices": ["at 7", "at 8"] } });
    let home = home(203, &json!([{ "tool_calls": [ask] }, { "content": "At seven, then." }]));
    let asked = server::run(&home, &["chat", "--say", "wake me"]);
    assert_eq!(asked.status.code(), Some(3), "{asked:?}");
    assert!(shown(&asked).contains("When?\n  1  at 7\n  2  at 8\n"), "{}", shown(&asked));
    let waits = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert!(waits.contains(&format!("steward chat --thread {} --say TEXT", thread(&home))), "{waits}");
    let answered = server::run(&home, &["chat", "--last", "--say", "at 7"]);
    assert_eq!(answered.status.code(), Some(0), "{answered:?}");
    assert!(shown(&answered).contains("\nAt seven, then.\n"), "{}", shown(&answered));
}

#[test]
fn a_card_goes_live_only_for_whoever_confirms_it() {
    let answers = json!([{ "tool_calls": [draft()] }, { "content": "See above." }, { "tool_calls": [draft()] }, { "content": "Again." }, { "content": "Nothing to draft." }]);
    let home = home(204, &answers);
    let proposed = server::run(&home, &["chat", "--say", "greet me"]);
    assert_eq!(proposed.status.code(), Some(3), "{proposed:?}");
    let text = shown(&proposed);
    for part in [
        "╭─ Greeting\n",
        "│ a new automation, `greeting`\n",
        "│ Steward enforces\n",
        "Says hello.",
        "You like to be greeted.",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert!(!text.contains("export default"), "the script is shown to nobody who did not ask for it");
    assert_eq!(server::run(&home, &["automations", "show", "greeting"]).status.code(), Some(5), "nothing is live");

    let confirmed = server::run(&home, &["chat", "--last", "--say", "greet me at once", "--confirm"]);
    assert_eq!(confirmed.status.code(), Some(0), "{confirmed:?}");
    assert!(shown(&confirmed).contains("steward automations run greeting --wait"), "{}", shown(&confirmed));
    assert_eq!(server::run(&home, &["automations", "run", "greeting", "--wait"]).status.code(), Some(0));
    let nothing = server::run(&home, &["chat", "--last", "--say", "thanks", "--confirm"]);
    assert_eq!(nothing.status.code(), Some(6), "{nothing:?}");
}
