//! The example of the documentation, as a program of its own.

use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::processes::signal;
use crate::support::wait::until;
use crate::world::{SOON, World};

/// The first block of a language on the page.
fn block(language: &str, holding: &str) -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/10-engines-outside.md")).unwrap();
    let blocks = page.split("\n```").skip(1).step_by(2).filter_map(|block| block.strip_prefix(language));
    let mut found = blocks.filter(|block| block.contains(holding)).map(str::to_owned);
    found.next().unwrap_or_else(|| panic!("the page has no {language} with `{holding}`"))
}

/// Brings the automation of the page in, by its own folder and the command line; gives a token for its engine.
fn import(world: &World) -> String {
    let manifest: Value = serde_json::from_str(&block("json", "outside")).expect("the manifest is JSON");
    let contract: Value = serde_json::from_str(&block("json", "capabilities")).expect("the contract is JSON");
    let folder = world.home.folder("orders");
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    std::fs::write(folder.join("contract.json"), contract.to_string()).unwrap();
    let imported = crate::support::server::run(
        &world.home,
        &["automations", "import", &folder.display().to_string(), "--yes", "--json"],
    );
    assert_eq!(imported.status.code(), Some(0), "{imported:?}");
    let imported: Value = serde_json::from_slice(&imported.stdout).unwrap();
    let engine = manifest["engine"]["outside"].as_str().unwrap();
    assert_eq!(imported["card"]["engine"], engine);
    let made = world.post("/v1/engines/tokens", &json!({ "engine": engine }));
    let token = made.json()["secret"].as_str().unwrap().to_owned();
    // What goes out comes in again, without a script.
    let out = world.home.folder("out").join("orders");
    let name = manifest["name"].as_str().unwrap();
    let exported =
        crate::support::server::run(&world.home, &["automations", "export", name, &out.display().to_string()]);
    assert_eq!(exported.status.code(), Some(0), "{exported:?}");
    assert!(!out.join("script.js").exists());
    let again = crate::support::server::run(
        &world.home,
        &["automations", "import", &out.display().to_string(), "--yes", "--json"],
    );
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again["card"]["change"], "nothing", "{again}");
    token
}

/// Starts the program of the page for some runs.
fn start(world: &World, token: &str, runs: u32) -> Child {
    let program = world.home.folder("engine").join("orders.py");
    std::fs::write(&program, block("python", "urllib")).unwrap();
    Command::new("python3")
        .arg(&program)
        .arg(runs.to_string())
        .env("STEWARD", format!("http://127.0.0.1:{}", world.home.port()))
        .env("STEWARD_ENGINE_TOKEN", token)
        .stdin(Stdio::null())
        .spawn()
        .expect("python3 is there")
}

fn mails(world: &World) -> usize {
    let outbox = world.home.data().join("outbox");
    let files = std::fs::read_dir(outbox).into_iter().flatten().flatten();
    files.filter(|file| file.path().extension().is_some_and(|ending| ending == "eml")).count()
}

fn order(order: &str) -> Value {
    json!({ "order": order, "to": "ada@localhost", "lines": [{ "price": 3 }, { "price": 4 }] })
}

#[test]
fn the_example_of_the_page_works() {
    let world = World::new(81);
    let _server = world.start();
    let token = import(&world);
    let first = world.run(&order("A17"));
    let second = world.run(&json!({ "order": "A18" }));
    let mut program = start(&world, &token, 2);
    let detail = world.run_is(&first, "succeeded");
    assert_eq!(detail["result"], json!({ "order": "A17", "total": 7 }));
    assert_eq!(world.run_is(&second, "failed")["failure"]["code"], "ENGINE_FAILED");
    assert!(program.wait().unwrap().success());
    assert_eq!(mails(&world), 1);
    let steps = world.get(&format!("/v1/runs/{first}/steps"));
    assert_eq!(steps["items"][0]["data"], json!({ "lines": 2, "total": 7 }));
    let artifacts = world.get(&format!("/v1/runs/{first}/artifacts"));
    assert_eq!(artifacts["items"][0]["name"], "A17.txt");
}

#[test]
fn the_example_may_be_killed_and_no_mail_goes_twice() {
    let world = World::new(82);
    let _server = world.start();
    let token = import(&world);
    let run = world.run(&order("A19"));
    // Killed as soon as the mail is out, or a little before or after: the lease runs out, and another goes on.
    let mut killed = start(&world, &token, 1);
    until("the run is held", SOON, || (world.get(&format!("/v1/runs/{run}"))["run"]["attempts"] == 1).then_some(()));
    until("the mail is out", SOON, || {
        let over = world.get(&format!("/v1/runs/{run}"))["run"]["phase"] == "succeeded";
        (over || mails(&world) == 1).then_some(())
    });
    signal(killed.id(), libc::SIGKILL);
    killed.wait().unwrap();
    let mut next = start(&world, &token, 1);
    world.run_is(&run, "succeeded");
    signal(next.id(), libc::SIGKILL);
    next.wait().unwrap();
    assert_eq!(mails(&world), 1);
}

#[test]
fn the_example_outlives_the_server() {
    let world = World::new(83);
    let server = world.start();
    let token = import(&world);
    let mut program = start(&world, &token, 1);
    until("it asks for work", SOON, || (world.get("/v1/engines")["waiting"] == 1).then_some(()));
    // It finds nobody for a while, and asks again by itself.
    server.kill();
    let _server = world.start();
    let run = world.run(&order("A20"));
    world.run_is(&run, "succeeded");
    assert!(program.wait().unwrap().success());
    assert_eq!(mails(&world), 1);
    // Who looks at the run is told who did it, and what was left behind.
    let shown = crate::support::server::run(&world.home, &["runs", "show", &run]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    for part in ["engine outside `orders-worker`", "done: added up the order", "A20.txt"] {
        assert!(shown.contains(part), "{shown}");
    }
}
