//! What a model of these stories says, and a home in which it may try.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::delegated::Thread;
use crate::support::place::Place;
use crate::support::recorder::Recorder;

/// An answer that calls a tool.
pub(super) fn calls(tool: &str, arguments: Value) -> Value {
    json!({ "tool_calls": [{ "name": tool, "arguments": arguments }], "usage": { "prompt_tokens": 4000, "completion_tokens": 80 } })
}

/// An answer that looks around.
pub(super) fn explores(js: &str) -> Value {
    calls("explore", json!({ "js": js }))
}

/// An answer that drafts.
pub(super) fn drafts(name: &str, contract: &Value, script: &str) -> Value {
    let words = json!(["It does what it says."]);
    calls(
        "draft",
        json!({ "name": name, "contract": contract, "script": script, "script_does": words, "assumptions": words }),
    )
}

/// An answer in words.
pub(super) fn says(text: &str) -> Value {
    json!({ "content": text, "usage": { "prompt_tokens": 4000, "completion_tokens": 20 } })
}

/// A contract for one mail a day to Ann.
pub(super) fn greeting() -> Value {
    json!({
        "title": "Greeting", "goal": "Greet Ann by mail.", "triggers": [{ "manual": true }],
        "capabilities": [{ "tool": "email.send", "where": { "/to": { "equals": "ann@home.example" } } }],
        "once": [{ "tool": "email.send", "per": ["day"] }],
        "limits": [{ "rate": { "tool": "email.send", "max": 1, "window": "1d" }, "else": "skip" }]
    })
}

/// The script for it.
pub(super) const GREET: &str = r#"export default async function run({ tools, steward }) {
  const day = steward.time.parts(steward.now(), "UTC").date;
  const sent = await tools.email.send({ to: "ann@home.example", subject: "Hello", text: day }, { key: { day } });
  return { sent: sent.skipped !== true };
}
"#;

/// What the person says who wants that.
pub(super) const WISH: &str = "Greet ann@home.example by mail once a day, when I say so.";

/// A conversation that came to a card for the greeting, and then to these answers.
pub(super) fn greeted<'a>(place: &'a Place, more: impl IntoIterator<Item = Value>) -> Thread<'a> {
    let mut answers = vec![drafts("greeting", &greeting(), GREET), says("Here it is.")];
    answers.extend(more);
    let thread = Thread::begin(place, &answers.into());
    assert_eq!(thread.say(WISH), "idle", "{:#?}", thread.messages());
    thread
}

/// A model behind an endpoint, so that it can be seen what it is told.
pub(super) struct Endpoint(Recorder);

impl Endpoint {
    /// Gives these answers in their order.
    pub(super) fn answering(answers: impl IntoIterator<Item = Value>) -> Self {
        let answers = Mutex::new(answers.into_iter().collect::<VecDeque<_>>());
        Self(Recorder::answering(move |_| {
            let Some(answer) = answers.lock().unwrap().pop_front() else { return (500, "{}".to_owned()) };
            let mut message = json!({ "role": "assistant", "content": answer["content"] });
            if let Some(calls) = answer["tool_calls"].as_array() {
                let call = |(index, call): (usize, &Value)| {
                    let function = json!({ "name": call["name"], "arguments": call["arguments"].to_string() });
                    json!({ "id": format!("call_{index}"), "type": "function", "function": function })
                };
                message["tool_calls"] = calls.iter().enumerate().map(call).collect();
            }
            let choices = json!([{ "index": 0, "message": message, "finish_reason": "stop" }]);
            (200, json!({ "model": "m", "choices": choices, "usage": answer["usage"] }).to_string())
        }))
    }

    /// Begins a conversation with it.
    pub(super) fn thread<'a>(&self, place: &'a Place) -> Thread<'a> {
        let profile = json!({ "model": "m", "price_in": 0, "price_out": 0, "stream": false });
        let base_url = format!("http://{}/v1", self.0.address());
        let added =
            place.post("/v1/providers", &json!({ "name": "near", "base_url": base_url, "profiles": [profile] }));
        assert_eq!(added.status, 201, "{}", added.body);
        Thread::open(place)
    }

    /// Everything that it was told, in all questions.
    pub(super) fn told(&self) -> String {
        self.0.came().iter().map(|came| String::from_utf8_lossy(&came.body).into_owned()).collect::<Vec<_>>().join("\n")
    }

    /// What the tools gave, as the last question has it.
    pub(super) fn results(&self) -> Vec<String> {
        let came = self.0.came();
        let last: Value = serde_json::from_slice(&came.last().expect("it was asked").body).unwrap();
        let messages = last["messages"].as_array().unwrap().iter().filter(|message| message["role"] == "tool");
        messages.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
    }
}
