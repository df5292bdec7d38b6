//! Trials over HTTP and on the command line, and what an import makes of them.

use serde_json::{Value, json};

use crate::automation;
use crate::support::chance::Chance;
use crate::support::home::Home;
use crate::support::server::{Server, run};

/// A contract for one mail for each greeting.
fn contract() -> Value {
    json!({
        "title": "Greeting", "goal": "Send one mail.", "triggers": [{ "manual": true }],
        "capabilities": [{ "tool": "email.send", "where": { "/to": { "equals": "me@localhost" } } }],
        "once": [{ "tool": "email.send", "per": ["greeting"] }],
        "limits": [{ "rate": { "tool": "email.send", "max": 5, "window": "1d" }, "else": "ask" }]
    })
}

fn script(key: &str) -> String {
    format!(
        r#"export default async function run({{ tools }}) {{
             await tools.email.send({{ to: "me@localhost", subject: "Hello", text: "" }}, {{ key: {{ greeting: {key} }} }});
           }}"#
    )
}

#[test]
fn a_refuted_script_does_not_come_in_and_an_honest_one_shows_its_sheet() {
    let home = Home::new(&mut Chance::new(41));
    let server = Server::start(&home, &[]);
    let client = server.client();
    let import = |script: String, confirm: bool| {
        let body = json!({ "name": "greeting", "contract": contract(), "script": script, "confirm": confirm });
        client.post("/v1/automations", &body).unwrap()
    };

    for confirm in [false, true] {
        let refused = import(script("String(Math.random())"), confirm);
        assert_eq!((refused.status, refused.code().as_str()), (422, "TRIAL_REFUTED"), "{}", refused.body);
        assert!(refused.body.contains("TRIAL_KEY_CHANCE"), "{}", refused.body);
    }
    assert_eq!(client.get("/v1/automations/greeting").unwrap().status, 404, "nothing came in");

    let imported = import(script("\"hello\""), true).json();
    assert_eq!(
        (&imported["imported"], &imported["card"]["trial"]["sheet"]["verdict"]),
        (&json!(true), &json!("proven"))
    );
    let trial = imported["card"]["trial"]["id"].as_str().unwrap();
    let kept = client.get(&format!("/v1/trials/{trial}")).unwrap().json();
    assert_eq!(kept, imported["card"]["trial"]);
    assert!(kept["sheet"]["counts"]["crash_points"]["tried"].as_u64() > Some(0), "{kept}");
}

#[test]
fn what_is_tried_is_a_draft_or_an_automation() {
    let home = Home::new(&mut Chance::new(42));
    let server = Server::start(&home, &[]);
    let client = server.client();
    automation::set_up(&client);
    let tried = client.post("/v1/trials", &json!({ "contract": contract(), "script": script("String(Date.now())") }));
    let sheet = tried.unwrap().json()["sheet"].clone();
    assert_eq!(sheet["verdict"], "refuted", "{sheet}");
    let codes: Vec<_> = sheet["findings"].as_array().unwrap().iter().map(|finding| &finding["code"]).collect();
    assert!(codes.contains(&&json!("TRIAL_KEY_CLOCK")), "{codes:?}");

    let known = client.post("/v1/trials", &json!({ "automation": automation::NAME })).unwrap();
    assert_eq!(known.json()["sheet"]["verdict"], "proven", "{}", known.body);
    for (path, status) in [("/v1/trials/trial_00000000000000000000000000", 404), ("/v1/trials/nothing", 404)] {
        assert_eq!(client.get(path).unwrap().status, status, "{path}");
    }
    for body in [json!({}), json!({ "automation": "echo", "script": "" }), json!({ "contract": contract() })] {
        let refused = client.post("/v1/trials", &body).unwrap();
        assert_eq!((refused.status, refused.code().as_str()), (400, "BODY_MALFORMED"), "{body}");
    }
    let unknown = client.post("/v1/trials", &json!({ "automation": "nobody" })).unwrap();
    assert_eq!(unknown.status, 404, "{}", unknown.body);
}

#[test]
fn the_command_line_tries_folders_and_automations_and_goes_through_the_past() {
    let home = Home::new(&mut Chance::new(43));
    let folder = home.folder("greeting");
    let code = |arguments: &[&str]| {
        let output = run(&home, arguments);
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let here = folder.display().to_string();
    std::fs::write(folder.join("contract.json"), contract().to_string()).unwrap();
    std::fs::write(folder.join("script.js"), script("`${Math.random()}`")).unwrap();
    let (exit, said) = code(&["trial", &here]);
    assert!(exit == 6 && said.contains("TRIAL_KEY_CHANCE"), "{exit}: {said}");
    std::fs::write(folder.join("script.js"), script("\"hello\"")).unwrap();
    let (exit, said) = code(&["trial", &here]);
    assert!(exit == 0 && said.starts_with("proven: "), "{exit}: {said}");

    assert_eq!(code(&["automations", "import", &here, "--yes"]).0, 0);
    let (exit, said) = code(&["trial", "greeting", "--json"]);
    let tried: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((exit, &tried["sheet"]["verdict"]), (0, &json!("proven")), "{said}");
    let (exit, said) = code(&["backtest", "greeting", "--last", "30d", "--json"]);
    let found: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((exit, &found["runs"]), (0, &json!(0)), "{said}");
    assert_eq!(code(&["backtest", "greeting", "--last", "soon"]).0, 1);
}

#[test]
fn a_backtest_says_what_another_script_would_have_done() {
    let home = Home::new(&mut Chance::new(44));
    let server = Server::start(&home, &[]);
    let client = server.client();
    let body = json!({
        "name": "cursor",
        "contract": { "title": "Cursor", "goal": "Count.", "triggers": [{ "manual": true }], "capabilities": [{ "tool": "notify.user" }] },
        "script": "export default async function run({ state }) { const n = ((await state.get('n')) ?? 0) + 1; await state.set('n', n); return n; }",
        "confirm": true
    });
    let imported = client.post("/v1/automations", &body).unwrap();
    assert!(imported.is_success(), "{}", imported.body);
    for _ in 0..3 {
        let ran = client.post("/v1/automations/cursor/runs", &json!({ "wait_ms": 20_000 })).unwrap();
        assert!(ran.is_success(), "{}", ran.body);
    }
    let backtest = |script: Option<&str>| {
        let mut body = json!({ "last": "30d" });
        if let Some(script) = script {
            body["script"] = script.into();
        }
        client.post("/v1/automations/cursor/backtest", &body).unwrap().json()
    };
    let same = backtest(None);
    assert_eq!((&same["runs"], &same["sheet"]["counts"]["past_runs"]), (&json!(3), &json!(3)), "{same}");
    assert_eq!((&same["sheet"]["verdict"], &same["sheet"]["counts"]["differences"]), (&json!("proven"), &json!(0)));
    let broken = backtest(Some("export default async function run() { throw new Error('no'); }"));
    assert_eq!(broken["sheet"]["counts"]["differences"], 3, "{broken}");
}
