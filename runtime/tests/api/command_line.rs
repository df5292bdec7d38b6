//! The command line, with a server and without one.

use std::process::Output;

use serde_json::Value;

use crate::support::chance::Chance;
use crate::support::home::Home;
use crate::support::server::{self, Server};

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("`{text}` is no JSON ({error}); said: {}", String::from_utf8_lossy(&output.stderr))
    })
}

/// Writes an automation that gives back its input into a folder.
fn folder(home: &Home) -> String {
    let folder = home.folder("echo");
    let contract = serde_json::json!({
        "title": "Echo", "goal": "Give back what came in.", "triggers": [{ "manual": true }], "capabilities": []
    });
    std::fs::write(folder.join("contract.json"), contract.to_string()).expect("a file can be written");
    std::fs::write(folder.join("script.js"), "export default async function run({ input }) { return input; }")
        .expect("a file can be written");
    folder.display().to_string()
}

#[test]
fn an_automation_is_brought_in_run_and_replayed_without_a_server() {
    let home = Home::new(&mut Chance::new(11));
    let folder = folder(&home);
    let unconfirmed = server::run(&home, &["automations", "import", &folder]);
    assert_eq!(code(&unconfirmed), 6, "{unconfirmed:?}");
    let imported = server::run(&home, &["automations", "import", &folder, "--yes", "--json"]);
    assert_eq!((code(&imported), json(&imported)["imported"].as_bool()), (0, Some(true)), "{imported:?}");

    let ran = server::run(&home, &["automations", "run", "echo", "--input", "{\"n\":7}", "--wait", "--json"]);
    assert_eq!(code(&ran), 0, "{ran:?}");
    let ran = json(&ran);
    assert_eq!((ran["run"]["phase"].as_str(), &ran["result"]), (Some("succeeded"), &serde_json::json!({ "n": 7 })));
    let run = ran["run"]["id"].as_str().unwrap();
    let replayed = server::run(&home, &["runs", "replay", run, "--json"]);
    assert_eq!((code(&replayed), json(&replayed)["equal"].as_bool()), (0, Some(true)), "{replayed:?}");

    let audited = server::run(&home, &["audit", "verify", "--json"]);
    assert_eq!((code(&audited), json(&audited)["ok"].as_bool()), (0, Some(true)), "{audited:?}");
    let exported = home.folder("out").join("echo").display().to_string();
    assert_eq!(code(&server::run(&home, &["automations", "export", "echo", &exported])), 0);
    let again = server::run(&home, &["automations", "import", &exported, "--yes", "--json"]);
    assert_eq!(json(&again)["card"]["change"], "nothing", "what comes out goes in again unchanged");
}

#[test]
fn the_running_server_is_asked_and_exit_codes_tell_what_happened() {
    let home = Home::new(&mut Chance::new(12));
    let folder = folder(&home);
    let running = Server::start(&home, &[]);
    assert_eq!(code(&server::run(&home, &["automations", "import", &folder, "--yes"])), 0);
    let listed = server::run(&home, &["automations", "list"]);
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(text.starts_with("NAME  MODE") && text.contains("echo  active"), "{text}");

    assert_eq!(code(&server::run(&home, &["automations", "show", "nobody"])), 5);
    assert_eq!(code(&server::run(&home, &["automations", "pause", "echo"])), 0);
    assert_eq!(code(&server::run(&home, &["automations", "run", "echo"])), 6, "it is paused");
    assert_eq!(code(&server::run(&home, &["nonsense"])), 2);
    assert_eq!(code(&server::run(&home, &["automations", "run", "echo", "--input", "{"])), 2);

    let second = server::run(&home, &["serve", "--listen", "127.0.0.1:0"]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(code(&second), 7, "{said}");
    assert!(said.contains("STORE_LOCKED") && said.lines().count() == 1, "{said}");
    let other = Home::new(&mut Chance::new(13));
    let listen = format!("127.0.0.1:{}", home.port());
    let taken = server::run(&other, &["serve", "--listen", &listen]);
    let said = String::from_utf8_lossy(&taken.stderr).into_owned();
    assert!(code(&taken) == 7 && said.contains("PORT_IN_USE") && said.contains(&listen), "{said}");
    assert!(running.end().success());
}

#[test]
fn secrets_go_in_by_a_pipe_and_never_come_out() {
    let home = Home::new(&mut Chance::new(14));
    let running = Server::start(&home, &[]);
    let put = running.client().put("/v1/secrets/mail", &serde_json::json!({ "value": "hunter2hunter2" })).unwrap();
    assert_eq!(put.status, 204);
    let listed = server::run(&home, &["secrets", "list", "--json"]);
    assert_eq!(json(&listed), serde_json::json!({ "names": ["mail"] }));
    for path in ["/v1/secrets/mail", "/v1/secrets", "/v1/settings", "/v1/health"] {
        assert!(!running.client().get(path).unwrap().body.contains("hunter2"), "{path}");
    }
    let empty = server::run(&home, &["secrets", "set", "empty"]);
    assert_eq!(code(&empty), 2, "nothing was piped in");
    assert_eq!(code(&server::run(&home, &["secrets", "remove", "mail"])), 0);
}
