//! What becomes of a repair that is live: kept, taken back by itself, undone by a person, confirmed with its differences;
//! and a server that is killed at any time in between.

use std::time::Duration;

use serde_json::{Value, json};

use crate::books::{Books, allow, model};
use crate::support::mailbox::Mailbox;
use crate::support::place::{Place, SOON};
use crate::support::wait::until;

/// A place in which an automation works, and its service is about to change.
struct Shop {
    place: Place,
    post: Mailbox,
    books: Books,
}

impl Shop {
    fn open(fixture: &str, name: &str) -> Self {
        let post = Mailbox::start();
        let place = Place::new().mailing_through(post.port());
        Self { books: Books::open("", fixture, name), place, post }
    }

    /// Brings the automation in and lets it learn; the server must run.
    fn begin(&self) {
        allow(&self.place, &[&self.books]);
        self.books.delegate(&self.place);
        self.books.run_before(&self.place);
    }

    fn name(&self) -> &str {
        &self.books.name
    }

    fn repair(&self) -> Option<Value> {
        let name = self.name();
        self.place.get(&format!("/v1/repairs?automation={name}"))["items"].as_array().unwrap().first().cloned()
    }

    fn repair_is(&self, state: &str) -> Value {
        until(&format!("the repair is {state}"), SOON, || self.repair().filter(|repair| repair["state"] == state))
    }

    fn mails(&self, who: &str) -> usize {
        self.post.subjects_to(&format!("{who}@{}.example", self.name())).len()
    }

    fn run(&self, phase: &str) -> String {
        let run = self.place.run(self.name(), &json!({}));
        self.place.run_is(&run, phase);
        run
    }

    fn version(&self) -> String {
        let detail = self.place.get(&format!("/v1/automations/{}", self.name()));
        let found = [&detail["script_version"], &detail["automation"]["script_version"], &detail["script"]["version"]];
        found.iter().find_map(|version| version.as_str()).unwrap_or_else(|| panic!("{detail:#}")).to_owned()
    }
}

#[test]
fn a_repair_that_holds_is_kept_and_one_line_tells_of_it() {
    let shop = Shop::open("renamed", "kept");
    let _server = shop.place.start();
    shop.begin();
    model(&shop.place, &shop.books.answers());
    shop.books.change();
    shop.run("failed");
    let repair = shop.repair_is("watching");
    shop.place.run_is(repair["runs"][0]["resumed"].as_str().unwrap(), "succeeded");
    shop.run("succeeded");
    shop.run("succeeded");
    let repair = shop.repair_is("kept");
    let notices = shop.place.get("/v1/notices")["items"].as_array().unwrap().clone();
    let line = notices.iter().find(|notice| notice["title"].as_str().unwrap().contains("repaired as version 1.1"));
    let text = line.unwrap_or_else(|| panic!("{notices:#?}"))["text"].as_str().unwrap();
    for part in
        ["What broke: ", "What changed: an adapter", "Proof: proven", "Cost: 0.0", "Undo: `steward repairs undo rep_"]
    {
        assert!(text.contains(part), "`{part}` is not in `{text}`");
    }
    assert_eq!((shop.mails("ann"), shop.mails("cleo")), (1, 1));
    // A person takes it back: the script before it fails again, and that is not repaired at once.
    let undone = shop.place.post(&format!("/v1/repairs/{}/undo", repair["id"].as_str().unwrap()), &json!({}));
    assert_eq!((undone.status, undone.json()["state"].as_str()), (200, Some("undone")), "{}", undone.body);
    let twice = shop.place.post(&format!("/v1/repairs/{}/undo", repair["id"].as_str().unwrap()), &json!({}));
    assert_eq!(twice.code(), "REPAIR_NOT_LIVE", "{}", twice.body);
    shop.run("failed");
    let need = shop.place.need("ANSWER_DRIFT");
    assert!(need["evidence"]["not_repaired"].as_str().unwrap().contains("was taken back by you"), "{need:#}");
}

#[test]
fn a_repair_under_which_a_run_fails_is_taken_back_by_itself() {
    let shop = Shop::open("renamed", "regression");
    let _server = shop.place.start();
    shop.begin();
    model(&shop.place, &shop.books.answers());
    shop.books.change();
    shop.run("failed");
    let repair = shop.repair_is("watching");
    shop.place.run_is(repair["runs"][0]["resumed"].as_str().unwrap(), "succeeded");
    // The service changes once more, in a way that the adapter does not know.
    let moved = Books::open("", "envelope", shop.name());
    shop.books.say(&moved.fixture["service"]);
    shop.run("failed");
    let repair = shop.repair_is("rolled_back");
    assert_eq!(repair["can_undo"], false, "{repair:#}");
    let need = shop.place.need("ADAPTER_UNFIT");
    assert!(need["evidence"]["not_repaired"].as_str().unwrap().contains("was taken back"), "{need:#}");
    assert_eq!(shop.version(), "1.0");
}

#[test]
fn a_repair_that_does_something_else_than_before_waits_for_a_yes() {
    for (yes, name) in [(true, "confirmed"), (false, "declined")] {
        let shop = Shop::open("renamed", name);
        let _server = shop.place.start();
        shop.begin();
        let early = Books::open("wrong", "sends-early", name);
        let mut answer = early.answers()[0].clone();
        answer["tool_calls"][0]["arguments"]["accept_differences"] = json!("Every invoice is to be reminded of.");
        // The addresses of both services stand in the script that the model proposes.
        let answer: Value =
            serde_json::from_str(&answer.to_string().replace(&early.address(), &shop.books.address())).unwrap();
        let gives_up = early.answers()[1].clone();
        model(&shop.place, &[answer, gives_up]);
        shop.books.change();
        shop.run("failed");
        let repair = shop.repair_is("confirming");
        assert_eq!(shop.version(), "1.0", "nothing is live before the person says so");
        let need = shop.place.get(&format!("/v1/needs/{}", repair["need"].as_str().unwrap()));
        assert_eq!(need["kind"], "confirm", "{need:#}");
        assert!(need["evidence"]["differences"].to_string().contains("done in addition: email.send"), "{need:#}");
        let path = format!("/v1/needs/{}/answer", need["id"].as_str().unwrap());
        let choice = if yes { "approve" } else { "refuse" };
        assert!(shop.place.post(&path, &json!({ "choice": choice })).is_success());
        let again = shop.place.post(&path, &json!({ "choice": "approve" }));
        assert_eq!(again.code(), "NEED_ANSWERED", "{}", again.body);
        if yes {
            let repair = shop.repair_is("watching");
            shop.place.run_is(repair["runs"][0]["resumed"].as_str().unwrap(), "succeeded");
            assert_eq!((shop.version().as_str(), shop.mails("fay")), ("1.1", 1));
        } else {
            shop.repair_is("given_up");
            assert_eq!((shop.version().as_str(), shop.mails("fay"), shop.mails("cleo")), ("1.0", 0, 0));
        }
    }
}

/// Kills the server so long after the failing run was started, and sees that there is one outcome.
fn survives(wait: Duration, name: &str) {
    let shop = Shop::open("renamed", name);
    let server = shop.place.start();
    shop.begin();
    let mut look = json!({
        "tool_calls": [{ "name": "explore", "arguments": { "js": format!("return (await tools.http.get({{ url: \"http://{}/api/invoices?page=1\" }})).json;", shop.books.address()) } }],
        "usage": { "prompt_tokens": 4_000, "completion_tokens": 100 }
    });
    look["when"] = json!({ "last_contains": "failed. Repair its script" });
    let mut propose = shop.books.answers()[0].clone();
    propose["when"] = json!({ "last_contains": "\"returned\"" });
    model(&shop.place, &[look, propose]);
    shop.books.change();
    shop.place.run(shop.name(), &json!({}));
    std::thread::sleep(wait);
    server.kill();
    let _server = shop.place.start();
    let repair = until("the repair is live", SOON, || {
        shop.repair().filter(|repair| ["watching", "kept"].contains(&repair["state"].as_str().unwrap()))
    });
    assert_eq!(repair["new_version"], "1.1", "after {wait:?}: {repair:#}");
    let resumed =
        repair["runs"][0]["resumed"].as_str().unwrap_or_else(|| panic!("after {wait:?}: {repair:#}")).to_owned();
    shop.place.run_is(&resumed, "succeeded");
    let told = format!("after {wait:?}: {repair:#}");
    assert_eq!((shop.mails("ann"), shop.mails("ben"), shop.mails("cleo"), shop.mails("fay")), (1, 1, 1, 0), "{told}");
    let runs = shop.place.get(&format!("/v1/runs?automation={}&limit=100", shop.name()));
    assert_eq!(runs["items"].as_array().unwrap().len(), 5 + 2, "the run that failed, and the one that went on: {told}");
    let notices = shop.place.get("/v1/notices")["items"].as_array().unwrap().clone();
    let lines =
        notices.iter().filter(|notice| notice["title"].as_str().unwrap().contains("repaired as version")).count();
    assert_eq!(lines, 1, "{told}");
    assert_eq!(shop.place.get("/v1/needs")["open"], 0, "{told}");
}

#[test]
fn a_server_that_is_killed_at_any_time_of_a_repair_comes_to_the_one_outcome() {
    for (index, wait_ms) in [0u64, 20, 40, 70, 100, 150, 200, 300, 450, 700, 1000, 1500, 2200].into_iter().enumerate() {
        survives(Duration::from_millis(wait_ms), &format!("killed-{index}"));
    }
}
