//! The same news for programs: signed, once, with a name of its own.

use ring::hmac;
use serde_json::{Value, json};

use crate::phone::{hand_over, invoices, is_sent, press};
use crate::place::{Place, SOON};
use crate::recorder::{Came, Recorder};
use crate::support::server::run_with;
use crate::support::wait::until;

const SECRET: &str = "It's a Secret to Everybody";

/// Whether a request is signed as ours are.
fn is_signed(came: &Came) -> bool {
    let header = came.header("x-steward-signature").expect("it is signed");
    let (at, hex) = header.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")).expect("it has two parts");
    let tag: Vec<u8> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    hmac::verify(&key, &[format!("{at}.").as_bytes(), &came.body].concat(), &tag).is_ok()
}

fn set_secret(place: &Place) {
    let put = place.client.put("/v1/secrets/notifications-webhook", &json!({ "value": SECRET })).unwrap();
    assert!(put.is_success(), "{}", put.body);
}

#[test]
fn a_program_gets_signed_news_with_links_and_answers_by_one() {
    let receiver = Recorder::start();
    let place = Place::new();
    let server = place.start();
    set_secret(&place);
    place.set("notifications.group_for", &json!("1s"));
    place.set("notifications.webhook", &json!(format!("http://{}/hook", receiver.address())));
    invoices(&place);
    let run = hand_over(&place, "one.pdf");
    let came = until("the news come", SOON, || receiver.came().first().cloned());
    assert!(is_signed(&came) && came.target() == "/hook", "{}", came.head);
    let body: Value = serde_json::from_slice(&came.body).unwrap();
    assert_eq!((&body["version"], &body["kind"]), (&json!(1), &json!("news")));
    let delivery = came.header("x-steward-delivery").unwrap();
    assert!(body["id"].as_str().unwrap().eq_ignore_ascii_case(delivery), "{body}");
    let need = &body["news"]["needs"][0];
    assert_eq!(
        (&need["kind"], &need["priority"], &need["default"]),
        (&json!("approve"), &json!("high"), &json!("refuse"))
    );
    let choices = need["choices"].as_array().unwrap();
    let stop = choices.iter().find(|choice| choice["choice"] == "stop").unwrap();
    assert_eq!(stop["link"], Value::Null, "no link ends a run");
    let approve = choices.iter().find(|choice| choice["choice"] == "approve").unwrap()["link"].as_str().unwrap();
    let path = &approve[approve.find("/answer/").unwrap()..];
    assert_eq!(press(&place, path).status, 200);
    place.run_is(&run, "succeeded");
    assert!(is_sent(&place, "one.pdf"));
    assert_eq!(receiver.came().len(), 1);
    assert!(server.end().success());
}

#[test]
fn a_receiver_that_fails_is_not_asked_again_and_one_that_is_busy_is() {
    for (status, state) in [(500, "uncertain"), (403, "failed"), (503, "queued")] {
        let receiver = Recorder::answering(move |_| (status, "{}".to_owned()));
        let place = Place::new();
        let server = place.start();
        set_secret(&place);
        place.set("notifications.group_for", &json!("1s"));
        place.set("notifications.webhook", &json!(format!("http://{}/hook", receiver.address())));
        invoices(&place);
        hand_over(&place, "one.pdf");
        until(&format!("{status} makes it {state}"), SOON, || {
            let page = place.get("/v1/notifications");
            let one = &page["items"][0];
            (one["state"] == state && one["attempts"] == 1).then_some(())
        });
        let listed = run_with(&place.home, &["notifications", "list"], &[]);
        let said = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert!(said.contains(&format!("the webhook answered {status}")), "{said}");
        assert!(server.end().success());
    }
}
