//! A person's yes over the whole way: a real file, a real server, a script in its jail.

use std::path::Path;

use serde_json::{Value, json};

use crate::place::{Place, SOON};
use crate::support::wait::until;

fn contract() -> Value {
    json!({
        "title": "Invoices",
        "goal": "Hand invoices over, once somebody has looked at them.",
        "triggers": [{ "manual": true }],
        "capabilities": [{ "tool": "files.move", "where": { "/folder": { "equals": "ready" }, "/to_folder": { "equals": "sent" } } }],
        "approvals": [{ "tool": "files.move" }]
    })
}

const SCRIPT: &str = "export default async function run({ input, tools }) {
  const to = input.to ?? 'invoice.pdf';
  try {
    return await tools.files.move({ folder: 'ready', from: 'invoice.pdf', to_folder: 'sent', to });
  } catch (error) {
    return { code: error.code, because: error.data.because };
  }
}
";

struct Story<'a> {
    place: &'a Place,
    ready: std::path::PathBuf,
    sent: std::path::PathBuf,
}

impl<'a> Story<'a> {
    fn new(place: &'a Place) -> Self {
        let mut paths = place.import("invoices", &contract(), SCRIPT, &["ready", "sent"]);
        let (ready, sent) = (paths.remove("ready").unwrap(), paths.remove("sent").unwrap());
        std::fs::write(ready.join("invoice.pdf"), "what was shown").unwrap();
        Self { place, ready, sent }
    }

    /// The question that a run waits for.
    fn asked(&self, run: &str) -> Value {
        until("the run asks", SOON, || {
            let approvals = self.place.get(&format!("/v1/approvals?run={run}&status=pending"));
            approvals["items"].as_array().and_then(|items| items.first()).cloned()
        })
    }

    fn approve(&self, approval: &Value) {
        let id = approval["id"].as_str().unwrap();
        let answered = self.place.post(&format!("/v1/approvals/{id}/decide"), &json!({ "answer": "approve" }));
        assert!(answered.is_success(), "{}", answered.body);
    }

    fn status(&self, approval: &Value) -> Value {
        let id = approval["id"].as_str().unwrap();
        self.place.get(&format!("/v1/approvals/{id}"))["status"].clone()
    }

    /// Nothing has left the folder.
    fn nothing_is_sent(&self) {
        assert!(is_empty(&self.sent), "something was handed over that nobody has looked at");
        assert!(self.ready.join("invoice.pdf").exists());
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn attack_the_file_is_swapped_after_the_yes() {
    let place = Place::new();
    let server = place.start();
    let story = Story::new(&place);
    let run = story.place.run("invoices", &json!({}));
    let approval = story.asked(&run);
    assert!(approval["asked"]["files"][0]["digest"].is_string(), "{approval}");

    // Swapped between the question and the answer: the yes is for what was shown.
    std::fs::write(story.ready.join("invoice.pdf"), "another invoice, to mallory").unwrap();
    story.approve(&approval);
    let again = until("the run asks again", SOON, || {
        let again = story.asked(&run);
        (again["id"] != approval["id"]).then_some(again)
    });
    assert_eq!(again["asked_again_for"], json!(["the content of a file"]), "{again}");
    assert_ne!(again["asked"]["files"], approval["asked"]["files"]);
    assert_eq!(story.status(&approval), json!("void"));
    story.nothing_is_sent();

    // What the person has seen now is what is handed over.
    story.approve(&again);
    story.place.run_is(&run, "succeeded");
    assert_eq!(std::fs::read_to_string(story.sent.join("invoice.pdf")).unwrap(), "another invoice, to mallory");
    assert_eq!(story.status(&again), json!("used"));
    assert!(server.end().success());
}

#[test]
fn attack_the_file_is_swapped_while_the_server_is_away() {
    let place = Place::new();
    let server = place.start();
    let story = Story::new(&place);
    let run = story.place.run("invoices", &json!({}));
    let approval = story.asked(&run);
    assert!(story.place.post("/v1/automations/invoices/pause", &json!({})).is_success());
    story.approve(&approval);
    server.kill();
    std::fs::write(story.ready.join("invoice.pdf"), "another").unwrap();
    let server = place.start();
    assert!(story.place.post("/v1/automations/invoices/resume", &json!({})).is_success());
    let again = story.asked(&run);
    assert_eq!(again["asked_again_for"], json!(["the content of a file"]), "{again}");
    story.nothing_is_sent();
    assert!(server.end().success());
}

#[test]
fn attack_approved_in_version_1_and_run_in_version_2() {
    let place = Place::new();
    let server = place.start();
    let story = Story::new(&place);
    let run = story.place.run("invoices", &json!({}));
    let approval = story.asked(&run);
    assert!(story.place.post("/v1/automations/invoices/pause", &json!({})).is_success());
    story.approve(&approval);
    // A version that does just the same, and was not there when the person looked.
    let body = json!({
        "name": "invoices", "contract": contract(), "script": format!("// Version 2.\n{SCRIPT}"), "confirm": true,
    });
    let imported = story.place.post("/v1/automations", &body);
    assert!(imported.is_success(), "{}", imported.body);
    assert!(story.place.post(&format!("/v1/runs/{run}/stop"), &json!({})).is_success());
    story.place.post("/v1/automations/invoices/resume", &json!({}));
    let second = story.place.run("invoices", &json!({}));
    let again = story.asked(&second);
    assert_ne!(again["id"], approval["id"]);
    assert_eq!(story.status(&approval), json!("void"));
    story.nothing_is_sent();
    assert!(server.end().success());
}

#[test]
fn a_no_is_an_answer_and_two_answers_are_one() {
    let place = Place::new();
    let server = place.start();
    let story = Story::new(&place);
    let run = story.place.run("invoices", &json!({}));
    let approval = story.asked(&run);
    let id = approval["id"].as_str().unwrap();
    let decide = |answer: &str| story.place.post(&format!("/v1/approvals/{id}/decide"), &json!({ "answer": answer }));
    assert!(decide("refuse").is_success());
    let late = decide("approve");
    assert_eq!((late.status, late.json()["code"].clone()), (409, json!("APPROVAL_DECIDED")), "{}", late.body);
    let detail = story.place.run_is(&run, "succeeded");
    assert_eq!(detail["result"], json!({ "code": "not_approved", "because": "refused" }), "{detail}");
    story.nothing_is_sent();
    assert!(server.end().success());
}
