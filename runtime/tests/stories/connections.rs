//! Accounts: whose credential goes where, and who waits when it is refused.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::place::{Place, SOON};
use crate::recorder::{Came, Recorder};
use crate::support::wait::until;

const TOKEN: &str = "tok_0123456789";

/// Answers who has the token, and says back what it was sent.
fn books() -> Recorder {
    Recorder::answering(|came: &Came| {
        let sent = came.header("authorization").unwrap_or_default();
        let known = sent == format!("bearer {TOKEN}");
        (if known { 200 } else { 401 }, json!({ "you_sent": sent }).to_string())
    })
}

fn contract(address: SocketAddr) -> Value {
    let url = json!({ "/url": { "prefix": format!("http://{address}/") } });
    json!({
        "title": "Books",
        "goal": "Read what is unpaid, and mark it.",
        "triggers": [{ "manual": true }],
        "capabilities": [
            { "tool": "http.get", "connection": "conn_books", "where": url },
            { "tool": "http.request", "connection": "conn_books", "where": url }
        ],
        "once": [{ "tool": "http.request", "per": ["invoice"] }]
    })
}

fn script(address: SocketAddr) -> String {
    format!(
        "export default async function run({{ input, tools }}) {{\n\
         const read = await tools.http.get({{ url: 'http://{address}/invoices' }});\n\
         await tools.http.request({{ method: 'POST', url: 'http://{address}/marks' }}, {{ key: {{ invoice: input.invoice }} }});\n\
         return read.json;\n}}\n"
    )
}

fn place(service: &Recorder) -> Place {
    Place::new().with("STEWARD_EGRESS__ALLOW_PRIVATE", &service.address().to_string())
}

fn connect(place: &Place, secret: &str) {
    let put = place.client.put("/v1/secrets/conn_books", &json!({ "value": secret })).expect("the server answers");
    assert!(put.is_success(), "{}", put.body);
}

#[test]
fn what_goes_through_an_account_carries_its_credential_and_scripts_never_see_it() {
    let service = books();
    let place = place(&service);
    let _server = place.start();
    let body = json!({
        "name": "books", "contract": contract(service.address()), "script": script(service.address()), "confirm": true
    });
    let refused = place.post("/v1/automations", &body);
    assert_eq!((refused.status, refused.json()["code"].as_str()), (422, Some("SECRET_MISSING")), "{}", refused.body);
    connect(&place, TOKEN);
    place.import("books", &contract(service.address()), &script(service.address()), &[]);
    let run = place.run("books", &json!({ "invoice": "A-17" }));
    let detail = place.run_is(&run, "succeeded");
    let calls = place.get(&format!("/v1/runs/{run}/calls"));
    assert!(!format!("{detail}{calls}").contains(TOKEN), "{detail} {calls}");
    assert_eq!(service.came().len(), 2);
}

#[test]
fn all_who_use_an_account_wait_for_the_one_answer() {
    let service = books();
    let place = place(&service);
    let _server = place.start();
    connect(&place, "tok_that_was_revoked");
    let names = ["books", "other-books"];
    for name in names {
        place.import(name, &contract(service.address()), &script(service.address()), &[]);
    }
    let runs: Vec<_> = names.iter().map(|name| place.run(name, &json!({ "invoice": *name }))).collect();
    for run in &runs {
        place.run_is(run, "waiting");
    }
    let need = place.need("HTTP_AUTH");
    let open = place.get("/v1/needs");
    assert_eq!(open["items"].as_array().map(Vec::len), Some(1), "{open}");
    assert_eq!(need["title"], "The account conn_books is refused; connect it again");
    connect(&place, TOKEN);
    let id = need["id"].as_str().unwrap();
    let answered = place.post(&format!("/v1/needs/{id}/answer"), &json!({ "choice": "continue" }));
    assert!(answered.is_success(), "{}", answered.body);
    for run in &runs {
        place.run_is(run, "succeeded");
    }
    let marks = service.came().iter().filter(|came| came.head.starts_with("post")).count();
    assert_eq!(marks, 2);
    until("nothing is asked any more", SOON, || {
        place.get("/v1/needs")["items"].as_array().is_some_and(Vec::is_empty).then_some(())
    });
}
