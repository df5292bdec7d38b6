//! Remind clients of unpaid invoices: nobody twice, nobody who has paid, and nothing large without a yes.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::calendar::Noon;
use crate::conversation::{Conversation, Names};
use crate::delegated::delegate;
use crate::support::mailbox::Mailbox;
use crate::support::place::{Place, SOON};
use crate::support::recorder::Recorder;
use crate::support::wait::{now, until};

/// What the clause about fresh rows says.
const FRESH_FOR: Duration = Duration::from_secs(5);
/// Invoices on one page.
const PAGE: usize = 4;

/// The books of the person, as a service.
struct Books {
    service: Recorder,
    state: Arc<Mutex<State>>,
}

struct State {
    unpaid: Vec<Value>,
    /// Whether the second page answers with an error the next time.
    stumbles: bool,
    read_at: Instant,
}

impl Books {
    fn keep(unpaid: Vec<Value>) -> Self {
        let state = Arc::new(Mutex::new(State { unpaid, stumbles: false, read_at: now() }));
        let shared = Arc::clone(&state);
        let service = Recorder::answering(move |came| {
            let mut state = shared.lock().unwrap();
            state.read_at = now();
            let page: usize = came.target().rsplit('=').next().and_then(|page| page.parse().ok()).unwrap_or(1);
            if page == 2 && std::mem::take(&mut state.stumbles) {
                return (500, "{}".to_owned());
            }
            let pages = state.unpaid.len().div_ceil(PAGE);
            let items: Vec<_> = state.unpaid.iter().skip((page - 1) * PAGE).take(PAGE).collect();
            (200, json!({ "items": items, "page": page, "pages": pages }).to_string())
        });
        Self { service, state }
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Value>)) {
        change(&mut self.state.lock().unwrap().unpaid);
    }

    fn is_paid(&self, id: &str) {
        self.change(|unpaid| unpaid.retain(|invoice| invoice["id"] != id));
    }

    fn read_ago(&self) -> Duration {
        self.state.lock().unwrap().read_at.elapsed()
    }
}

fn invoice(noon: &Noon, id: &str, client: &str, amount: f64, days_late: i64) -> Value {
    json!({
        "id": id, "number": format!("INV-{id}"), "status": "unpaid", "amount_due": amount, "currency": "EUR",
        "client": { "name": client, "email": format!("{client}@clients.example") },
        "due": noon.day(-days_late).to_string()
    })
}

fn are_delegated(place: &Place, books: &Books, noon: &Noon) {
    let address = books.service.address();
    place.set("egress.allow_private", &json!([address.to_string()]));
    let names = Names::default().with("books", address).with("host", address.ip()).with("zone", &noon.zone);
    let card = delegate(place, &Conversation::read("payment-reminders", &names));
    card.is_sound(&[
        "May send mail only to what inv says at `/client/email`",
        "One mail per invoice and stage, ever.",
        "At most 1 mail per recipient in 3 days; further ones are skipped.",
        "You are asked before each mail where `inv:/amount_due` is more than 5000.",
        "No mails from 18:00 to 08:00",
    ]);
    card.confirm();
}

fn approvals(place: &Place, run: &str) -> Vec<Value> {
    let pending = place.get(&format!("/v1/approvals?run={run}&status=pending"));
    pending["items"].as_array().cloned().unwrap_or_default()
}

#[test]
fn each_stage_is_mailed_once_and_only_to_those_who_still_owe() {
    let noon = Noon::now();
    let books = Books::keep(vec![
        invoice(&noon, "A-101", "ann", 120.5, 8),
        invoice(&noon, "A-102", "ann", 80.0, 9),
        invoice(&noon, "C-301", "cleo", 7800.0, 31),
    ]);
    let post = Mailbox::start();
    let place = Place::new().mailing_through(post.port());
    let server = place.start();
    are_delegated(&place, &books, &noon);
    let more = [
        // The server was off on the fourteenth day.
        invoice(&noon, "B-201", "ben", 310.0, 16),
        invoice(&noon, "D-401", "dan", 6200.0, 10),
        invoice(&noon, "E-501", "eve", 60.0, 3),
        invoice(&noon, "F-601", "fay", 200.0, 90),
        invoice(&noon, "G-701", "gus", 99.9, 14),
        invoice(&noon, "H-801", "hal", 40.0, 7),
    ];
    books.change(|unpaid| unpaid.extend(more));

    // A page stumbles, the answer to one mail is lost, and one address is none.
    books.state.lock().unwrap().stumbles = true;
    post.loses_the_answer_to("ben@clients.example");
    post.refuses("hal@clients.example");
    let run = place.run("payment-reminders", &json!({}));
    let need = place.need("MAIL_UNCERTAIN");
    assert_eq!(post.subjects_to("ben@clients.example"), ["Invoice INV-B-201: our second reminder"]);
    let answered =
        place.post(&format!("/v1/needs/{}/answer", need["id"].as_str().unwrap()), &json!({ "choice": "it_happened" }));
    assert!(answered.is_success(), "{}", answered.body);

    // The large ones wait for a yes; one of them is paid meanwhile.
    let asked = until("both large ones ask", SOON, || Some(approvals(&place, &run)).filter(|all| all.len() == 2));
    books.is_paid("D-401");
    until("what was read is old", SOON, || (books.read_ago() > FRESH_FOR).then_some(()));
    for approval in asked {
        let id = approval["id"].as_str().unwrap();
        let decided = place.post(&format!("/v1/approvals/{id}/decide"), &json!({ "answer": "approve" }));
        assert!(decided.is_success(), "{}", decided.body);
    }
    place.run_is(&run, "succeeded");
    let sent = || {
        let mut sent: Vec<_> = post.accepted().into_iter().map(|mail| (mail.to.join(","), mail.subject)).collect();
        sent.sort();
        sent
    };
    let of = |client: &str, subject: &str| (format!("{client}@clients.example"), subject.to_owned());
    let expected = vec![
        of("ann", "Invoice INV-A-102: a friendly reminder"),
        of("ben", "Invoice INV-B-201: our second reminder"),
        of("cleo", "Invoice INV-C-301: our last reminder"),
        of("gus", "Invoice INV-G-701: our second reminder"),
    ];
    assert_eq!(sent(), expected);
    let notices = place.get("/v1/notices");
    let told = notices["items"][0]["text"].as_str().unwrap();
    assert!(told.contains("INV-F-601 is 90 days late") && told.contains("INV-H-801"), "{told}");

    // The next run has nothing new to say to anybody.
    let again = place.run("payment-reminders", &json!({}));
    place.run_is(&again, "succeeded");
    assert_eq!(sent(), expected, "nobody gets a mail twice");

    // The service renames a field: nobody is mailed, and the person is told what is missing.
    books.change(|unpaid| {
        for invoice in unpaid {
            let amount = invoice.as_object_mut().unwrap().remove("amount_due").unwrap();
            invoice["amount_outstanding"] = amount;
        }
    });
    let drifted = place.run("payment-reminders", &json!({}));
    let failed = place.run_is(&drifted, "failed");
    assert!(failed["failure"]["message"].as_str().unwrap().contains("amount_due"), "{failed}");
    assert_eq!(sent(), expected);
    assert!(server.end().success());
}

#[test]
fn a_crash_in_the_middle_mails_nobody_twice_and_forgets_nobody() {
    const CLIENTS: usize = 30;
    let noon = Noon::now();
    let books = Books::keep(vec![invoice(&noon, "A-101", "ann", 120.5, 8)]);
    let post = Mailbox::start();
    let place = Place::new().mailing_through(post.port());
    let server = place.start();
    are_delegated(&place, &books, &noon);
    let id = |client: usize| format!("X-{client:03}");
    let more = (0..CLIENTS).map(|client| invoice(&noon, &id(client), &format!("client{client}"), 50.0, 8));
    books.change(|unpaid| *unpaid = more.collect());

    let run = place.run("payment-reminders", &json!({}));
    until("some mails have left", SOON, || (post.accepted().len() >= CLIENTS / 3).then_some(()));
    server.kill();
    let server = place.start();
    let mails_about = |client: usize| post.accepted().iter().filter(|mail| mail.subject.contains(&id(client))).count();
    until("the run comes to its end", SOON, || {
        // The one that was on its way when the server died is asked about, and the person has looked.
        for need in place.get("/v1/needs")["items"].as_array().unwrap() {
            assert_eq!(need["kind"], "settle", "{need}");
            let key = need["evidence"]["key"].as_str().unwrap();
            let client = (0..CLIENTS).find(|client| key.contains(&id(*client))).unwrap();
            let choice = if mails_about(client) > 0 { "it_happened" } else { "it_did_not" };
            place.post(&format!("/v1/needs/{}/answer", need["id"].as_str().unwrap()), &json!({ "choice": choice }));
        }
        (place.get(&format!("/v1/runs/{run}"))["run"]["phase"] == "succeeded").then_some(())
    });
    let mails: Vec<_> = (0..CLIENTS).map(mails_about).collect();
    assert_eq!(mails, [1; CLIENTS]);
    assert!(server.end().success());
}
