//! A place with a model and a service in it, and the short ways to talk.

use serde_json::{Value, json};

use crate::model::Model;
use crate::place::{Place, SOON};
use crate::recorder::Recorder;
use crate::support::client::Answer;
use crate::support::server::Server;
use crate::support::wait::until;

/// A place in which people can talk.
pub(crate) struct Room {
    pub(crate) place: Place,
    pub(crate) model: Model,
    pub(crate) service: Recorder,
}

/// What the service says: two things that can be mailed.
const ITEMS: &str = r#"{"items":[{"id":"a1","title":"First"},{"id":"a2","title":"Second"}]}"#;

impl Room {
    /// A room whose model gives these answers. `SERVICE` in them stands for the address of the service.
    pub(crate) fn with(answers: &[Value]) -> Self {
        let service = Recorder::answering(|_| (200, ITEMS.to_owned()));
        let address = service.address().to_string();
        let answers = answers.iter().map(|answer| {
            serde_json::from_str(&answer.to_string().replace("SERVICE", &address)).expect("it is JSON as before")
        });
        Self { place: Place::new(), model: Model::saying(answers.collect()), service }
    }

    /// Starts the server, and lets it know the model and the service.
    pub(crate) fn open(&self) -> Server<'_> {
        let server = self.place.start();
        self.set("egress.allow_private", &json!([self.service.address().to_string()]));
        let profile = json!({ "model": "m", "price_in": 1_000_000, "price_out": 10_000_000 });
        let base_url = format!("http://{}/v1", self.model.address());
        let key = "sk-chat-0123456789abcdefghijklmnopqrstuv";
        let body = json!({ "name": "books", "base_url": base_url, "profiles": [profile], "key": key });
        let added = self.place.post("/v1/providers", &body);
        assert_eq!(added.status, 201, "{}", added.body);
        server
    }

    pub(crate) fn set(&self, name: &str, value: &Value) {
        let set = self.place.client.put(&format!("/v1/settings/{name}"), &json!({ "value": value })).unwrap();
        assert!(set.is_success(), "{}", set.body);
    }

    /// Begins a thread.
    pub(crate) fn thread(&self) -> String {
        let begun = self.place.post("/v1/threads", &json!({}));
        assert_eq!(begun.status, 201, "{}", begun.body);
        begun.json()["id"].as_str().unwrap().to_owned()
    }

    /// Says something. `SERVICE` in it stands for the address of the service.
    pub(crate) fn say(&self, thread: &str, text: &str) -> Answer {
        let text = text.replace("SERVICE", &self.service.address().to_string());
        self.place.post(&format!("/v1/threads/{thread}/messages"), &json!({ "text": text }))
    }

    pub(crate) fn go_on(&self, thread: &str) {
        let gone_on = self.place.post(&format!("/v1/threads/{thread}/continue"), &json!({}));
        assert_eq!(gone_on.status, 202, "{}", gone_on.body);
    }

    /// Waits until it is the person's turn, and gives the state.
    pub(crate) fn rests(&self, thread: &str) -> String {
        until("it is the person's turn", SOON, || {
            let view = self.place.get(&format!("/v1/threads/{thread}"));
            let state = view["state"].as_str().unwrap().to_owned();
            (state != "working").then_some(state)
        })
    }

    /// Says something, and waits until it is the person's turn.
    pub(crate) fn talk(&self, thread: &str, text: &str) -> String {
        let said = self.say(thread, text);
        assert_eq!(said.status, 202, "{}", said.body);
        self.rests(thread)
    }

    pub(crate) fn messages(&self, thread: &str) -> Vec<Value> {
        self.place.get(&format!("/v1/threads/{thread}/messages"))["items"].as_array().unwrap().clone()
    }

    /// The messages of one kind.
    pub(crate) fn of_kind(&self, thread: &str, kind: &str) -> Vec<Value> {
        self.messages(thread).into_iter().filter(|message| message["kind"] == kind).collect()
    }

    /// The last card of a thread.
    pub(crate) fn card(&self, thread: &str) -> Value {
        let cards = self.of_kind(thread, "card");
        cards.last().unwrap_or_else(|| panic!("there is no card: {:#?}", self.messages(thread)))["card"].clone()
    }

    pub(crate) fn confirm(&self, card: &Value) -> Answer {
        let path = format!("/v1/cards/{}/confirm", card["id"].as_str().unwrap());
        self.place.post(&path, &json!({ "digest": card["digest"] }))
    }
}

/// A call of a tool.
pub(crate) fn calls(name: &str, arguments: Value) -> Value {
    json!({ "tool_calls": [{ "name": name, "arguments": arguments }], "usage": usage() })
}

/// A text.
pub(crate) fn says(text: &str) -> Value {
    json!({ "content": text, "usage": usage() })
}

/// What each answer takes: 2,000 micro-dollars in the room.
pub(crate) fn usage() -> Value {
    json!({ "prompt_tokens": 1000, "completion_tokens": 100 })
}

/// A look at the service.
pub(crate) fn looks() -> Value {
    calls("explore", json!({ "js": "return (await tools.http.get({ url: 'http://SERVICE/items' })).json;" }))
}

/// What each item is mailed by.
pub(crate) fn script() -> &'static str {
    "export default async function run({ tools }) {\n\
       const page = await tools.http.get({ url: 'http://SERVICE/items' });\n\
       let sent = 0;\n\
       for (const item of page.json.items) {\n\
         const mail = { to: 'ann@example.com', subject: `New: ${item.title}`, text: item.id };\n\
         const done = await tools.email.send(mail, { key: { item: item.id } });\n\
         if (!done.skipped) sent += 1;\n\
       }\n\
       return { sent };\n\
     }\n"
}

pub(crate) fn contract() -> Value {
    json!({
        "title": "New items", "goal": "Mail what is new.",
        "triggers": [{ "schedule": "0 9 * * *", "tz": "Europe/Rome" }, { "manual": true }],
        "capabilities": [
            { "tool": "http.get", "where": { "/url": { "equals": "http://SERVICE/items" } } },
            { "tool": "email.send", "where": { "/to": { "equals": "ann@example.com" } } }
        ],
        "once": [{ "tool": "email.send", "per": ["item"] }],
        "limits": [{ "rate": { "tool": "email.send", "max": 10, "window": "1d" }, "else": "ask" }]
    })
}

/// A draft of the above.
pub(crate) fn drafts() -> Value {
    drafts_of(contract(), script())
}

pub(crate) fn drafts_of(contract: Value, script: &str) -> Value {
    let does = ["Mails each item once."];
    let arguments = json!({
        "name": "new-items", "contract": contract, "script": script, "script_does": does, "assumptions": ["Nine is early enough."]
    });
    calls("draft", arguments)
}

/// What the person wants in most stories.
pub(crate) const WISH: &str = "Mail ann@example.com what is new at http://SERVICE/items every morning at nine in Rome.";
