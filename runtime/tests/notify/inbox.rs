//! The inbox on the command line: what matters first, what is put off, and one answer for many.

use serde_json::{Value, json};

use crate::place::{Place, SOON};
use crate::support::server::run;
use crate::support::wait::until;

fn said(place: &Place, arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(&place.home, arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

/// Needs of runs that failed.
fn failures(place: &Place, count: usize) -> Vec<String> {
    for number in 0..count {
        let name = format!("broken-{number}");
        place.import_script(&name, "throw new Error('no');");
        place.run(&name, &json!({}));
    }
    until("all of them ask", SOON, || {
        let needs = place.get("/v1/needs")["items"].as_array().cloned()?;
        let ids = needs.iter().map(|need| need["id"].as_str().unwrap_or_default().to_owned());
        (needs.len() == count).then(|| ids.collect())
    })
}

#[test]
fn needs_are_put_off_and_taken_up_and_answered_together() {
    let place = Place::new();
    let server = place.start();
    let needs = failures(&place, 4);
    let (code, text) = said(&place, &["inbox", "list"]);
    assert!(code == Some(0) && needs.iter().all(|need| text.contains(need)), "{text}");
    let (code, text) = said(&place, &["inbox", "snooze", &needs[0], "--for", "4h"]);
    assert!(code == Some(0) && text.contains("put off until"), "{text}");
    let (_, text) = said(&place, &["inbox", "list"]);
    assert!(!text.contains(&needs[0]) && text.contains("You put 1 off"), "{text}");
    let (_, text) = said(&place, &["inbox", "list", "--snoozed"]);
    assert!(text.contains(&needs[0]) && text.contains("put off until"), "{text}");
    let page = place.get("/v1/needs?limit=2");
    let next = place.get(&format!("/v1/needs?limit=2&before={}", page["next"].as_str().unwrap()));
    let ids = |page: &Value| page["items"].as_array().unwrap().len();
    assert_eq!((ids(&page), ids(&next), &page["open"], &page["snoozed"]), (2, 1, &json!(4), &json!(1)));
    assert!(said(&place, &["inbox", "snooze", &needs[0], "--for", "5000d"]).1.contains("BODY_MALFORMED"));

    let (code, text) = said(&place, &["inbox", "answer", &needs[1], &needs[2], "dismiss"]);
    assert!(code == Some(0) && text.contains("2 needs answered"), "{text}");
    let (code, text) = said(&place, &["inbox", "answer", &needs[1], &needs[3], "dismiss"]);
    assert!(code == Some(6) && text.contains("NEED_ANSWERED") && text.contains("1 need answered"), "{text}");
    let (code, text) = said(&place, &["inbox", "unsnooze", &needs[0]]);
    assert!(code == Some(0) && !text.contains("put off"), "{text}");
    assert!(said(&place, &["inbox", "answer", "--all-of", "settle", "it_happened"]).1.contains("NEED_ALONE"));
    let (code, text) = said(&place, &["inbox", "answer", "--all-of", "repair", "dismiss"]);
    assert!(code == Some(0) && text.contains("1 need answered"), "{text}");
    assert!(said(&place, &["inbox", "list"]).1.contains("Nothing waits for you."));
    assert_eq!(said(&place, &["inbox", "answer", "dismiss"]).0, Some(2));
    assert!(server.end().success());
}

#[test]
fn settings_of_notifications_say_what_they_take() {
    let place = Place::new();
    let server = place.start();
    for (name, value, part) in [
        ("notifications.mail_to", json!("nobody"), "a mail address"),
        ("notifications.base_url", json!("https://elsewhere.example"), "server.hosts"),
        ("notifications.quiet", json!("at night"), "22:00-07:00"),
        ("notifications.mailto", json!("a@b.example"), "did you mean `notifications.mail_to`?"),
    ] {
        let put = place.client.put(&format!("/v1/settings/{name}"), &json!({ "value": value })).unwrap();
        assert!(put.status == 422 && put.body.contains(part), "{name}: {}", put.body);
    }
    let (code, text) = said(&place, &["notifications", "list"]);
    assert!(code == Some(0) && text.contains("You are told nothing"), "{text}");
    assert_eq!(said(&place, &["notifications", "test"]).0, Some(1));
    assert!(server.end().success());
}
