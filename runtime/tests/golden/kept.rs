//! A person keeps a run that went well.

use serde_json::json;

use crate::house::{Books, good_run, steward};
use crate::place::{Place, SOON};
use crate::support::wait::until;

#[test]
fn a_kept_run_is_verified_until_the_script_does_something_else() {
    let books = Books::open();
    let place = books.place();
    let server = place.start();
    books.import(&place, "reminders", "Dear");
    let run = good_run(&place, "reminders");

    let (code, said) = steward(&place, &["golden", "keep", &run]);
    assert_eq!(code, 0, "{said}");
    // Kept again, it is the same.
    assert_eq!(steward(&place, &["golden", "keep", &run]).0, 0);
    let list = place.get("/v1/goldens?automation=reminders");
    let goldens = list["items"].as_array().unwrap();
    assert_eq!(goldens.len(), 1, "{list}");
    assert_eq!((&goldens[0]["kind"], &goldens[0]["verdict"]), (&json!("kept"), &json!("verified")));
    let (code, said) = steward(&place, &["golden", "check"]);
    assert_eq!((code, said.trim()), (0, "1 verified, 0 need you"));

    // Another text is another effect; the order of what it does is not.
    books.import(&place, "reminders", "Hello");
    let (code, said) = steward(&place, &["golden", "check", "reminders"]);
    assert_eq!(code, 6, "{said}");
    assert!(said.starts_with("0 verified, 1 needs you"), "{said}");
    assert!(said.contains("done with other arguments: http.request"), "{said}");
    assert!(said.contains("Dear Ann") && said.contains("Hello Ann"), "{said}");
    let listed = steward(&place, &["golden", "list"]).1;
    assert!(listed.contains("differs"), "{listed}");
    // Nobody is asked and nothing is paused: whoever checks is there to look.
    assert_eq!(place.get("/v1/automations/reminders")["automation"]["mode"], "active");

    let id = goldens[0]["id"].as_str().unwrap();
    assert_eq!(steward(&place, &["golden", "remove", id]).0, 0);
    assert_eq!(steward(&place, &["golden", "remove", id]).0, 5);
    assert_eq!(steward(&place, &["golden", "check"]).1.trim(), "0 verified, 0 need you");
    assert!(server.end().success());
}

#[test]
fn a_run_that_failed_or_asks_for_something_else_now_is_not_kept() {
    let books = Books::open();
    let place = books.place();
    let server = place.start();
    books.import(&place, "reminders", "Dear");
    let good = good_run(&place, "reminders");
    books.a_stranger_comes();
    let failed = place.run("reminders", &json!({}));
    place.run_is(&failed, "failed");
    let keep = |run: &str| place.post("/v1/goldens", &json!({ "run": run }));
    assert_eq!((keep(&failed).status, keep(&failed).code()), (409, "GOLDEN_UNVERIFIED".to_owned()));
    assert_eq!(keep("run_01ARZ3NDEKTSV4RRFFQ69G5FAV").status, 404);
    assert_eq!(keep("nonsense").status, 404);
    let elsewhere = books.script("Dear").replace("/clients", "/all");
    books.import_script(&place, "reminders", &elsewhere);
    assert_eq!(keep(&good).code(), "GOLDEN_UNVERIFIED", "{}", keep(&good).body);
    // Erased, nothing of it is left.
    books.import(&place, "reminders", "Dear");
    assert_eq!(keep(&good).status, 200);
    assert!(place.post("/v1/erasures", &json!({ "run": good })).is_success());
    assert_eq!(place.get("/v1/goldens")["items"], json!([]));
    assert!(server.end().success());
}

#[test]
fn a_run_that_asked_is_replayed_with_what_was_answered() {
    let place = Place::new();
    let _server = place.start();
    let contract = json!({
        "title": "Notes", "goal": "Note which way was chosen.", "triggers": [{ "manual": true }],
        "capabilities": [{ "tool": "files.write", "where": { "/folder": { "equals": "notes" } } }]
    });
    let script = "export default async function run({ tools, steward }) {
  const which = await steward.ask('Which way?', ['left', 'right'], { timeout: '3d' });
  await tools.files.write({ folder: 'notes', path: `${which}.md`, text: which });
}
";
    place.import("notes", &contract, script, &["notes"]);
    let run = place.run("notes", &json!({}));
    let need =
        until("it asks", SOON, || place.get(&format!("/v1/runs/{run}"))["needs"][0]["id"].as_str().map(str::to_owned));
    assert!(place.post(&format!("/v1/needs/{need}/answer"), &json!({ "choice": "right" })).is_success());
    place.run_is(&run, "succeeded");
    let kept = place.post("/v1/goldens", &json!({ "run": run }));
    assert_eq!(kept.status, 200, "{}", kept.body);
    let (code, said) = steward(&place, &["golden", "check"]);
    assert!(code == 0 && said.contains("1 verified, 0 need you"), "{said}");
    // A question that nobody was asked then says nothing about a run of then.
    let other = script.replace("Which way?", "Which other way?");
    place.import("notes", &contract, &other, &["notes"]);
    let (_, said) = steward(&place, &["golden", "check"]);
    assert!(said.contains("0 verified, 1 needs you"), "{said}");
}
