//! Answers that must not count: links that are forged, used by two at once, or overtaken, and people without the right.

use std::thread;

use serde_json::json;

use crate::mailbox::Mailbox;
use crate::phone::{FORM, ask, hand_over, invoices, is_sent, link, mails, need, press, settle_in, told_by_mail};
use crate::support::client::Client;
use crate::support::server::run;

#[test]
fn attack_a_forged_link_a_foreign_page_and_a_program_answer_nothing() {
    let mailbox = Mailbox::start();
    let place = told_by_mail(&mailbox);
    let server = place.start();
    settle_in(&place);
    invoices(&place);
    let run = hand_over(&place, "one.pdf");
    let approve = link(&mails(&mailbox, 1)[0], "approve");
    let own = format!("http://127.0.0.1:{}", place.home.port());

    let last = approve.chars().last().unwrap();
    let forged = format!("{}{}", &approve[..approve.len() - 1], if last == '0' { '1' } else { '0' });
    for path in [forged.as_str(), "/answer/x", "/answer/..%2f..%2fv1%2fneeds", "/answer/%00"] {
        let (page, _) = ask(&place, "GET", path, &[]);
        assert_eq!((page.status, press(&place, path).status), (404, 404), "{path}");
    }
    for (status, headers) in [
        (403, [FORM, ("origin", "https://evil.example")]),
        (403, [FORM, ("origin", "null")]),
        (421, [FORM, ("host", "evil.example")]),
        (415, [("content-type", "application/json"), ("origin", own.as_str())]),
        (415, [("content-type", "text/plain"), ("origin", own.as_str())]),
    ] {
        assert_eq!(ask(&place, "POST", &approve, &headers).0.status, status, "{headers:?}");
    }
    assert_eq!(place.get(&format!("/v1/runs/{run}"))["run"]["phase"], "waiting");
    assert!(!is_sent(&place, "one.pdf"));
    assert_eq!(press(&place, &approve).status, 200, "the true one still works");
    assert!(server.end().success());
}

#[test]
fn attack_two_phones_at_once_are_one_answer() {
    let mailbox = Mailbox::start();
    let place = told_by_mail(&mailbox);
    let server = place.start();
    settle_in(&place);
    invoices(&place);
    let run = hand_over(&place, "one.pdf");
    let mail = mails(&mailbox, 1).remove(0);
    let paths = ["approve", "approve", "approve", "approve"].map(|choice| link(&mail, choice));
    let mut statuses = thread::scope(|scope| {
        let pressing: Vec<_> = paths.iter().map(|path| scope.spawn(|| press(&place, path).status)).collect();
        pressing.into_iter().map(|pressing| pressing.join().unwrap()).collect::<Vec<_>>()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 410, 410, 410]);
    place.run_is(&run, "succeeded");
    assert!(server.end().success());
}

#[test]
fn attack_a_link_whose_need_was_settled_meanwhile_says_how() {
    let mailbox = Mailbox::start();
    let place = told_by_mail(&mailbox);
    let server = place.start();
    settle_in(&place);
    invoices(&place);
    let run = hand_over(&place, "one.pdf");
    let approve = link(&mails(&mailbox, 1)[0], "approve");
    let id = need(&place)["id"].as_str().unwrap().to_owned();
    let answered = place.post(&format!("/v1/needs/{id}/answer"), &json!({ "choice": "refuse" }));
    assert!(answered.is_success(), "{}", answered.body);
    let (page, _) = ask(&place, "GET", &approve, &[]);
    assert!(page.status == 409 && page.body.contains("answered with refuse"), "{}", page.body);
    assert_eq!(press(&place, &approve).status, 409);
    place.run_is(&run, "succeeded");
    assert!(!is_sent(&place, "one.pdf"), "a no stays a no");

    // The run that asked is gone: there is nothing left to say yes to.
    let run = hand_over(&place, "two.pdf");
    let approve = link(&mails(&mailbox, 2)[1], "approve");
    assert!(place.post(&format!("/v1/runs/{run}/stop"), &json!({})).is_success());
    assert_eq!(press(&place, &approve).status, 409);
    assert!(!is_sent(&place, "two.pdf"));
    assert!(server.end().success());
}

#[test]
fn attack_who_may_only_look_or_only_work_answers_nothing() {
    let mailbox = Mailbox::start();
    let place = told_by_mail(&mailbox).with("STEWARD_METRICS__TOKEN", "a-token-that-opens-figures-only");
    let server = place.start();
    settle_in(&place);
    invoices(&place);
    let waiting = hand_over(&place, "one.pdf");
    let id = need(&place)["id"].as_str().unwrap().to_owned();
    let made = run(&place.home, &["engines", "token", "create", "worker", "--json"]);
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    let engine = format!("Bearer {}", made["secret"].as_str().unwrap());
    let json = ("content-type", "application/json");
    for path in [
        format!("/v1/needs/{id}/answer"),
        format!("/v1/needs/{id}/snooze"),
        format!("/v1/needs/{id}/unsnooze"),
        "/v1/needs/answers".to_owned(),
        "/v1/notifications/test".to_owned(),
    ] {
        for (status, authorization) in
            [(401, "Bearer a-token-that-opens-figures-only"), (401, "Bearer x"), (403, engine.as_str())]
        {
            let answer = ask(&place, "POST", &path, &[json, ("authorization", authorization)]).0;
            assert_eq!(answer.status, status, "{path} with {authorization}: {}", answer.body);
        }
        assert_eq!(ask(&place, "POST", &path, &[json]).0.status, 401, "{path}");
    }
    assert_eq!(need(&place)["status"], "open");
    assert_eq!(place.get(&format!("/v1/runs/{waiting}"))["run"]["phase"], "waiting");
    let owner = Client::new(place.home.port(), &place.home.data());
    let answer = owner.post(&format!("/v1/needs/{id}/answer"), &json!({ "choice": "refuse" })).unwrap();
    assert!(answer.is_success(), "{}", answer.body);
    assert!(server.end().success());
}

#[test]
fn a_question_is_answered_by_the_link_of_an_option_and_the_others_are_dead_then() {
    let mailbox = Mailbox::start();
    let place = told_by_mail(&mailbox);
    let server = place.start();
    settle_in(&place);
    let hostile = "<b>Savings</b>";
    let script = format!("return await steward.ask('Which account pays?', ['Giro', '{hostile}']);");
    place.import_script("payments", &script);
    let run = place.run("payments", &json!({}));
    let mail = mails(&mailbox, 1).remove(0);
    let (giro, savings) = (link(&mail, "Giro"), link(&mail, hostile));
    let (page, _) = ask(&place, "GET", &savings, &[]);
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("&lt;b&gt;Savings&lt;/b&gt;</button>") && !page.body.contains(hostile), "{}", page.body);
    assert!(mail.text.contains("dismiss|stop") && !mail.text.contains("dismiss: http"), "{}", mail.text);
    let pressed = press(&place, &savings);
    assert_eq!(pressed.status, 200, "{}", pressed.body);
    assert_eq!(place.run_is(&run, "succeeded")["result"], hostile);
    assert_eq!(press(&place, &giro).status, 409, "what was decided stands");
    assert!(server.end().success());
}
