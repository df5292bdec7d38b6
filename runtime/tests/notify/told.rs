//! A need becomes a mail, the mail a link, the link an answer, and the run goes on.

use serde_json::json;

use crate::mailbox::Mailbox;
use crate::phone::{ANN, ask, hand_over, invoices, is_sent, link, mails, need, press, settle_in, told_by_mail};
use crate::place::SOON;
use crate::support::server::run;
use crate::support::wait::until;

#[test]
fn a_link_in_a_mail_lets_the_run_go_on() {
    let mailbox = Mailbox::start();
    let place = told_by_mail(&mailbox);
    let server = place.start();
    settle_in(&place);
    invoices(&place);
    let run = hand_over(&place, "one.pdf");
    let mail = mails(&mailbox, 1).remove(0);
    assert_eq!(mail.to, [ANN]);
    assert!(mail.subject.starts_with("Steward: ") && mail.text.contains("one.pdf"), "{mail:?}");
    assert!(mail.text.contains("becomes `refuse` on"), "{}", mail.text);

    // A program looks through the mail and follows each link, more than once.
    let (approve, refuse) = (link(&mail, "approve"), link(&mail, "refuse"));
    for path in [&approve, &refuse, &approve] {
        let (page, head) = ask(&place, "GET", path, &[]);
        assert_eq!(page.status, 200, "{}", page.body);
        for header in ["default-src 'none'", "style-src 'nonce-", "form-action 'self'", "referrer-policy: same-origin"]
        {
            assert!(head.contains(header), "{header} is not in {head}");
        }
        assert!(page.body.matches("<button").count() == 1 && page.body.contains("one.pdf"), "{}", page.body);
        for outside in ["src=", "href=", "<script", "url("] {
            assert!(!page.body.contains(outside), "the page has {outside}");
        }
        assert!(page.body.contains("prefers-color-scheme:dark") && page.body.contains("width=device-width"));
    }
    assert_eq!(place.get(&format!("/v1/runs/{run}"))["run"]["phase"], "waiting");
    assert!(!is_sent(&place, "one.pdf"), "to look is not to answer");

    let answered = press(&place, &approve);
    assert!(answered.status == 200 && answered.body.contains("Answered: Approve"), "{}", answered.body);
    place.run_is(&run, "succeeded");
    assert!(is_sent(&place, "one.pdf"));
    let needs = place.get("/v1/needs?status=answered");
    assert!(needs["items"][0]["answered_by"].as_str().unwrap().starts_with("link:link_"), "{needs}");

    // Once is once, and the other link of the same question answers nothing any more.
    assert_eq!(press(&place, &approve).status, 410);
    assert_eq!(ask(&place, "GET", &approve, &[]).0.status, 410);
    assert_eq!(press(&place, &refuse).status, 409);
    assert_eq!(mailbox.accepted().len(), 1);
    assert!(server.end().success());
}

#[test]
fn a_server_that_is_killed_tells_nothing_twice() {
    let mailbox = Mailbox::start();
    let place = told_by_mail(&mailbox);
    let server = place.start();
    settle_in(&place);
    invoices(&place);
    hand_over(&place, "one.pdf");
    let first = mails(&mailbox, 1).remove(0);
    server.kill();
    let server = place.start();
    // The runs of one automation go in turn, so the second comes when the first has its answer.
    assert_eq!(press(&place, &link(&first, "approve")).status, 200, "a link outlives the server");
    let second = hand_over(&place, "two.pdf");
    let mails = mails(&mailbox, 2);
    assert!(mails[1].text.contains("two.pdf") && !mails[1].text.contains("one.pdf"), "{mails:?}");
    assert_eq!(press(&place, &link(&mails[1], "refuse")).status, 200);
    assert_eq!(place.run_is(&second, "succeeded")["result"], json!({ "code": "not_approved" }));
    assert!(is_sent(&place, "one.pdf") && !is_sent(&place, "two.pdf"));
    assert_eq!(mailbox.accepted().len(), 2);
    assert!(server.end().success());
}

#[test]
fn a_mail_that_may_have_arrived_is_not_sent_again() {
    let mailbox = Mailbox::start();
    mailbox.loses_the_answer_to(ANN);
    let place = told_by_mail(&mailbox);
    let server = place.start();
    settle_in(&place);
    invoices(&place);
    let run = hand_over(&place, "one.pdf");
    until("the doubt is told", SOON, || {
        let page = place.get("/v1/notifications");
        let last = &page["items"][0];
        (last["state"] == "uncertain" && last["code"] == "MAIL_UNCERTAIN").then_some(())
    });
    assert!(place.get("/v1/notifications")["channels"][0]["failing"].is_string());
    // It did arrive, and its links work.
    let mail = mails(&mailbox, 1).remove(0);
    assert_eq!(press(&place, &link(&mail, "approve")).status, 200);
    place.run_is(&run, "succeeded");
    assert_eq!(mailbox.accepted().len(), 1);
    assert!(server.end().success());
}

#[test]
fn a_mailbox_that_refuses_is_one_need_and_the_doctor_says_it() {
    let mailbox = Mailbox::start();
    mailbox.refuses(ANN);
    let place = told_by_mail(&mailbox);
    let server = place.start();
    settle_in(&place);
    invoices(&place);
    hand_over(&place, "one.pdf");
    let needs = until("the failing way is asked about", SOON, || {
        let needs = place.get("/v1/needs")["items"].as_array().cloned()?;
        needs.iter().any(|need| need["kind"] == "trigger").then_some(needs)
    });
    assert_eq!(needs.len(), 2, "{needs:?}");
    assert_eq!(needs[0]["kind"], "approve", "what matters most comes first");
    assert_eq!(needs[1]["evidence"]["code"], "MAIL_REFUSED");
    let doctor = run(&place.home, &["doctor"]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(said.contains("notifications by mail"), "{said}");
    let test = run(&place.home, &["notifications", "test"]);
    let said = String::from_utf8_lossy(&test.stdout).into_owned();
    assert!(!test.status.success() && said.contains("mail: failed: the mail server answered 550"), "{said}");
    // Another mailbox is put in its place.
    place.set("notifications.mail_to", &json!("bob@example.com"));
    let test = run(&place.home, &["notifications", "test"]);
    assert!(test.status.success(), "{test:?}");
    assert_eq!(mailbox.subjects_to("bob@example.com"), ["Steward: a test"]);
    let listed = run(&place.home, &["notifications", "list"]);
    let said = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(said.contains("mail to bob@example.com: works"), "{said}");
    assert_eq!(need(&place)["kind"], "approve");
    assert!(server.end().success());
}
