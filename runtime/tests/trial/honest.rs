//! Honest scripts pass, and the sheet says what was tried.

use intents::trial::{Code, Verdict};
use runtime::env::Env;
use runtime::trial::try_out;
use serde_json::{Value, json as value};

use crate::world::{bench, block_on, json, made, text, tried};

#[test]
fn an_honest_script_is_proven() {
    let sheet = tried(&json("trial/contract.json"), &text("trial/honest.js"), &json("trial/recordings.json"));
    assert_eq!(sheet.verdict(), Verdict::Proven, "{sheet}");
    let counts = &sheet.counts;
    assert!(counts.crash_points.of > 10 && counts.crash_points.tried == counts.crash_points.of, "{sheet}");
    assert!(counts.faults.of > 20 && counts.faults.tried == counts.faults.of, "{sheet}");
    assert_eq!((counts.duplicates, counts.violations, counts.first_run_effects), (0, 0, 3), "{sheet}");
    assert!(counts.suppressions > 0, "{sheet}");
}

/// Every option of a question is gone, and nobody's answer too.
#[test]
fn a_script_that_asks_is_proven_with_every_answer() {
    let sheet = tried(&json("trial/contract.json"), &text("trial/asking.js"), &json("trial/recordings.json"));
    assert_eq!(sheet.verdict(), Verdict::Proven, "{sheet}");
    let counts = &sheet.counts;
    assert!(counts.faults.of > 20 && counts.faults.tried == counts.faults.of, "{sheet}");
    assert_eq!((counts.duplicates, counts.violations, counts.first_run_effects), (0, 0, 3), "{sheet}");
}

#[test]
fn the_statements_of_the_fixtures_are_proven() {
    let folder = "automations/statements";
    let sheet = tried(
        &json(&format!("{folder}/contract.json")),
        &text(&format!("{folder}/script.js")),
        &json(&format!("{folder}/recordings.json")),
    );
    assert_eq!(sheet.verdict(), Verdict::Proven, "{sheet}");
}

/// What the statements are tried on is what the tool would read.
#[test]
fn the_recorded_statement_is_the_sample() {
    let sample = text("automations/statements/samples/2026-10.csv");
    let digest = blake3::hash(sample.as_bytes()).to_hex().to_string();
    for case in json("automations/statements/recordings.json")["cases"].as_array().unwrap() {
        let read = case["calls"].as_array().unwrap().last().unwrap();
        assert_eq!(read["value"]["text"].as_str(), Some(sample.as_str()));
        assert_eq!(read["value"]["digest"].as_str(), Some(digest.as_str()));
    }
}

/// Stages that several invoices share, a client with two of them, and one notice about all that was refused.
#[test]
fn reminders_in_stages_with_one_notice_are_proven() {
    let mut contract = json("trial/contract.json");
    contract["once"] = value!([{ "tool": "email.send", "per": ["invoice", "stage"] }]);
    let one_a_day =
        value!({ "rate": { "tool": "email.send", "per": "/to", "max": 1, "window": "1d" }, "else": "skip" });
    contract["limits"].as_array_mut().unwrap().push(one_a_day);
    let row = |id: &str, stage: &str, who: &str| value!({ "id": id, "stage": stage, "client": { "email": format!("{who}@clients.example") } });
    let rows =
        [row("A-17", "7d", "ann"), row("B-23", "7d", "ben"), row("C-41", "14d", "cleo"), row("D-50", "7d", "ann")];
    let body = value!({ "status": 200, "url": "", "headers": {}, "json": { "items": rows } });
    let call =
        value!({ "tool": "http.get", "arguments": { "url": "https://books.example/api/invoices" }, "value": body });
    let script = r#"
        export default async function run({ tools }) {
          const { json } = await tools.http.get({ url: "https://books.example/api/invoices" });
          const notes = ["This is what became of the reminders:"];
          for (const { id, stage, client: { email: to } } of json.items) {
            if (!/^[a-z]+@[a-z.]+$/.test(to)) continue;
            try {
              const sent = await tools.email.send({ to, subject: "Reminder", text: id }, { key: { invoice: id, stage } });
              if (sent.skipped) notes.push(`${id} later`);
            } catch (error) {
              if (error.code !== "rejected" && error.code !== "not_approved") throw error;
              notes.push(`${id} ${error.code}`);
            }
          }
          await tools.notify.user({ title: "Reminders", text: notes.join(" ") });
        }"#;
    let sheet = tried(&contract, script, &value!({ "cases": [{ "calls": [call] }] }));
    assert_eq!(sheet.verdict(), Verdict::Proven, "{sheet}");
}

/// On each of the next days another invoice comes of age.
#[test]
fn what_comes_of_age_day_by_day_is_no_repetition() {
    let mut contract = json("trial/contract.json");
    contract["once"] = value!([{ "tool": "email.send", "per": ["invoice", "stage"] }]);
    let row = |id: &str, due: &str| value!({ "id": id, "due": due, "client": { "email": "ann@clients.example" } });
    let rows = [
        row("A", "2026-07-01"),
        row("B", "2026-07-07"),
        row("C", "2026-07-09"),
        row("D", "2026-07-10"),
        row("E", "2026-07-11"),
    ];
    let body = value!({ "status": 200, "url": "", "headers": {}, "json": { "items": rows } });
    let call =
        value!({ "tool": "http.get", "arguments": { "url": "https://books.example/api/invoices" }, "value": body });
    let script = r#"
        export default async function run({ tools, steward }) {
          const { json } = await tools.http.get({ url: "https://books.example/api/invoices" });
          const today = Date.parse(steward.time.parts(steward.now(), "UTC").date);
          for (const { id, due, client: { email: to } } of json.items) {
            if (!/^[a-z]+@[a-z.]+$/.test(to) || !(today - Date.parse(due) >= 7 * 86_400_000)) continue;
            await tools.email.send({ to, subject: "Reminder", text: id }, { key: { invoice: id, stage: "7d" } });
          }
        }"#;
    let case = value!({ "at": "2026-07-15T10:05:00Z", "calls": [call] });
    let sheet = tried(&contract, script, &value!({ "cases": [case] }));
    assert_eq!(sheet.verdict(), Verdict::Proven, "{sheet}");
}

#[test]
fn what_is_made_up_proves_nothing() {
    let contract = json("trial/contract.json");
    let bench = bench(&contract, &text("trial/honest.js"));
    let sheet = block_on(try_out(&bench, &made(&contract), &[])).unwrap();
    assert_eq!(sheet.verdict(), Verdict::Incomplete, "{sheet}");
    assert!(sheet.findings.iter().any(|finding| finding.code == Code::NothingProven), "{sheet}");
}

#[test]
fn a_script_that_does_not_parse_has_no_shape() {
    let sheet =
        tried(&json("trial/contract.json"), "export default async function run( {", &json("trial/recordings.json"));
    assert_eq!(sheet.verdict(), Verdict::Refuted);
    assert_eq!(sheet.findings.first().map(|finding| finding.code), Some(Code::Shape));
}

#[test]
fn what_does_not_fit_is_sampled_and_the_sheet_says_so() {
    let bench = bench(&json("trial/contract.json"), &text("trial/honest.js")).with_executions_max(10);
    let cases = runtime::trial::read_cases(&json("trial/recordings.json")).unwrap();
    let sheet = block_on(try_out(&bench, &cases, &[])).unwrap();
    assert_eq!(sheet.verdict(), Verdict::Incomplete, "{sheet}");
    for ratio in [sheet.counts.crash_points, sheet.counts.faults, sheet.counts.hostile] {
        assert!(0 < ratio.tried && ratio.tried < ratio.of, "{sheet}");
    }
    assert!(sheet.findings.iter().any(|finding| finding.code == Code::Sampled), "{sheet}");
    assert_eq!(block_on(try_out(&bench, &cases, &[])).unwrap(), sheet, "the sample is the same again");
}

#[test]
fn the_same_trial_gives_the_same_sheet() {
    let once = || tried(&json("trial/contract.json"), &text("trial/honest.js"), &json("trial/recordings.json"));
    assert_eq!(once(), once());
}

/// The words that a person reads hold nothing of the data: sheets are kept, and data is erased.
#[test]
fn the_sheet_holds_no_data() {
    let mutants = ["key_too_coarse", "report_after_refusal", "state_before_effect", "path_from_a_stranger"];
    for mutant in mutants {
        let script = text(&format!("trial/mutants/{mutant}.js"));
        let sheet = tried(&json("trial/contract.json"), &script, &json("trial/recordings.json")).to_string();
        for data in ["A-17", "INV-2026", "ann@", "Miller", "mallory"] {
            assert!(!sheet.contains(data), "{mutant}: the sheet holds `{data}`: {sheet}");
        }
    }
}

/// A script of twenty calls: how long its trial takes is printed, and asserted by nobody.
#[test]
fn a_script_of_twenty_calls_is_tried() {
    let rows: Vec<Value> =
        (0..9).map(|n| value!({ "id": format!("R-{n}"), "client": { "email": "ann@clients.example" } })).collect();
    let get = |url: String, body: Value| value!({ "tool": "http.get", "arguments": { "url": url }, "value": { "status": 200, "url": "", "headers": {}, "json": body } });
    let mut calls = vec![get("https://books.example/api/rows".to_owned(), value!({ "items": rows }))];
    calls.extend((0..9).map(|n| get(format!("https://books.example/api/rows/R-{n}"), rows[n].clone())));
    let script = r#"
        export default async function run({ tools, state }) {
          const { json } = await tools.http.get({ url: "https://books.example/api/rows" });
          const sent = [];
          for (const { id, client: { email: to } } of json.items) {
            const { json: row } = await tools.http.get({ url: `https://books.example/api/rows/${id}` });
            if (row.client.email !== to) throw new Error("the row has changed");
            await tools.email.send({ to, subject: "Row", text: row.id }, { key: { invoice: row.id } });
            sent.push(row.id);
          }
          await state.set("last", sent.length);
          return { sent };
        }"#;
    let env = Env::real();
    let began = env.clock.nanos();
    let sheet = tried(&json("trial/contract.json"), script, &value!({ "cases": [{ "calls": calls }] }));
    println!("{} executions in {:?}: {}", sheet.counts.executions, env.since(began), sheet.line());
    assert_eq!(sheet.verdict(), Verdict::Proven, "{sheet}");
    assert_eq!(sheet.counts.first_run_effects, 9);
}
