//! The way from words to an automation that is live, over HTTP, as a person's client goes it.

use serde_json::{Value, json};

use crate::conversation::Conversation;
use crate::support::client::Answer;
use crate::support::place::{Place, SOON};
use crate::support::wait::until;

/// A card that the person looks at.
pub(crate) struct Card<'a> {
    place: &'a Place,
    /// The card as it was shown.
    pub(crate) shown: Value,
}

/// A conversation that goes on.
pub(crate) struct Thread<'a> {
    place: &'a Place,
    pub(crate) id: String,
}

impl<'a> Thread<'a> {
    /// Begins a conversation with a model that answers as it was recorded.
    pub(crate) fn begin(place: &'a Place, answers: &Value) -> Self {
        let file = place.home.folder("recordings").join("answers.json");
        std::fs::write(&file, json!({ "version": 1, "answers": answers }).to_string()).unwrap();
        let profile = json!({ "model": "recorded", "price_in": 1_000_000, "price_out": 4_000_000 });
        let body = json!({ "name": "recorded", "recording": file, "profiles": [profile] });
        let added = place.post("/v1/providers", &body);
        assert_eq!(added.status, 201, "{}", added.body);
        Self::open(place)
    }

    /// Begins a conversation with whatever model there is.
    pub(crate) fn open(place: &'a Place) -> Self {
        let begun = place.post("/v1/threads", &json!({}));
        assert_eq!(begun.status, 201, "{}", begun.body);
        Self { place, id: begun.json()["id"].as_str().expect("a thread has an id").to_owned() }
    }

    /// Says something, and waits until the planner has nothing more to do.
    pub(crate) fn say(&self, text: &str) -> String {
        let said = self.place.post(&format!("/v1/threads/{}/messages", self.id), &json!({ "text": text }));
        assert_eq!(said.status, 202, "{}", said.body);
        self.settles()
    }

    /// Waits until the person is to speak, and gives the state of the thread.
    pub(crate) fn settles(&self) -> String {
        until("the planner has answered", SOON, || {
            let state = self.place.get(&format!("/v1/threads/{}", self.id))["state"].as_str().unwrap().to_owned();
            (state != "working").then_some(state)
        })
    }

    /// All messages so far.
    pub(crate) fn messages(&self) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let after = all.last().map_or(0, |last| last["seq"].as_i64().unwrap());
            let page = self.place.get(&format!("/v1/threads/{}/messages?after={after}&limit=100", self.id));
            let items = page["items"].as_array().unwrap().clone();
            if items.is_empty() {
                return all;
            }
            all.extend(items);
        }
    }

    /// The messages of a kind.
    pub(crate) fn of_kind(&self, kind: &str) -> Vec<Value> {
        self.messages().into_iter().filter(|message| message["kind"] == kind).collect()
    }

    /// The card that was shown last.
    pub(crate) fn card(&self) -> Card<'a> {
        let message = self.of_kind("card").pop().unwrap_or_else(|| panic!("there is no card: {:#?}", self.messages()));
        Card { place: self.place, shown: message["card"].clone() }
    }
}

impl Card<'_> {
    pub(crate) fn id(&self) -> &str {
        self.shown["id"].as_str().expect("a card has an id")
    }

    /// The lines that Steward enforces, one under the other.
    pub(crate) fn enforced(&self) -> String {
        let lines = self.shown["enforced"].as_array().expect("a card says what is enforced");
        lines.iter().map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\n")
    }

    /// What must be on every card before a person would say yes to it.
    pub(crate) fn is_sound(&self, lines: &[&str]) {
        let enforced = self.enforced();
        for line in lines {
            assert!(enforced.contains(line), "`{line}` is not among\n{enforced}");
        }
        assert_eq!(self.shown["proof"]["verdict"], "proven", "{:#}", self.shown);
        assert_eq!(self.shown["unnamed"], json!([]), "{:#}", self.shown);
        assert_eq!(self.shown["state"], "proposed", "{:#}", self.shown);
        let assumptions = self.shown["assumptions"].as_array().map_or(0, Vec::len);
        assert!(assumptions > 0, "what was assumed is said: {:#}", self.shown);
    }

    /// Says yes to it.
    pub(crate) fn confirm(&self) {
        let confirmed = self.answer(self.shown["digest"].as_str().unwrap());
        assert_eq!(
            (confirmed.status, confirmed.json()["state"].as_str()),
            (200, Some("confirmed")),
            "{}",
            confirmed.body
        );
    }

    /// Says yes to what has this digest.
    pub(crate) fn answer(&self, digest: &str) -> Answer {
        self.place.post(&format!("/v1/cards/{}/confirm", self.id()), &json!({ "digest": digest }))
    }
}

/// Plays a whole conversation, and gives its last card: nothing is live before it is confirmed.
pub(crate) fn delegate<'a>(place: &'a Place, conversation: &Conversation) -> Card<'a> {
    let thread = Thread::begin(place, &conversation.answers);
    for text in &conversation.says {
        let state = thread.say(text);
        let messages = thread.messages();
        assert!(["idle", "asking"].contains(&state.as_str()), "the thread is {state}: {messages:#?}");
    }
    let automations = place.get("/v1/automations");
    assert_eq!(automations["items"], json!([]), "nothing is live before somebody has said yes");
    thread.card()
}
