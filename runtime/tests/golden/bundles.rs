//! A failing run leaves the house in one file, without its people, and fails elsewhere as it failed here.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::house::{Books, good_run, steward};
use crate::place::Place;

/// A file with the bundle of a run that failed, and what it holds.
fn failing_bundle(books: &Books, place: &Place) -> (PathBuf, Value) {
    books.import(place, "reminders", "Dear");
    good_run(place, "reminders");
    books.a_stranger_comes();
    let run = place.run("reminders", &json!({}));
    place.run_is(&run, "failed");
    let path = place.home.folder("bundles").join("failing.json");
    let (code, said) = steward(place, &["runs", "bundle", &run, "-o", path.to_str().unwrap()]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("leads to the same end anywhere"), "{said}");
    let bundle = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    (path, bundle)
}

/// Replays a file where there is no server and no account.
fn replay(elsewhere: &Place, path: &Path) -> (i32, String) {
    steward(elsewhere, &["replay", path.to_str().unwrap()])
}

#[test]
fn a_failure_is_reproduced_elsewhere_and_nobody_is_in_the_file() {
    let books = Books::open();
    let place = books.place();
    let server = place.start();
    let (path, bundle) = failing_bundle(&books, &place);
    assert!(server.end().success());

    let text = bundle.to_string();
    for gone in ["ann.miller", "Ann", "Miller", "Carl", "bob@", "Stone", "other.example", "tok-4711", "tok-9"] {
        assert!(!text.contains(gone), "{gone} is in the bundle: {text}");
    }
    assert_eq!((&bundle["version"], &bundle["reproduces"]), (&json!(1), &json!(true)));
    assert_eq!(bundle["failure"]["code"], "SCRIPT_EXCEPTION", "{}", bundle["failure"]);
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);

    let elsewhere = Place::new();
    let (code, said) = replay(&elsewhere, &path);
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("Reproduced: SCRIPT_EXCEPTION (logic)"), "{said}");
    let (code, said) = steward(&elsewhere, &["replay", path.to_str().unwrap(), "--json"]);
    let answer: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &answer["reproduced"], &answer["failure"]["class"]), (0, &json!(true), &json!("logic")));
}

#[test]
fn a_bundle_that_was_tampered_with_is_named_and_harms_nobody() {
    let books = Books::open();
    let place = books.place();
    let server = place.start();
    let (path, bundle) = failing_bundle(&books, &place);
    assert!(server.end().success());
    let elsewhere = Place::new();
    let with = |name: &str, value: Value| {
        let mut changed = bundle.clone();
        changed[name] = value;
        std::fs::write(&path, changed.to_string()).unwrap();
        replay(&elsewhere, &path)
    };
    let script = |body: &str| json!(format!("export default async function run({{ tools }}) {{ {body} }}"));

    // Another script goes another way, and is told from one that fails alike.
    let (code, said) = with("script", script("return 7;"));
    assert_eq!(code, 1, "{said}");
    assert!(said.starts_with("Not reproduced: "), "{said}");
    for hostile in [
        "for (;;) {}",
        "const all = []; for (;;) all.push('x'.repeat(1e6));",
        "await tools.files.read({ folder: 'home', path: '.ssh/id_rsa' });",
        "await import('fs');",
    ] {
        let (code, said) = with("script", script(hostile));
        assert_eq!(code, 1, "{hostile}: {said}");
    }

    let (code, said) = with("version", json!(7));
    assert!(code == 2 && said.contains("BUNDLE_VERSION"), "{code} {said}");
    let (code, said) = with("journal", json!([]));
    assert!(code == 2 && said.contains("BUNDLE_UNREADABLE"), "{code} {said}");
    let whole = bundle.to_string();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let (code, said) = replay(&elsewhere, &path);
    assert!(code == 2 && said.contains("BUNDLE_UNREADABLE"), "{code} {said}");
    // A hole costs no disk, and its size is looked at before it is parsed.
    std::fs::File::create(&path).unwrap().set_len(1 << 30).unwrap();
    let (code, said) = replay(&elsewhere, &path);
    assert!(code == 2 && said.contains("BUNDLE_TOO_LARGE"), "{code} {said}");
    assert_eq!(replay(&elsewhere, Path::new("/nowhere/bundle.json")).0, 1);
}

#[test]
fn an_imported_failure_is_golden_once_the_script_is_mended() {
    let books = Books::open();
    let place = books.place();
    let server = place.start();
    let (path, bundle) = failing_bundle(&books, &place);
    let file = path.to_str().unwrap();
    let (code, said) = steward(&place, &["golden", "import", file, "--automation", "reminders"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("it does not come to its end"), "{said}");

    books.import_script(&place, "reminders", &books.mended());
    // What the script says of addresses is ours, and what the bundle holds are tokens: strangers are passed over.
    let (code, said) = steward(&place, &["golden", "check"]);
    assert_eq!((code, said.trim()), (0, "1 verified, 0 need you"));
    // Imported again, it is the same.
    assert_eq!(steward(&place, &["golden", "import", file, "--automation", "reminders"]).0, 0);
    assert_eq!(place.get("/v1/goldens")["items"].as_array().unwrap().len(), 1);

    let post = |automation: &str, bundle: &Value| {
        place.post("/v1/goldens/import", &json!({ "automation": automation, "bundle": bundle }))
    };
    assert_eq!(post("nobody", &bundle).status, 404);
    assert_eq!(
        (post("reminders", &json!({})).status, post("reminders", &json!({})).code()),
        (422, "BUNDLE_UNREADABLE".to_owned())
    );
    assert!(server.end().success());
}
