//! What the storm asks of the server.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::automation;
use crate::items::{Item, Way};
use crate::support::client::Client;
use crate::support::webhook;

/// The server, as long as it lives.
pub(crate) struct Steward(Client);

/// A question to the person.
pub(crate) struct Need {
    pub(crate) id: String,
    pub(crate) kind: String,
    /// The kind of the effect that it is about.
    pub(crate) effect_kind: String,
    /// The effect, as the service names it.
    pub(crate) effect: String,
    pub(crate) whole: Value,
}

/// The longest page.
const PAGE: &str = "limit=200";

impl Steward {
    pub(crate) fn new(client: Client) -> Self {
        Self(client)
    }

    /// Grants the folder, puts the secret in and imports the automation.
    pub(crate) fn set_up(&self, notes: &Path, automation: &Path) {
        let read = |name: &str| std::fs::read_to_string(automation.join(name)).expect("it was just written");
        let contract: Value = serde_json::from_str(&read("contract.json")).expect("it was written as JSON");
        let folders = json!({ automation::FOLDER: { "path": notes, "trust": "trusted" } });
        let import = json!({
            "name": automation::NAME, "contract": contract, "script": read("script.js"), "folders": folders,
            "confirm": true,
        });
        let secret = format!("/v1/secrets/{}", automation::SECRET_NAME);
        let put = self.0.put(&secret, &json!({ "value": automation::SECRET })).expect("the server answers");
        assert!(put.is_success(), "{}", put.body);
        let imported = self.0.post("/v1/automations", &import).expect("the server answers");
        assert!(imported.is_success(), "{}", imported.body);
    }

    /// Delivers an item, on its way; gives its run when the server acknowledged it.
    pub(crate) fn deliver(&self, item: &Item) -> io::Result<Option<String>> {
        let name = &item.name;
        let (answer, place) = match item.way {
            Way::ByHand => {
                let path = format!("/v1/automations/{}/runs", automation::NAME);
                let body = json!({ "input": { "item": name } }).to_string();
                (self.0.send("POST", &path, &[("idempotency-key", name)], &body)?, "/run/id")
            }
            Way::Webhook => {
                let path = format!("/hooks/{}/{}", automation::NAME, automation::WEBHOOK);
                let body = json!({ "item": name }).to_string();
                let signature = webhook::signature(automation::SECRET, &body);
                let headers = [("x-steward-signature", signature.as_str()), ("x-steward-delivery", name)];
                (self.0.send("POST", &path, &headers, &body)?, "/run")
            }
        };
        if !answer.is_success() {
            // A server that is going down, or a twin of this request that a dead client left behind, may say so.
            assert!([409, 503].contains(&answer.status), "{name} was refused: {}", answer.body);
            return Ok(None);
        }
        let run = answer.json().pointer(place).and_then(Value::as_str).map(str::to_owned);
        assert!(run.is_some(), "{name} was acknowledged without a run: {}", answer.body);
        Ok(run)
    }

    /// How many runs are not over, counted at one moment.
    pub(crate) fn unfinished(&self) -> io::Result<usize> {
        let answer = self.0.get(&format!("/v1/automations/{}", automation::NAME))?;
        if !answer.is_success() {
            return Err(io::Error::other(answer.body));
        }
        let runs = answer.json()["automation"]["runs"].take();
        let of = |phase: &str| runs[phase].as_u64().unwrap_or(0);
        let count = ["queued", "running", "waiting"].into_iter().map(of).sum::<u64>();
        usize::try_from(count).map_err(io::Error::other)
    }

    /// Every run, by its id.
    pub(crate) fn runs(&self) -> io::Result<BTreeMap<String, Value>> {
        let runs = self.pages("/v1/runs?")?;
        Ok(runs.into_iter().map(|run| (text(&run["id"]), run)).collect())
    }

    /// Every effect of the ledger.
    pub(crate) fn effects(&self) -> io::Result<Vec<Value>> {
        self.pages("/v1/effects?")
    }

    /// The questions that are open.
    pub(crate) fn needs(&self) -> io::Result<Vec<Need>> {
        let open = self.pages("/v1/needs?")?;
        Ok(open.into_iter().map(Need::read).collect())
    }

    /// Answers a question. It may have been answered in a life that died before it could say so.
    pub(crate) fn answer(&self, need: &Need, choice: &str) -> io::Result<()> {
        let answer = self.0.post(&format!("/v1/needs/{}/answer", need.id), &json!({ "choice": choice }))?;
        let taken = answer.is_success() || [409, 503].contains(&answer.status);
        assert!(taken, "an answer was not taken: {} {}", answer.body, need.whole);
        Ok(())
    }

    fn pages(&self, path: &str) -> io::Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let answer = self.0.get(&format!("{path}&{PAGE}{cursor}"))?;
            if !answer.is_success() {
                return Err(io::Error::other(answer.body));
            }
            let mut page = answer.json();
            if let Value::Array(items) = page["items"].take() {
                all.extend(items);
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&before={next}"),
                None => return Ok(all),
            }
        }
    }
}

impl Need {
    fn read(whole: Value) -> Self {
        let (effect_kind, effect) = effect(whole["evidence"]["key"].as_str().unwrap_or_default());
        Self { id: text(&whole["id"]), kind: text(&whole["kind"]), effect_kind, effect, whole }
    }
}

/// The effect that a key in words names: `item=item-7, kind=blind, step=2`.
pub(crate) fn effect(key: &str) -> (String, String) {
    let parts: BTreeMap<_, _> = key.split(", ").filter_map(|part| part.split_once('=')).collect();
    let part = |name: &str| parts.get(name).copied().unwrap_or_default();
    (part("kind").to_owned(), format!("{}/{}", part("item"), part("step")))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
