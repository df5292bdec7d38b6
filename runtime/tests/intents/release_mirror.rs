//! Keep the notes of each release, and tell the team of each new one.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::calendar::{every, minutes_ago};
use crate::conversation::{Conversation, Names};
use crate::delegated::delegate;
use crate::support::mailbox::Mailbox;
use crate::support::place::Place;
use crate::support::recorder::Recorder;

/// Releases on one page.
const PAGE: usize = 2;

fn release(tag: &str, hours_ago: i64, prerelease: bool) -> Value {
    let at = minutes_ago(hours_ago * 60).to_string();
    json!({
        "id": hours_ago, "tag": tag, "name": format!("Name of {tag}"), "body": "- faster\n- smaller\n",
        "published_at": at, "updated_at": at, "prerelease": prerelease
    })
}

#[test]
fn old_releases_are_files_and_each_new_one_is_a_mail() {
    let all = vec![
        release("v1.3.0", 20, false),
        release("v1.3.0-rc1", 50, true),
        release("v1.2.0", 900, false),
        release("v1.1.0", 2000, false),
    ];
    let releases = Arc::new(Mutex::new((all, false)));
    let shared = Arc::clone(&releases);
    let forge = Recorder::answering(move |came| {
        let mut state = shared.lock().unwrap();
        let page: usize = came.target().rsplit('=').next().and_then(|page| page.parse().ok()).unwrap_or(1);
        if page == 2 && std::mem::take(&mut state.1) {
            return (502, "{}".to_owned());
        }
        let items: Vec<_> = state.0.iter().skip((page - 1) * PAGE).take(PAGE).collect();
        let next = (page * PAGE < state.0.len()).then_some(page + 1);
        (200, json!({ "items": items, "next": next }).to_string())
    });
    let post = Mailbox::start();
    let place = Place::new().mailing_through(post.port());
    let server = place.start();
    let folder = place.grant("releases");
    place.set("egress.allow_private", &json!([forge.address().to_string()]));
    let names =
        Names::default().with("forge", forge.address()).with("host", "127.0.0.1").with("every_60_minutes", every(60));
    let card = delegate(&place, &Conversation::read("release-mirror", &names));
    card.is_sound(&[
        "May send mail only to dev@team.example",
        "`rel:/prerelease` is false",
        "One mail per release, ever.",
    ]);
    card.confirm();

    let look = || {
        let run = place.run("release-mirror", &json!({}));
        place.run_is(&run, "succeeded");
    };
    let files = || -> Vec<String> {
        let entries = std::fs::read_dir(&folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    look();
    assert_eq!(files(), ["v1.1.0.md", "v1.2.0.md", "v1.3.0.md"]);
    assert_eq!(post.subjects_to("dev@team.example"), ["Release v1.3.0"], "what was there before is no news");
    look();
    assert_eq!(post.accepted().len(), 1);

    // A new one moves all others along, a stranger's is named to lead elsewhere, and the second page stumbles.
    {
        let mut state = releases.lock().unwrap();
        state.0.insert(0, release("v1.4.0", 1, false));
        state.0.insert(1, release("../../../etc/cron.d/evil", 2, false));
        state.1 = true;
    }
    look();
    look();
    assert_eq!(files(), ["v1.1.0.md", "v1.2.0.md", "v1.3.0.md", "v1.4.0.md"]);
    assert_eq!(post.subjects_to("dev@team.example"), ["Release v1.3.0", "Release v1.4.0"]);
    let notes = std::fs::read_to_string(folder.join("v1.4.0.md")).unwrap();
    assert!(notes.starts_with("# v1.4.0: Name of v1.4.0\n") && notes.contains("- smaller"), "{notes}");
    assert!(server.end().success());
}
