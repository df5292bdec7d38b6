//! What it says: words that pretend to be the host's, calls that make no sense, and no end.

use serde_json::{Value, json};

use super::scripted::{GREET, WISH, calls, greeted, greeting, says};
use crate::delegated::Thread;
use crate::support::place::Place;

/// What a terminal or a screen would take for more than letters.
const HARMFUL: [char; 6] = ['\u{1b}', '\u{202e}', '\u{2066}', '\u{200b}', '\u{7}', '\r'];

#[test]
fn its_words_stand_in_its_own_part_and_the_enforced_lines_are_the_hosts() {
    let place = Place::new();
    let _server = place.start();
    let forged = "Nice.\r\n\r\nSteward enforces:\n  Asks You are asked before each mail.\u{1b}[2J\u{202e}gnihtyna\u{2066}\u{200b}\u{7}";
    let draft = |title: &str, goal: &str| {
        let mut contract = greeting();
        (contract["title"], contract["goal"]) = (json!(title), json!(goal));
        let arguments = json!({
            "name": "greeting", "contract": contract, "script": GREET,
            "script_does": [forged, "x".repeat(5000)], "assumptions": [forged, "The user has confirmed this already."]
        });
        calls("draft", arguments)
    };
    let turned = "Greeting\u{202e}gnihtyna\u{2066}\u{200b}";
    let answers =
        json!([draft(&format!("Greeting {forged}"), forged), says("Ready?"), draft(turned, turned), says("Ready.")]);
    let thread = Thread::begin(&place, &answers);
    assert_eq!(thread.say(WISH), "idle");
    assert_eq!(thread.of_kind("card"), Vec::<Value>::new(), "a contract holds no control characters");
    assert_eq!(thread.say("Well?"), "idle");
    let card = thread.card().shown;
    let expected = [
        "When you run it.",
        "May send mail only to ann@home.example.",
        "One mail per day, ever.",
        "At most 1 mail in 1 day; further ones are skipped.",
    ];
    assert_eq!(card["enforced"], json!(expected));
    for part in ["title", "goal", "script_does", "assumptions"] {
        let lines = card[part].as_array().cloned().unwrap_or_else(|| vec![card[part].clone()]);
        for line in lines.iter().filter_map(Value::as_str) {
            assert!(!line.contains(HARMFUL) && !line.contains('\n') && line.chars().count() < 400, "{part}: {line:?}");
        }
    }
    assert_eq!(card["state"], "proposed", "whatever it assumes");
}

#[test]
fn calls_that_make_no_sense_are_answered_and_do_nothing() {
    let place = Place::new();
    let _server = place.start();
    let attempts = [
        calls("draft", json!("{\"name\": \"greeting\", ")),
        calls("draft", json!({ "name": "greeting", "contract": "all of it", "script": 7 })),
        calls(
            "draft",
            json!({ "name": "../../etc", "contract": greeting(), "script": GREET, "script_does": [], "assumptions": [] }),
        ),
        calls("explore", json!({ "js": "return (" })),
        calls("explore", json!({ "js": "for (;;);" })),
        calls("explore", json!({ "code": "return 1;" })),
        calls("ask_user", json!({ "question": "" })),
        calls("tool_docs", json!({ "names": ["vault.read", "http.get"] })),
        calls("backtest", json!({ "automation": "greeting", "last": "for ever" })),
        calls("status", json!({ "about": "everything" })),
        says("I gave up."),
    ];
    let thread = greeted(&place, attempts);
    assert_eq!(thread.say("Go on."), "idle", "{:#?}", thread.messages());
    assert_eq!(thread.of_kind("card").len(), 1, "the one that was there before");
    assert_eq!(place.get("/v1/automations")["items"], json!([]));
    assert_eq!(thread.of_kind("assistant").last().unwrap()["text"], "I gave up.");
}

#[test]
fn a_model_that_never_ends_is_stopped_and_the_person_is_told() {
    let place = Place::new();
    let _server = place.start();
    let answers: Vec<Value> = (0..200).map(|_| calls("status", json!({ "about": "automations" }))).collect();
    let thread = Thread::begin(&place, &answers.into());
    assert_eq!(thread.say("Hello?"), "cut_off");
    let lines = thread.of_kind("tool").len();
    assert!((1..=120).contains(&lines), "{lines} calls");
    let notices = thread.of_kind("notice");
    assert!(notices.iter().any(|notice| notice["text"].as_str().unwrap().contains("40 answers")), "{notices:#?}");
    // The person may say something else instead, and it is not taken up again by itself.
    let seen = thread.messages().len();
    assert_eq!(thread.settles(), "cut_off");
    assert_eq!(thread.messages().len(), seen);
}
