//! `files.*` in real folders: no way out, nothing half written, nothing done twice.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use connectors::{Call, Trust};
use intents::Timestamp;
use intents::approval::Content;
use intents::canonical::Digest;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Adjust, Bench, call, ending, settled, value};

/// A granted folder `drop`, with a secret beside it that no script may reach.
struct Desk {
    bench: Bench,
    home: TempDir,
}

impl Desk {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        fs::create_dir_all(home.path().join("drop/inner")).unwrap();
        fs::create_dir(home.path().join("archive")).unwrap();
        fs::create_dir(home.path().join("outside")).unwrap();
        fs::write(home.path().join("outside/secret"), "secret").unwrap();
        Self { bench: Bench::new(), home }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.home.path().join(name)
    }

    fn call(&self, arguments: Value) -> Call {
        // The real time, since files carry it.
        let mut call = call(arguments)
            .folder("drop", &self.path("drop"), Trust::Trusted)
            .folder("archive", &self.path("archive"), Trust::Trusted)
            .folder("papers", &self.path("drop"), Trust::ReadOnly)
            .folder("lost", &self.path("lost"), Trust::Trusted);
        call.now = later();
        call.started_at = call.now;
        call
    }

    async fn ended(&self, tool: &str, arguments: Value) -> String {
        let performed = self.bench.perform(tool, &self.call(arguments)).await;
        let shown = format!("{performed:?}");
        assert!(
            !shown.contains(self.home.path().to_str().unwrap()),
            "the place of a folder is not for scripts: {shown}"
        );
        ending(&performed)
    }

    async fn settled(&self, tool: &str, arguments: Value, started_at: Timestamp) -> String {
        let mut call = self.call(arguments);
        call.started_at = started_at;
        settled(&self.bench.settle(tool, &call).await)
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// After everything that a test has done to its files.
fn later() -> Timestamp {
    Timestamp::from_millis(10_000_000_000_000)
}

/// Before everything that a test has done to its files.
fn earlier() -> Timestamp {
    Timestamp::EPOCH
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn a_script_lists_reads_writes_moves_and_deletes() {
    let desk = Desk::new();
    let content = "date,amount\n2026-11-20,12.50\n";
    let perform = async |tool: &str, arguments: Value| {
        let performed = desk.bench.perform(tool, &desk.call(arguments)).await;
        let labels: Vec<_> =
            performed.iter().flat_map(|performed| &performed.labels).map(|label| label.0.clone()).collect();
        (value(performed), labels)
    };
    let (written, _) = perform("files.write", json!({ "folder": "drop", "path": "new/a.csv", "text": content })).await;
    assert_eq!(
        written,
        json!({ "path": "new/a.csv", "size": content.len(), "digest": Digest::of(content.as_bytes()) })
    );
    let (listed, labels) = perform("files.list", json!({ "folder": "papers", "path": "new", "match": "*.csv" })).await;
    assert_eq!(listed["entries"][0]["path"], "new/a.csv");
    assert_eq!(labels, ["folder:papers"]);
    let (found, labels) = perform("files.read", json!({ "folder": "drop", "path": "new/a.csv" })).await;
    assert_eq!((&found["text"], &found["digest"]), (&json!(content), &written["digest"]));
    assert_eq!(labels, ["folder:drop"]);
    let to = json!({ "folder": "drop", "from": "new/a.csv", "to_folder": "archive", "to": "2026/a.csv" });
    perform("files.move", to).await;
    assert_eq!(read(&desk.path("archive/2026/a.csv")), content);
    perform("files.delete", json!({ "folder": "archive", "path": "2026/a.csv" })).await;
    assert_eq!(desk.names("archive/2026"), Vec::<String>::new());
    let (listed, _) = perform("files.list", json!({ "folder": "drop" })).await;
    let kinds: Vec<_> =
        listed["entries"].as_array().unwrap().iter().map(|entry| (&entry["name"], &entry["kind"])).collect();
    assert_eq!(kinds, [(&json!("inner"), &json!("folder")), (&json!("new"), &json!("folder"))]);
}

#[tokio::test]
async fn no_path_and_no_link_leads_out() {
    let desk = Desk::new();
    let outside = desk.path("outside");
    symlink(outside.join("secret"), desk.path("drop/link")).unwrap();
    symlink("../outside/secret", desk.path("drop/relative")).unwrap();
    symlink(&outside, desk.path("drop/door")).unwrap();
    symlink("../../outside", desk.path("drop/inner/door")).unwrap();
    symlink("loop", desk.path("drop/loop")).unwrap();
    symlink("/proc/self/root", desk.path("drop/root")).unwrap();
    let absolute = outside.join("secret").to_str().unwrap().to_owned();
    for path in [
        "../outside/secret",
        "inner/../../outside/secret",
        absolute.as_str(),
        "link",
        "relative",
        "door/secret",
        "inner/door/secret",
        "root/etc/passwd",
        "inner/../link",
        "..",
        "loop",
    ] {
        for (tool, arguments) in [
            ("files.read", json!({ "folder": "drop", "path": path })),
            ("files.write", json!({ "folder": "drop", "path": path, "text": "mine now" })),
            ("files.move", json!({ "folder": "drop", "from": path, "to": "stolen" })),
            ("files.move", json!({ "folder": "drop", "from": "inner/mine", "to": path })),
            ("files.delete", json!({ "folder": "drop", "path": path })),
        ] {
            fs::write(desk.path("drop/inner/mine"), "mine").unwrap();
            let ended = desk.ended(tool, arguments).await;
            let stopped = ["permission PATH_OUTSIDE", "logic FILE_SPECIAL", "logic PATH_INVALID", "refused conflict"];
            assert!(stopped.contains(&ended.as_str()), "{tool} {path}: {ended}");
        }
    }
    assert_eq!(read(&outside.join("secret")), "secret");
    assert_eq!(desk.names("outside"), ["secret"]);
    for path in ["door", "inner/door", "root"] {
        assert_eq!(
            desk.ended("files.list", json!({ "folder": "drop", "path": path })).await,
            "permission PATH_OUTSIDE"
        );
    }
    let listed =
        value(desk.bench.perform("files.list", &desk.call(json!({ "folder": "drop", "match": "link" }))).await);
    assert_eq!(listed["entries"][0]["kind"], "other");
}

#[tokio::test]
async fn links_that_stay_inside_are_followed_for_reading() {
    let desk = Desk::new();
    fs::write(desk.path("drop/inner/a"), "a").unwrap();
    symlink("inner/a", desk.path("drop/inside")).unwrap();
    assert_eq!(desk.ended("files.read", json!({ "folder": "drop", "path": "inside" })).await, "value");
}

#[tokio::test]
async fn what_a_script_may_not_or_cannot_do_is_said_clearly() {
    let desk = Desk::new();
    fs::write(desk.path("drop/a"), "a").unwrap();
    fs::write(desk.path("drop/latin"), b"caf\xe9").unwrap();
    fs::File::create(desk.path("drop/big")).unwrap().set_len(200 * 1024 * 1024).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, desk.path("drop/pipe"), rustix::fs::Mode::RUSR).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(desk.path("drop/socket")).unwrap();
    for (tool, arguments, expected) in [
        ("files.read", json!({ "folder": "nowhere", "path": "a" }), "permission FOLDER_UNKNOWN"),
        ("files.read", json!({ "folder": "lost", "path": "a" }), "permission FOLDER_MISSING"),
        ("files.write", json!({ "folder": "papers", "path": "b", "text": "b" }), "permission FOLDER_READ_ONLY"),
        ("files.delete", json!({ "folder": "papers", "path": "a" }), "permission FOLDER_READ_ONLY"),
        ("files.move", json!({ "folder": "papers", "from": "a", "to": "b" }), "permission FOLDER_READ_ONLY"),
        (
            "files.move",
            json!({ "folder": "drop", "from": "a", "to_folder": "papers", "to": "b" }),
            "permission FOLDER_READ_ONLY",
        ),
        ("files.read", json!({ "folder": "drop", "path": "none" }), "refused not_found"),
        ("files.read", json!({ "folder": "drop", "path": "none/none" }), "refused not_found"),
        ("files.list", json!({ "folder": "drop", "path": "none" }), "refused not_found"),
        ("files.read", json!({ "folder": "drop", "path": "inner" }), "logic FILE_SPECIAL"),
        ("files.read", json!({ "folder": "drop", "path": "pipe" }), "logic FILE_SPECIAL"),
        ("files.read", json!({ "folder": "drop", "path": "socket" }), "logic FILE_SPECIAL"),
        ("files.write", json!({ "folder": "drop", "path": "pipe", "text": "x" }), "logic FILE_SPECIAL"),
        ("files.move", json!({ "folder": "drop", "from": "pipe", "to": "x" }), "logic FILE_SPECIAL"),
        ("files.delete", json!({ "folder": "drop", "path": "inner" }), "logic FILE_SPECIAL"),
        ("files.read", json!({ "folder": "drop", "path": "a/b" }), "logic PATH_INVALID"),
        ("files.read", json!({ "folder": "drop", "path": "big" }), "limit FILE_TOO_LARGE"),
        ("files.read", json!({ "folder": "drop", "path": "latin" }), "logic FILE_NOT_TEXT"),
        ("files.read", json!({ "folder": "drop", "path": "latin", "as": "base64" }), "value"),
        ("files.write", json!({ "folder": "drop", "path": "b" }), "logic ARGUMENTS_INVALID"),
        ("files.write", json!({ "folder": "drop", "path": "b", "base64": "?" }), "logic ARGUMENTS_INVALID"),
        ("files.write", json!({ "folder": "drop", "path": ".steward-b", "text": "" }), "logic PATH_INVALID"),
        ("files.write", json!({ "folder": "drop", "path": "n".repeat(300), "text": "" }), "logic PATH_INVALID"),
        ("files.write", json!({ "folder": "drop", "path": "a", "text": "b", "if_absent": true }), "refused conflict"),
        (
            "files.write",
            json!({ "folder": "drop", "path": "a", "text": "b", "if_digest": Digest::of(b"z") }),
            "refused conflict",
        ),
        ("files.move", json!({ "folder": "drop", "from": "none", "to": "b" }), "refused not_found"),
        ("files.move", json!({ "folder": "drop", "from": "a", "to": "latin" }), "refused conflict"),
        ("files.delete", json!({ "folder": "drop", "path": "none" }), "refused not_found"),
        ("files.delete", json!({ "folder": "drop", "path": "a", "if_digest": Digest::of(b"z") }), "refused conflict"),
    ] {
        let shown = arguments.to_string();
        assert_eq!(desk.ended(tool, arguments).await, expected, "{tool} {shown}");
    }
    assert_eq!(read(&desk.path("drop/a")), "a");
    assert_eq!(desk.names("drop"), ["a", "big", "inner", "latin", "pipe", "socket"], "nothing half written is left");
}

#[tokio::test]
async fn conditions_that_hold_let_a_file_be_written() {
    let desk = Desk::new();
    let write = |more: Value| {
        let mut arguments = json!({ "folder": "drop", "path": "a" });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    assert_eq!(desk.ended("files.write", write(json!({ "text": "1", "if_absent": true }))).await, "value");
    assert_eq!(desk.ended("files.write", write(json!({ "text": "2", "if_digest": Digest::of(b"1") }))).await, "value");
    assert_eq!(desk.ended("files.write", write(json!({ "base64": "Mw==" }))).await, "value");
    assert_eq!(read(&desk.path("drop/a")), "3");
    fs::set_permissions(desk.path("drop/a"), fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(
        desk.ended("files.delete", json!({ "folder": "drop", "path": "a", "if_digest": Digest::of(b"3") })).await,
        "value"
    );
}

#[tokio::test]
async fn a_writing_that_was_cut_off_is_settled_without_undoing_what_others_did() {
    let desk = Desk::new();
    let write = || json!({ "folder": "drop", "path": "a", "text": "ours" });
    assert_eq!(desk.settled("files.write", write(), later()).await, "applied", "it was never begun: it is done now");
    assert_eq!(read(&desk.path("drop/a")), "ours");
    assert_eq!(desk.settled("files.write", write(), earlier()).await, "applied", "it is there");
    fs::write(desk.path("drop/a"), "theirs").unwrap();
    assert_eq!(desk.settled("files.write", write(), earlier()).await, "unknown", "somebody changed it since");
    assert_eq!(read(&desk.path("drop/a")), "theirs");
    assert_eq!(desk.settled("files.write", write(), later()).await, "applied", "the change is older than our call");
    let only_new = json!({ "folder": "drop", "path": "a", "text": "other", "if_absent": true });
    assert_eq!(desk.settled("files.write", only_new, later()).await, "not applied");
}

#[tokio::test]
async fn a_leftover_of_a_crash_does_not_stop_the_next_try() {
    let desk = Desk::new();
    let leftover = format!(".steward-{}", &Digest::of(b"the effect").to_string()[..32]);
    fs::write(desk.path("drop").join(&leftover), "half").unwrap();
    let listed = value(desk.bench.perform("files.list", &desk.call(json!({ "folder": "drop" }))).await);
    assert_eq!(listed["entries"].as_array().unwrap().len(), 1, "leftovers are not shown");
    assert_eq!(desk.ended("files.write", json!({ "folder": "drop", "path": "a", "text": "whole" })).await, "value");
    assert_eq!(desk.names("drop"), ["a", "inner"]);
}

#[tokio::test]
async fn a_move_that_was_cut_off_is_finished_or_found_done() {
    let desk = Desk::new();
    let (from, to) = (desk.path("drop/a"), desk.path("archive/a"));
    let movement = || json!({ "folder": "drop", "from": "a", "to_folder": "archive", "to": "a" });
    fs::write(&from, "a").unwrap();
    assert_eq!(desk.settled("files.move", movement(), later()).await, "applied", "it had not begun");
    assert!(!from.exists() && to.exists());
    assert_eq!(desk.settled("files.move", movement(), later()).await, "applied", "it was done");
    fs::write(&from, "a").unwrap();
    assert_eq!(
        desk.settled("files.move", movement(), later()).await,
        "applied",
        "the copy was made, the original remained"
    );
    assert!(!from.exists());
    fs::write(&from, "another").unwrap();
    assert_eq!(desk.settled("files.move", movement(), later()).await, "not applied", "something else has the name");
    assert_eq!((read(&from), read(&to)), ("another".to_owned(), "a".to_owned()));
    fs::remove_file(&from).unwrap();
    fs::remove_file(&to).unwrap();
    assert_eq!(desk.settled("files.move", movement(), later()).await, "unknown", "nobody knows where it went");
}

#[tokio::test]
async fn a_move_onto_itself_loses_nothing() {
    let desk = Desk::new();
    fs::write(desk.path("drop/a"), "a").unwrap();
    let movement = || json!({ "folder": "drop", "from": "a", "to": "a" });
    assert_eq!(desk.ended("files.move", movement()).await, "refused conflict");
    assert_eq!(desk.settled("files.move", movement(), later()).await, "not applied");
    let roundabout = json!({ "folder": "drop", "from": "a", "to_folder": "drop", "to": "./a" });
    assert_eq!(desk.settled("files.move", roundabout, later()).await, "not applied");
    assert_eq!(read(&desk.path("drop/a")), "a");
}

#[tokio::test]
async fn a_deletion_that_was_cut_off_spares_a_file_that_came_later() {
    let desk = Desk::new();
    let delete = || json!({ "folder": "drop", "path": "a" });
    assert_eq!(desk.settled("files.delete", delete(), earlier()).await, "applied", "gone is gone");
    fs::write(desk.path("drop/a"), "a").unwrap();
    assert_eq!(desk.settled("files.delete", delete(), earlier()).await, "unknown", "a new file under the old name");
    assert!(desk.path("drop/a").exists());
    assert_eq!(desk.settled("files.delete", delete(), later()).await, "applied");
    assert!(!desk.path("drop/a").exists());
}

#[tokio::test]
async fn a_folder_that_takes_nothing_more_is_told_apart_from_one_that_is_not_there() {
    let desk = Desk::new();
    // The longest wait that a test should see; nothing here takes it.
    let call = desk.call(json!({ "folder": "lost", "path": "a", "text": "a" })).within(Duration::from_secs(5));
    assert_eq!(ending(&desk.bench.perform("files.write", &call).await), "permission FOLDER_MISSING");
    fs::write(desk.path("lost"), "a file").unwrap();
    assert_eq!(ending(&desk.bench.perform("files.write", &call).await), "permission FOLDER_MISSING");
}

#[tokio::test]
async fn only_what_a_person_said_yes_to_is_moved_or_deleted() {
    let desk = Desk::new();
    let file = desk.path("drop/a");
    for (tool, arguments) in [
        ("files.move", json!({ "folder": "drop", "from": "./a", "to_folder": "archive", "to": "a" })),
        ("files.delete", json!({ "folder": "drop", "path": "a" })),
    ] {
        fs::write(&file, "what was shown").unwrap();
        let mut call = desk.call(arguments);
        let contents = desk.bench.tool(tool).contents(&call).await.unwrap();
        let digest = Some(Digest::of(b"what was shown"));
        assert_eq!(contents, [Content { folder: "drop".to_owned(), path: "a".to_owned(), digest }], "{tool}");
        call.approved = Some(contents.into());
        fs::write(&file, "another").unwrap();
        assert_eq!(ending(&desk.bench.perform(tool, &call).await), "transient CONTENT_CHANGED", "{tool}");
        // What a yes does not name is not done either.
        let approved = call.approved.replace(Vec::new().into());
        assert_eq!(ending(&desk.bench.perform(tool, &call).await), "transient CONTENT_CHANGED", "{tool}");
        assert_eq!((read(&file).as_str(), desk.names("archive")), ("another", Vec::new()), "{tool}");
        call.approved = approved;
        fs::write(&file, "what was shown").unwrap();
        assert_eq!(ending(&desk.bench.perform(tool, &call).await), "value", "{tool}");
        assert!(!file.exists(), "{tool}");
        let _ = fs::remove_file(desk.path("archive/a"));
    }
}
