//! Questions of a script: who is asked, what the answer does, and what nobody's answer does.

use serde_json::{Value, json};

use crate::place::{Place, SOON};
use crate::support::wait::until;

/// Asks which account pays.
const PAYS: &str = "
  const account = await steward.ask(`Which account pays ${input.invoice}?`, ['Giro', 'Savings'], { text: 'Due on Friday.' });
  return { account };
";

/// The questions that were ever asked, the newest first.
fn questions(place: &Place) -> Vec<Value> {
    let needs = place.get("/v1/needs?status=all")["items"].as_array().unwrap().clone();
    needs.into_iter().filter(|need| need["kind"] == "decide").collect()
}

/// Waits for the open question of a run.
fn question(place: &Place, run: &str) -> Value {
    until("the run asks", SOON, || {
        let detail = place.get(&format!("/v1/runs/{run}"));
        detail["needs"].as_array().unwrap().iter().find(|need| need["kind"] == "decide").cloned()
    })
}

fn answer(place: &Place, need: &Value, choice: &str) -> crate::support::client::Answer {
    place.post(&format!("/v1/needs/{}/answer", need["id"].as_str().unwrap()), &json!({ "choice": choice }))
}

#[test]
fn a_script_asks_which_way_and_goes_on_with_the_answer_over_a_crash() {
    let place = Place::new();
    let server = place.start();
    place.import_script("payments", PAYS);
    let run = place.run("payments", &json!({ "invoice": "INV-17" }));
    let need = question(&place, &run);
    assert_eq!(need["title"], "payments: Which account pays INV-17?");
    assert_eq!(need["choices"], json!(["option_1", "option_2", "dismiss", "stop"]));
    assert_eq!(need["evidence"], json!({ "options": ["Giro", "Savings"], "text": "Due on Friday." }));
    assert_eq!(need["default"], "dismiss");
    server.kill();
    let _server = place.start();
    assert_eq!(answer(&place, &need, "option_3").code(), "NEED_CHOICE");
    assert_eq!(answer(&place, &need, "Checking").code(), "BODY_MALFORMED");
    let alone = place.post("/v1/needs/answers", &json!({ "all_of": "decide", "choice": "option_1" }));
    assert!(!alone.is_success(), "each question wants a look of its own: {}", alone.body);
    let answered = answer(&place, &need, "Savings");
    assert_eq!((answered.status, answered.json()["answer"].as_str()), (200, Some("option_2")), "{}", answered.body);
    assert_eq!(answer(&place, &need, "option_1").code(), "NEED_ANSWERED");
    let detail = place.run_is(&run, "succeeded");
    assert_eq!(detail["result"], json!({ "account": "Savings" }));
    assert_eq!(questions(&place).len(), 1);
}

#[test]
fn a_question_that_nobody_answers_in_time_gets_what_the_script_said_for_that() {
    let place = Place::new();
    let _server = place.start();
    place.import_script(
        "late",
        "const otherwise = await steward.ask('Which one?', ['a', 'b'], { timeout: '1s', otherwise: 'b' });
         let left;
         try { left = await steward.ask('And which one now?', ['a', 'b'], { timeout: '1s' }); }
         catch (error) { left = error.code; }
         return { otherwise, left };",
    );
    let run = place.run("late", &json!({}));
    let detail = place.run_is(&run, "succeeded");
    assert_eq!(detail["result"], json!({ "otherwise": "b", "left": "undecided" }));
    let answered: Vec<_> =
        questions(&place).iter().map(|need| (need["answer"].clone(), need["answered_by"].clone())).collect();
    assert_eq!(answered, [(json!("dismiss"), json!("steward")), (json!("option_2"), json!("steward"))]);
}

#[test]
fn what_was_answered_is_not_asked_again_when_the_same_is_run_again() {
    let place = Place::new();
    let _server = place.start();
    place.import_script(
        "twice",
        "const first = await steward.ask('Which one?', ['a', 'b']);
         const second = await steward.ask('Which one?', ['a', 'b']);
         if (first !== second) steward.fail('they differ');
         return { first, second };",
    );
    let run = place.run("twice", &json!({ "of": "one item" }));
    answer(&place, &question(&place, &run), "a");
    let asked =
        until("the second question is asked", SOON, || (questions(&place).len() == 2).then(|| questions(&place)));
    answer(&place, &asked[0], "b");
    place.run_is(&run, "failed");
    let need = place.need("SCRIPT_STOPPED");
    assert!(answer(&place, &need, "run_again").is_success());
    let needs = || place.get("/v1/needs?status=all")["items"].as_array().unwrap().clone();
    until("the run was made again", SOON, || {
        let runs = place.get("/v1/runs?automation=twice");
        let failed = runs["items"].as_array().unwrap().iter().filter(|run| run["phase"] == "failed").count();
        (failed == 2).then_some(())
    });
    assert_eq!(questions(&place).len(), 2, "{:#?}", needs());
    // Another item is another question.
    let other = place.run("twice", &json!({ "of": "another item" }));
    question(&place, &other);
    assert_eq!(questions(&place).len(), 3);
}

#[test]
fn what_nobody_decided_is_asked_again_when_the_same_is_run_again() {
    let place = Place::new();
    let _server = place.start();
    place.import_script("open", "return await steward.ask('Which one?', ['a', 'b'], { timeout: '1s' });");
    let run = place.run("open", &json!({ "of": "one item" }));
    place.run_is(&run, "failed");
    // The second time there is somebody.
    place.import_script("open", "return await steward.ask('Which one?', ['a', 'b'], { timeout: '1h' });");
    let need = place.need("SCRIPT_EXCEPTION");
    assert!(answer(&place, &need, "run_again").is_success());
    let asked = until("it is asked again", SOON, || {
        let asked = questions(&place);
        (asked.len() == 2 && asked[0]["status"] == "open").then(|| asked[0].clone())
    });
    answer(&place, &asked, "b");
    place.run_is(asked["run"].as_str().unwrap(), "succeeded");
}

#[test]
fn nobody_is_asked_for_a_run_that_has_ended() {
    let place = Place::new();
    let _server = place.start();
    place.import_script("payments", PAYS);
    let run = place.run("payments", &json!({ "invoice": "INV-18" }));
    let need = question(&place, &run);
    assert!(place.post(&format!("/v1/runs/{run}/stop"), &json!({})).is_success());
    place.run_is(&run, "stopped");
    assert_eq!(place.get(&format!("/v1/needs/{}", need["id"].as_str().unwrap()))["status"], "withdrawn");
    assert_eq!(answer(&place, &need, "Giro").code(), "NEED_ANSWERED");
    // Nor for one that fails while it asks.
    place.import_script(
        "fails",
        "await Promise.all([steward.ask('Which way?', ['left', 'right']), steward.sleep('1s').then(() => steward.fail('no'))]);",
    );
    let run = place.run("fails", &json!({}));
    question(&place, &run);
    place.run_is(&run, "failed");
    let open: Vec<_> = questions(&place).into_iter().filter(|need| need["status"] == "open").collect();
    assert_eq!(open, Vec::<Value>::new());
}

#[test]
fn a_script_that_asks_without_end_comes_to_a_limit() {
    let place = Place::new();
    let _server = place.start();
    place.import_script(
        "nosy",
        "return await Promise.all(Array.from({ length: 21 }, (_, at) => steward.ask(`Number ${at}?`, ['a', 'b'])));",
    );
    let run = place.run("nosy", &json!({}));
    assert_eq!(place.run_is(&run, "failed")["failure"]["code"], "LIMIT_QUESTIONS");
    assert_eq!(questions(&place).iter().filter(|need| need["status"] == "open").count(), 0);
    for (script, why) in [
        ("await steward.ask('Which?', ['a']);", "ARGUMENTS_INVALID"),
        ("await steward.ask('Which?', ['a', 'a']);", "ARGUMENTS_INVALID"),
        ("await steward.ask('Which?', ['a', 'b'], { otherwise: 'c' });", "ARGUMENTS_INVALID"),
        ("await steward.ask('Which?', ['go on', 'stop']);", "ARGUMENTS_INVALID"),
        ("await steward.ask('Which?', ['it-happened', 'b']);", "ARGUMENTS_INVALID"),
        ("await steward.ask('', ['a', 'b']);", "SCRIPT_EXCEPTION"),
    ] {
        place.import_script("wrong", script);
        let run = place.run("wrong", &json!({}));
        assert_eq!(place.run_is(&run, "failed")["failure"]["code"], why, "{script}");
    }
}
