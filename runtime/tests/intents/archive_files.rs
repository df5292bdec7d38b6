//! Move what is old into the archive, a folder for each month, and ask about the first ones.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::calendar::{Noon, minutes_ago};
use crate::conversation::{Conversation, Names};
use crate::delegated::delegate;
use crate::support::place::{Place, SOON};
use crate::support::wait::until;

fn scan(folder: &Path, name: &str, days_ago: i64) {
    let file = std::fs::File::create(folder.join(name)).unwrap();
    let seconds = u64::try_from(minutes_ago(days_ago * 24 * 60).as_second()).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn old_scans_move_into_their_month_and_nothing_is_overwritten() {
    let noon = Noon::now();
    let month = |days: i64| noon.day(-days).strftime("%Y-%m").to_string();
    let place = Place::new();
    let server = place.start();
    let (scans, archive) = (place.grant("scans"), place.grant("archive"));
    for (name, days) in [("lease.pdf", 70), ("letter.pdf", 41), ("taken.pdf", 40), ("new.pdf", 3)] {
        scan(&scans, name, days);
    }
    std::fs::create_dir(scans.join("private")).unwrap();
    let card = delegate(&place, &Conversation::read("archive-files", &Names::default().with("zone", &noon.zone)));
    card.is_sound(&["You are asked before the first 2 files moved", "At most 500 files moved in 1 day"]);
    card.confirm();

    // Something of that name lies in the archive already.
    std::fs::create_dir(archive.join(month(40))).unwrap();
    std::fs::write(archive.join(month(40)).join("taken.pdf"), "of somebody else").unwrap();
    let run = place.run("archive-files", &json!({}));
    let mut answered: Vec<Value> = Vec::new();
    until("the run comes to its end", SOON, || {
        let pending = place.get(&format!("/v1/approvals?run={run}&status=pending"));
        for approval in pending["items"].as_array().unwrap() {
            assert!(approval["asked"]["files"][0]["digest"].is_string(), "{approval}");
            let decide = format!("/v1/approvals/{}/decide", approval["id"].as_str().unwrap());
            assert!(place.post(&decide, &json!({ "answer": "approve" })).is_success());
            answered.push(approval["id"].clone());
        }
        (place.get(&format!("/v1/runs/{run}"))["run"]["phase"] == "succeeded").then_some(())
    });
    assert_eq!(names(&scans), ["new.pdf", "private", "taken.pdf"]);
    assert_eq!(names(&archive.join(month(70))), ["lease.pdf"]);
    assert_eq!(std::fs::read_to_string(archive.join(month(40)).join("taken.pdf")).unwrap(), "of somebody else");
    assert!(answered.len() >= 2, "the first two are asked about: {answered:?}");

    scan(&scans, "later.pdf", 35);
    let again = place.run("archive-files", &json!({}));
    place.run_is(&again, "succeeded");
    assert_eq!(names(&scans), ["new.pdf", "private", "taken.pdf"], "nobody is asked any more");
    let notices = place.get("/v1/notices");
    assert_eq!(notices["items"].as_array().map(Vec::len), Some(1), "what is stuck is told once: {notices}");
    assert!(server.end().success());
}
