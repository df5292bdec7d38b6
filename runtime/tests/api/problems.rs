//! What is wrong, as a caller reads it.

use expect_test::expect;
use serde_json::{Value, json};

use crate::automation;
use crate::raw::Request;
use crate::support::chance::Chance;
use crate::support::client::Answer;
use crate::support::home::Home;
use crate::support::server::Server;

fn check(answer: &Answer, expected: expect_test::Expect) {
    expected.assert_eq(&format!("{:#}\n", answer.json()));
}

#[test]
fn every_problem_of_a_contract_is_told_at_once() {
    let home = Home::new(&mut Chance::new(8));
    let server = Server::start(&home, &[]);
    let mut import = automation::import(false);
    import["contract"]["triggers"] = json!([{ "shedule": "0 9 * * *" }]);
    import["contract"]["goal"] = Value::Null;
    check(
        &server.client().post("/v1/automations", &import).unwrap(),
        expect![[r#"
        {
          "type": "/errors/CONTRACT_TYPE",
          "title": "the contract does not make sense",
          "status": 422,
          "code": "CONTRACT_TYPE",
          "class": "logic",
          "detail": "the contract has 2 problems",
          "problems": [
            {
              "code": "CONTRACT_TYPE",
              "pointer": "/goal",
              "message": "this must be a text"
            },
            {
              "code": "CONTRACT_KEY_MISSING",
              "pointer": "/triggers/0",
              "message": "a trigger is an object with exactly one of the keys `schedule`, `file`, `webhook`, `event`, `manual`"
            }
          ]
        }
    "#]],
    );
}

#[test]
fn what_is_refused_says_what_to_do() {
    let home = Home::new(&mut Chance::new(9));
    let server = Server::start(&home, &[]);
    let client = server.client();
    let code = |answer: Answer| (answer.status, answer.code());
    let imported = |change: &dyn Fn(&mut Value)| {
        let mut import = automation::import(true);
        change(&mut import);
        code(client.post("/v1/automations", &import).unwrap())
    };
    let refused = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(imported(&|_| ()), refused(422, "SECRET_MISSING"));
    assert!(client.put("/v1/secrets/orders", &json!({ "value": "x" })).unwrap().is_success());
    assert_eq!(imported(&|import| import["name"] = json!("No Name")), refused(422, "AUTOMATION_NAME"));
    assert_eq!(imported(&|import| import["script"] = json!("export default (")), refused(422, "SCRIPT_SYNTAX"));
    assert_eq!(imported(&|import| import["surprise"] = json!(1)), refused(400, "BODY_MALFORMED"));
    let folder = |import: &mut Value| {
        import["contract"]["triggers"] = json!([{ "file": { "folder": "inbox", "match": "*.csv" } }]);
    };
    assert_eq!(imported(&folder), refused(403, "FOLDER_UNKNOWN"));
    let nowhere = |import: &mut Value| {
        folder(import);
        import["folders"] = json!({ "inbox": { "path": "/no/such/folder" } });
    };
    assert_eq!(imported(&nowhere), refused(403, "FOLDER_MISSING"));
    assert_eq!(client.get("/v1/automations").unwrap().json()["items"], json!([]), "nothing was brought in");

    let set = |name: &str, value: Value| {
        code(client.put(&format!("/v1/settings/{name}"), &json!({ "value": value })).unwrap())
    };
    assert_eq!(set("folder.x", json!({})), refused(422, "SETTING_UNKNOWN"));
    assert_eq!(set("egress.allow_private", json!(["nas"])), refused(422, "SETTING_VALUE"));
    assert_eq!(set("folders.x", json!({ "path": "relative" })), refused(422, "FOLDER_PATH"));
    assert_eq!(set("folders.x", json!({ "path": home.data() })), refused(422, "FOLDER_PATH"));
    assert_eq!(set("stopped", json!(false)), refused(422, "SETTING_UNKNOWN"));
}

#[test]
fn addresses_that_make_no_sense() {
    let home = Home::new(&mut Chance::new(10));
    let server = Server::start(&home, &[]);
    let client = server.client();
    for (method, path, status, code) in [
        ("GET", "/v1/runs/nonsense", 404, "NOT_FOUND"),
        ("GET", "/v1/automations/nobody", 404, "NOT_FOUND"),
        ("GET", "/v1/runs?phase=asleep", 400, "QUERY_MALFORMED"),
        ("GET", "/v1/runs?limit=many", 400, "QUERY_MALFORMED"),
        ("GET", "/v1/runs?before=x", 400, "QUERY_MALFORMED"),
        ("GET", "/v1/nowhere", 404, "ROUTE_UNKNOWN"),
        ("DELETE", "/v1/runs", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/v1/automations/nobody/stop", 404, "NOT_FOUND"),
        ("DELETE", "/v1/secrets/none", 404, "NOT_FOUND"),
        ("GET", "/v1/streams/rooms/nobody", 404, "NOT_FOUND"),
    ] {
        let answer = client.send(method, path, &[], "").unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {path}");
    }
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let answer = client.send("POST", "/v1/contract/explain", &[], &format!("{{\"contract\":{deep}}}")).unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (400, "BODY_MALFORMED"));
    let twice = client.send("POST", "/v1/contract/explain", &[], "{\"contract\":1,\"contract\":2}").unwrap();
    assert_eq!(twice.code(), "BODY_MALFORMED");
    let long = client.send("POST", "/v1/contract/explain", &[], &"x".repeat((9 << 20) + 1)).unwrap();
    assert_eq!((long.status, long.code().as_str()), (413, "BODY_TOO_LARGE"));
}

#[test]
fn the_page_of_an_error_is_where_its_type_leads() {
    let home = Home::new(&mut Chance::new(10));
    let server = Server::start(&home, &[]);
    let problem = server.client().get("/v1/runs/run_x").unwrap().json();
    // Without a token: some errors are about the token.
    let page = |path: &str| Request::bare(home.port(), "GET", path).send(home.port());
    for kind in [problem["type"].as_str().unwrap(), "/errors/TOKEN_MISSING", "/errors/HTTP_UNCERTAIN"] {
        let shown = page(kind);
        assert_eq!((shown.status, shown.header("content-type")), (200, Some("text/html; charset=utf-8")), "{kind}");
        let code = kind.trim_start_matches("/errors/");
        assert!(shown.body.contains(&format!("<h1>{code}</h1>")), "{}", shown.body);
        assert!(shown.body.contains("<h2>What to do</h2>"), "{}", shown.body);
    }
    for nothing in ["/errors/NOTHING", "/errors/..%2f01-philosophy", "/errors/token_missing"] {
        assert_eq!(page(nothing).status, 404, "{nothing}");
    }
    assert_eq!(page("/reference.css").status, 200);
}

#[test]
fn a_body_that_may_hold_a_secret_is_never_repeated() {
    let home = Home::new(&mut Chance::new(11));
    let server = Server::start(&home, &[]);
    for body in [
        r#""hunter2""#,
        r#"{"value":{"hunter2":"hunter2"}}"#,
        r#"{"hunter2":"x"}"#,
        r#"{"value":"hunter2","value":"hunter2"}"#,
        r#"{"value":"x","hunter2":1}"#,
        r#"{"value":"hunter2"#,
        "hunter2",
    ] {
        let answer = server.client().send("PUT", "/v1/secrets/mail", &[], body).unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (400, "BODY_MALFORMED"), "{body}");
        assert!(!answer.body.contains("hunter2"), "{}", answer.body);
    }
    assert_eq!(server.client().put("/v1/secrets/mail", &json!({ "value": "hunter2" })).unwrap().status, 204);
    assert!(!server.said().contains("hunter2"), "nor is it in the log");
}

#[test]
fn the_gate_says_what_it_would_say_and_a_diff_says_what_would_change() {
    let home = Home::new(&mut Chance::new(14));
    let server = Server::start(&home, &[]);
    let client = server.client();
    let contract = json!({
        "title": "Reminders", "goal": "Remind clients.", "triggers": [{ "manual": true }],
        "capabilities": [
            { "tool": "http.get", "where": { "/url": { "prefix": "https://books.example/api" } } },
            { "tool": "email.send", "bind": { "inv": { "row_of": "http.get", "at": "/items/*" } },
              "where": { "/to": { "same_as": "inv:/email" } }, "fresh_for": "15m" }
        ],
        "once": [{ "tool": "email.send", "per": ["invoice"] }],
        "limits": [{ "rate": { "tool": "email.send", "max": 1, "window": "1d" }, "else": "skip" }]
    });
    let ask = |to: &str, read_at: &str, earlier: Value| {
        let question = json!({
            "contract": contract, "tool": "email.send", "now": "2026-11-20T12:00:00Z", "key": { "invoice": 1 },
            "arguments": { "to": to, "subject": "Invoice A-17", "text": "Please pay." }, "earlier": earlier,
            "reads": [{
                "tool": "http.get", "arguments": { "url": "https://books.example/api" }, "at": read_at,
                "value": { "json": { "items": [{ "email": "ann@client.example" }] } }
            }]
        });
        let answer = client.post("/v1/policy/evaluate", &question).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()["verdict"].as_str().unwrap().to_owned()
    };
    let fresh = "2026-11-20T11:50:00Z";
    assert_eq!(ask("ann@client.example", fresh, json!([])), "allow");
    assert_eq!(ask("eve@evil.example", fresh, json!([])), "deny");
    assert_eq!(ask("ann@client.example", "2026-11-20T11:00:00Z", json!([])), "read_again");
    let earlier = json!([{ "arguments": { "to": "ann@client.example" }, "at": "2026-11-20T00:00:00Z" }]);
    assert_eq!(ask("ann@client.example", fresh, earlier), "skip");

    let mut wider = contract.clone();
    wider["limits"] = json!([]);
    let compared = |old: &Value, new: &Value| {
        client.post("/v1/contracts/diff", &json!({ "old": old, "new": new })).unwrap().json()
    };
    assert_eq!(compared(&contract, &wider)["widens"], true);
    assert_eq!(compared(&wider, &contract)["widens"], false);
    let same = compared(&contract, &contract);
    assert_eq!((same["changes"].as_array().unwrap().len(), same["text"].as_str()), (0, Some("Nothing changes.\n")));

    let folder = home.folder("contracts");
    let file = |name: &str, contract: &Value| {
        let path = folder.join(name);
        std::fs::write(&path, contract.to_string()).expect("a file can be written");
        path.display().to_string()
    };
    let (old, new) = (file("old.json", &contract), file("new.json", &wider));
    let said = crate::support::server::run(&home, &["contract", "diff", &old, &new]);
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(text.contains("widens   limits") && text.contains("More may happen"), "{text}");
}
