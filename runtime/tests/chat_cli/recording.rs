//! A home with a model that answers what was written down.

use std::process::Output;

use serde_json::{Value, json};

use crate::support::chance::Chance;
use crate::support::home::Home;
use crate::support::server;

/// A home whose model gives these answers, in their order.
pub(crate) fn home(seed: u64, answers: &Value) -> Home {
    let home = Home::new(&mut Chance::new(seed));
    let file = home.folder("recording").join("answers.json");
    std::fs::write(&file, json!({ "version": 1, "answers": answers }).to_string()).unwrap();
    let added = server::run(&home, &["providers", "add", "told", "--recording", &file.display().to_string()]);
    assert!(added.status.success(), "{added:?}");
    home
}

/// The call that proposes an automation which greets.
pub(crate) fn draft() -> Value {
    json!({ "name": "draft", "arguments": {
        "name": "greeting",
        "contract": {
            "title": "Greeting", "goal": "Say hello.", "triggers": [{ "manual": true }],
            "capabilities": [{ "tool": "notify.user" }]
        },
        "script": "export default async function run({ tools }) {\n  await tools.notify.user({ title: \"Hello\", text: \"there\" });\n}\n",
        "script_does": ["Says hello."],
        "assumptions": ["You like to be greeted."]
    } })
}

/// What came out of a command, for people.
pub(crate) fn shown(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The id of the only thread.
pub(crate) fn thread(home: &Home) -> String {
    let listed = server::run(home, &["chat", "list", "--json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    listed["items"][0]["id"].as_str().unwrap().to_owned()
}
