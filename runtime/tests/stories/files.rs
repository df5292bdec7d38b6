//! Files that are not what they should be.

use std::fs::File;
use std::path::Path;

use serde_json::Value;

use crate::place::{Place, SOON};
use crate::support::processes;
use crate::support::wait::until;

/// What a server that was given a file of 200 MB may hold in memory.
#[cfg(target_os = "linux")]
const RESIDENT_BYTES_MAX: u64 = 300 << 20;

/// The automation that `make run` starts with.
fn import_statements(place: &Place) -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/automations/statements");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("the fixture is there");
    let contract: Value = serde_json::from_str(&read("contract.json")).expect("the fixture is JSON");
    let folders = place.import("statements", &contract, &read("script.js"), &["statements", "reports"]);
    folders["statements"].clone()
}

fn sample(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/automations/statements/samples").join(name)
}

/// Drops a good statement and waits for its report: the server works.
fn a_good_statement_still_works(place: &Place, statements: &Path) {
    std::fs::copy(sample("2026-10.csv"), statements.join("2026-10.csv")).expect("the sample is there");
    let report = place.home.folder("reports").join("2026-10.md");
    until("the good statement has its report", SOON, || report.exists().then_some(()));
}

#[test]
fn a_file_of_200_mb_is_a_clear_need_and_the_server_lives() {
    let place = Place::new();
    let server = place.start();
    let statements = import_statements(&place);
    // Written aside first, as a browser does: what lands is whole.
    let aside = place.home.folder("aside").join("large.csv");
    File::create(&aside).and_then(|file| file.set_len(200 << 20)).expect("there is room");
    std::fs::rename(&aside, statements.join("large.csv")).expect("it is moved");
    let need = place.need("FILE_TOO_LARGE");
    assert!(need["title"].as_str().is_some_and(|title| title.contains("Bank statements")), "{need}");
    #[cfg(target_os = "linux")]
    {
        let resident = processes::resident_bytes(server.pid());
        assert!(resident < RESIDENT_BYTES_MAX, "the server holds {} MiB", resident >> 20);
    }
    a_good_statement_still_works(&place, &statements);
    assert!(server.end().success());
}

#[test]
fn a_file_that_is_no_text_is_a_clear_need_and_the_server_lives() {
    let place = Place::new();
    let server = place.start();
    let statements = import_statements(&place);
    std::fs::write(statements.join("latin.csv"), b"date,description\n2026-10-01,caf\xe9\n").expect("it is written");
    place.need("FILE_NOT_TEXT");
    a_good_statement_still_works(&place, &statements);
    assert!(server.end().success());
}

#[test]
fn the_same_statement_again_changes_nothing_and_a_broken_one_says_what_is_wrong() {
    let place = Place::new();
    let server = place.start();
    let statements = import_statements(&place);
    a_good_statement_still_works(&place, &statements);
    std::fs::copy(sample("2026-10.csv"), statements.join("again.csv")).expect("the sample is there");
    std::fs::copy(sample("broken.csv"), statements.join("broken.csv")).expect("the sample is there");
    let need = place.need("SCRIPT_STOPPED");
    assert!(need["title"].as_str().is_some_and(|title| title.contains("broken.csv")), "{need}");
    // The broken one came last, and its run is over: so the second drop of the good one has been looked at.
    let runs = place.get("/v1/runs?automation=statements");
    assert_eq!(runs["items"].as_array().map(Vec::len), Some(2), "{runs}");
    let mails = std::fs::read_dir(place.home.data().join("outbox")).map_or(0, |entries| entries.flatten().count());
    assert_eq!(mails, 1, "one mail for one statement");
    assert!(server.end().success());
}
