//! History: what a script would have done in past runs.

use intents::trial::{Code, Verdict};
use runtime::trial::{Past, compare_past, read_cases};

use crate::world::{bench, block_on, json, text};

/// Past runs in which the honest script mailed about three invoices.
fn past(failed: bool) -> Vec<Past> {
    let bench = bench(&json("trial/contract.json"), &text("trial/honest.js"));
    let case = read_cases(&json("trial/recordings.json")).unwrap().remove(0);
    let seed = intents::canonical::Digest::of(b"past");
    let applied = block_on(runtime::trial::effects_of(&bench, &case, seed)).unwrap();
    assert_eq!(applied.len(), 3);
    let name = "run_1".to_owned();
    vec![Past { name, case, applied, seed, failed, must_end: failed }; 3]
}

fn compared(script: &str, past: &[Past]) -> intents::trial::Sheet {
    block_on(compare_past(&bench(&json("trial/contract.json"), script), past)).unwrap()
}

#[test]
fn the_same_script_does_what_it_did() {
    let sheet = compared(&text("trial/honest.js"), &past(false));
    assert_eq!(sheet.verdict(), Verdict::Proven, "{sheet}");
    assert_eq!((sheet.counts.past_runs, sheet.counts.differences), (3, 0));
}

#[test]
fn a_script_that_does_less_is_shown_as_different() {
    let script =
        text("trial/honest.js").replace("for (const invoice of invoices)", "for (const invoice of invoices.slice(1))");
    let sheet = compared(&script, &past(false));
    assert_eq!(sheet.counts.differences, 3, "{sheet}");
    let finding = sheet.findings.iter().find(|finding| finding.code == Code::HistoryDiffers).unwrap();
    assert!(finding.words.contains("no longer done: email.send"), "{}", finding.words);
}

#[test]
fn a_run_that_asks_for_something_else_is_not_comparable() {
    let script = text("trial/honest.js").replace("/api/invoices", "/api/unpaid");
    let sheet = compared(&script, &past(false));
    assert_eq!((sheet.counts.past_runs, sheet.counts.not_comparable), (0, 3));
    assert_eq!(sheet.verdict(), Verdict::Incomplete, "{sheet}");
}

#[test]
fn a_repair_that_does_not_mend_the_failing_run_is_refuted() {
    let script = r#"export default async function run({ tools }) {
        const { json } = await tools.http.get({ url: "https://books.example/api/invoices" });
        return json.rows.map((row) => row.id);
    }"#;
    let sheet = compared(script, &past(true));
    assert_eq!(sheet.verdict(), Verdict::Refuted);
    assert!(sheet.findings.iter().any(|finding| finding.code == Code::HistoryFails), "{sheet}");
}
