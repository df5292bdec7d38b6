//! A backup is taken under load, the machine is lost, and another one goes on: everything paused, the record whole, the
//! loss stated, nothing sent again.

use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::counter::Counter;
use crate::place::{Place, SOON};
use crate::support::wait::until;
use crate::support::{postgres, server};

/// An automation that sends one request for each item.
fn import_sender(place: &Place, address: std::net::SocketAddr) {
    let contract = json!({
        "title": "Notices",
        "goal": "Send one request for each item.",
        "triggers": [{ "manual": true, "overlap": "allow" }],
        "capabilities": [{ "tool": "http.request", "where": { "/url": { "prefix": format!("http://{address}/") } } }],
        "once": [{ "tool": "http.request", "per": ["item"] }]
    });
    let script = format!(
        "export default async function run({{ input, tools }}) {{\n\
         await tools.http.request({{ method: 'POST', url: `http://{address}/${{input.item}}` }}, \
         {{ key: {{ item: input.item }} }});\n}}\n"
    );
    place.import("notices", &contract, &script, &[]);
}

fn steward(place: &Place, arguments: &[&str], more: &[(&str, &str)]) -> Output {
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let more: Vec<_> = place.environment().iter().cloned().chain(more).collect();
    let mut command = server::command(&place.home, arguments, &more);
    command.stdin(std::process::Stdio::null()).output().expect("the program starts")
}

fn said(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("`{text}` is no JSON ({error}); {output:?}"))
}

fn code(output: &Output) -> String {
    assert!(!output.status.success(), "this should have been refused: {output:?}");
    said(output)["code"].as_str().unwrap_or_default().to_owned()
}

fn recovery_code(place: &Place) -> String {
    let printed = steward(place, &["backup", "key", "--json"], &[]);
    said(&printed)["recovery_code"].as_str().expect("there is a code").to_owned()
}

fn backup(place: &Place, file: &Path, since: Option<&Path>) -> Value {
    let file = file.display().to_string();
    let since = since.map(|since| since.display().to_string());
    let mut arguments = vec!["backup", &file, "--json"];
    arguments.extend(since.iter().flat_map(|since| ["--since", since.as_str()]));
    let taken = steward(place, &arguments, &[]);
    assert!(taken.status.success(), "{taken:?}");
    said(&taken)
}

fn place_for(counter: &Counter) -> Place {
    Place::new().with("STEWARD_EGRESS__ALLOW_PRIVATE", &counter.address().to_string())
}

/// Sends an item; says whether the server took it in.
fn send(place: &Place, item: &str) -> bool {
    let body = json!({ "input": { "item": item } });
    place.client.post("/v1/automations/notices/runs", &body).is_ok_and(|answer| answer.is_success())
}

#[test]
fn another_machine_goes_on_from_a_backup_and_sends_nothing_again() {
    let counter = Counter::start();
    drill(&counter, &place_for(&counter));
}

#[test]
fn the_same_from_a_backup_of_a_store_in_postgresql() {
    let Some(server) = postgres::server("a backup of a store in PostgreSQL") else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("there is a runtime");
    let url = runtime.block_on(postgres::fresh_schema(&server));
    let counter = Counter::start();
    drill(&counter, &place_for(&counter).with("STEWARD_STORE__URL", &url));
}

/// The first machine is lost; another one, with a store in its folder, goes on.
fn drill(counter: &Counter, first: &Place) {
    let running = first.start();
    import_sender(first, counter.address());
    first.import_script("sleeper", "await steward.sleep('1s'); await steward.sleep('3650d');");
    let asleep = first.run("sleeper", &json!({}));
    // Until its second sleep: from the first one it would wake in between.
    until("it sleeps long", SOON, || {
        let run = &first.get(&format!("/v1/runs/{asleep}"))["run"];
        (run["phase"] == "waiting" && run["calls"] == 2).then_some(())
    });
    let code = recovery_code(first);
    let folder = first.home.folder("backups");
    let (whole, more) = (folder.join("whole.backup"), folder.join("more.backup"));

    // Items keep coming, before, while and after the backups are taken, until the machine dies.
    let (sent, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let (taken, later) = std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let item = sent.fetch_add(1, Ordering::SeqCst);
                    send(first, &format!("item-{item}"));
                }
            });
        }
        let some = |count: usize| until("items are sent", SOON, || (counter.counts().len() > count).then_some(()));
        some(10);
        backup(first, &whole, None);
        some(counter.counts().len() + 10);
        let taken = backup(first, &more, Some(&whole));
        let later = counter.counts().len();
        some(later + 10);
        running.kill();
        over.store(true, Ordering::SeqCst);
        (taken, later)
    });
    let before = counter.counts();
    assert!(before.values().all(|count| *count == 1), "{before:?}");
    assert!(taken["manifest"]["base"].is_string() && before.len() > later, "{taken}");

    // Another machine: another folder, another port, and nothing but the files and the code.
    let second = place_for(counter);
    let key = [("STEWARD_RECOVERY_CODE", code.as_str())];
    let files = [more.display().to_string(), whole.display().to_string()];
    let restored = steward(&second, &["restore", &files[0], &files[1], "--json"], &key);
    assert!(restored.status.success(), "{restored:?}");
    let restored = said(&restored);
    assert_eq!(restored["lost"]["after_position"], taken["manifest"]["position"], "{restored}");
    assert_eq!(restored["paused"], json!(["notices", "sleeper"]), "{restored}");

    let running = second.start();
    let automations = second.get("/v1/automations");
    for automation in automations["items"].as_array().expect("there are automations") {
        assert_eq!(automation["mode"], "paused", "{automation}");
    }
    assert_eq!(second.get(&format!("/v1/runs/{asleep}"))["run"]["phase"], "waiting", "what slept still sleeps");
    let verified = steward(&second, &["audit", "verify", "--json"], &[]);
    assert!(verified.status.success() && said(&verified)["ok"] == true, "{verified:?}");
    let lost_after = &restored["lost"]["after_position"];
    let events = second.get(&format!("/v1/rooms/all/events?after={lost_after}"));
    assert!(events.to_string().contains("system.restored"), "the record says what is lost");
    let needs = second.get("/v1/needs");
    assert!(needs.to_string().contains("what happened after it is lost"), "{needs}");
    assert_eq!(counter.counts(), before, "nothing is sent before somebody has looked");

    // Everything is resumed, and every item comes again. What the ledger knows is given back; what it may have forgotten
    // is asked about, and so is what never happened: nobody here can tell the two apart.
    let resumed = second.post("/v1/automations/notices/resume", &json!({}));
    assert!(resumed.is_success(), "{}", resumed.body);
    for path in before.keys() {
        assert!(send(&second, path.trim_start_matches('/')));
    }
    let never = second.run("notices", &json!({ "item": "never-sent" }));
    until("nothing is left to do without a person", SOON, || {
        let left = ["queued", "running"].map(|phase| {
            let runs = second.get(&format!("/v1/runs?phase={phase}&limit=100"));
            // What slept is of an automation that is still paused.
            let runs = runs["items"].as_array().cloned().unwrap_or_default();
            runs.iter().filter(|run| run["id"] != json!(asleep)).count()
        });
        (left == [0, 0]).then_some(())
    });
    assert_eq!(counter.counts(), before, "something was sent again");
    second.run_is(&never, "waiting");
    let asked = second.need("EFFECT_FORGOTTEN");
    assert_eq!(asked["kind"], "settle", "{asked}");

    // The person says that it did not happen: then it does, once.
    let mine = until("there is a need for it", SOON, || {
        let needs = second.get("/v1/needs");
        let items = needs["items"].as_array().cloned().unwrap_or_default();
        items.into_iter().find(|need| need["run"] == json!(never))
    });
    let id = mine["id"].as_str().expect("a need has an id");
    let answered = second.post(&format!("/v1/needs/{id}/answer"), &json!({ "choice": "it_did_not" }));
    assert!(answered.is_success(), "{}", answered.body);
    second.run_is(&never, "succeeded");
    assert_eq!(counter.of("/never-sent"), 1);

    // Trusted, it works as before.
    let trusted = steward(&second, &["automations", "trust", "notices", "--yes"], &[]);
    assert!(trusted.status.success(), "{trusted:?}");
    let fresh = second.run("notices", &json!({ "item": "fresh" }));
    second.run_is(&fresh, "succeeded");
    assert_eq!(counter.of("/fresh"), 1);
    assert!(running.end().success());
}

#[test]
fn a_backup_that_is_not_sound_is_refused_before_anything_is_written() {
    let counter = Counter::start();
    let first = place_for(&counter);
    let running = first.start();
    import_sender(&first, counter.address());
    let run = first.run("notices", &json!({ "item": "one" }));
    first.run_is(&run, "succeeded");
    let folder = first.home.folder("backups");
    let (whole, more) = (folder.join("whole.backup"), folder.join("more.backup"));
    backup(&first, &whole, None);
    backup(&first, &more, Some(&whole));
    let right = recovery_code(&first);
    let other = Place::new();
    other.start().end();
    let wrong = recovery_code(&other);
    let bytes = std::fs::read(&whole).expect("the backup is there");

    let second = place_for(&counter);
    let restore = |files: &[&Path], code: &str| {
        let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
        let mut arguments = vec!["restore", "--json"];
        arguments.extend(files.iter().map(String::as_str));
        steward(&second, &arguments, &[("STEWARD_RECOVERY_CODE", code)])
    };
    let changed = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).expect("a file can be written");
        path
    };
    let mut flipped = bytes.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let newer = String::from_utf8_lossy(&bytes[..200]).contains("\"format\":1");
    assert!(newer, "the header says its format");
    let text = bytes.windows(10).position(|window| window == b"\"format\":1").expect("the header says its format");
    let mut later = bytes.clone();
    later[text + 9] = b'9';
    for (what, files, key, expected) in [
        ("cut off", vec![changed("cut", &bytes[..bytes.len() - 100])], &right, "BACKUP_DAMAGED"),
        ("changed", vec![changed("flipped", &flipped)], &right, "BACKUP_DAMAGED"),
        ("of a newer format", vec![changed("newer", &later)], &right, "BACKUP_NEWER"),
        ("no backup", vec![changed("foreign", b"some other file that is long enough")], &right, "BACKUP_UNREADABLE"),
        ("without its base", vec![more.clone()], &right, "BACKUP_INCOMPLETE"),
        ("locked with another key", vec![whole.clone()], &wrong, "BACKUP_KEY"),
        ("opened with nonsense", vec![whole.clone()], &"AAAA-BBBB".to_owned(), "RECOVERY_CODE"),
    ] {
        let files: Vec<_> = files.iter().map(std::path::PathBuf::as_path).collect();
        assert_eq!(code(&restore(&files, key)), expected, "{what}");
        assert!(!second.home.data().exists(), "{what}: something was written");
    }

    // A folder that is in use is left alone; one whose restore was broken off starts no server, and can be begun again.
    let busy =
        steward(&first, &["restore", &whole.display().to_string(), "--json"], &[("STEWARD_RECOVERY_CODE", &right)]);
    assert_eq!(code(&busy), "RESTORE_NOT_EMPTY");
    let data = second.home.data();
    std::fs::create_dir_all(&data).expect("a folder can be made");
    std::fs::write(data.join("restore.unfinished"), "").expect("a file can be written");
    std::fs::write(data.join("steward.db"), "half a database").expect("a file can be written");
    assert_eq!(code(&steward(&second, &["automations", "list", "--json"], &[])), "RESTORE_UNFINISHED");
    let restored = restore(&[&whole, &more], &right);
    assert!(restored.status.success(), "{restored:?}");
    assert_eq!(code(&restore(&[&whole, &more], &right)), "RESTORE_NOT_EMPTY");
    let verified = steward(&second, &["audit", "verify", "--json"], &[]);
    assert!(verified.status.success(), "{verified:?}");
    assert!(running.end().success());
}
