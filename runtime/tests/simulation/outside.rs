//! The world outside: a service that remembers what was done to it, whatever becomes of us.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use connectors::{Call, Catalogue, Entry, Fault, Performed, Settlement, Tool};
use intents::Timestamp;
use intents::failure::Class;
use intents::outcome::{Failure, Outcome};
use intents::tool::{Definition, Identity, Kind, Shape};
use serde_json::{Value, json};

use crate::time::Seeded;

pub(crate) const WINDOW_MS: u64 = 365 * 24 * 3_600_000;

pub(crate) const IDENTITIES: [(&str, Identity); 4] = [
    ("sink.keyed", Identity::Keyed { window_ms: WINDOW_MS }),
    ("sink.queryable", Identity::Queryable { absent_after_ms: 1000, window_ms: WINDOW_MS }),
    ("sink.natural", Identity::Natural),
    ("sink.blind", Identity::Blind),
];

/// How an answer goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// It does not.
    None,
    /// It was done, and the answer is lost.
    AnswerLost,
    /// It was never done, and nobody can say so.
    RequestLost,
    /// The service is busy and says so: nothing was done.
    Busy,
}

#[derive(Default)]
struct Record {
    /// How often each key was performed, by tool.
    performed: BTreeMap<(String, String), u32>,
    /// How often each key was asked for, by tool.
    sent: BTreeMap<(String, String), u32>,
    mishaps: Vec<Mishap>,
    /// What was performed, in order: when it was started, and its arguments.
    log: Vec<(Timestamp, Value)>,
    /// What a look gives.
    rows: Value,
    /// What was looked at, in order, and when.
    looks: Vec<(Timestamp, String)>,
    /// The next look finds the service busy, for so long.
    busy: Option<Duration>,
}

/// The service. Clones share everything.
#[derive(Clone, Default)]
pub(crate) struct Outside(Arc<Mutex<Record>>);

impl Outside {
    /// The next effects go wrong like this, in this order.
    pub(crate) fn misbehave(&self, mishaps: &[Mishap]) {
        self.0.lock().unwrap().mishaps = mishaps.iter().rev().copied().collect();
    }

    pub(crate) fn performed(&self) -> BTreeMap<(String, String), u32> {
        self.0.lock().unwrap().performed.clone()
    }

    /// How often anything was tried at all.
    pub(crate) fn sent(&self) -> u32 {
        self.0.lock().unwrap().sent.values().sum()
    }

    pub(crate) fn was_performed(&self, tool: &str, step: &str) -> bool {
        self.0.lock().unwrap().performed.contains_key(&(tool.to_owned(), step.to_owned()))
    }

    /// What was performed, in order: when it was started, and its arguments.
    pub(crate) fn log(&self) -> Vec<(Timestamp, Value)> {
        self.0.lock().unwrap().log.clone()
    }

    /// What was looked at, in order, and when.
    pub(crate) fn looks(&self) -> Vec<(Timestamp, String)> {
        self.0.lock().unwrap().looks.clone()
    }

    /// The next look finds the service busy, for so long.
    pub(crate) fn is_busy_for(&self, length: Duration) {
        self.0.lock().unwrap().busy = Some(length);
    }

    /// From now on, a look gives these rows.
    pub(crate) fn shows(&self, rows: Value) {
        self.0.lock().unwrap().rows = rows;
    }

    pub(crate) fn add_to(&self, catalogue: &mut Catalogue, delays: Option<Arc<Seeded>>) {
        for (name, identity) in IDENTITIES {
            let tool = Sink { definition: definition(name, Kind::Effect(identity)), outside: self.clone() };
            catalogue.register(Entry::Tool(Arc::new(tool))).unwrap();
        }
        let read = Look { definition: definition("sink.look", Kind::Read), delays, outside: self.clone() };
        catalogue.register(Entry::Tool(Arc::new(read))).unwrap();
    }
}

fn definition(name: &str, kind: Kind) -> Definition {
    Definition {
        name: name.parse().unwrap(),
        version: 1,
        summary: "Acts on the sink.".to_owned(),
        kind,
        shape: Shape::Open,
        arguments: json!({
            "type": "object",
            "properties": {
                "step": { "type": "string" },
                "note": {},
                "amount": { "type": "number" },
            },
            "required": ["step"],
            "additionalProperties": false,
        }),
        result: json!({}),
        errors: Vec::new(),
        scopes: Vec::new(),
        rate_limit: None,
        cost_micro_usd: 0,
        redacted: Vec::new(),
        label: None,
        leaves_machine: true,
        sink: None,
        data: None,
        connects_at: None,
        timeout_ms: 30_000,
        example: json!({ "step": "1" }),
    }
}

struct Sink {
    definition: Definition,
    outside: Outside,
}

impl Sink {
    fn act(&self, call: &Call) -> Mishap {
        let tool = self.definition.name.to_string();
        let step = call.arguments.value()["step"].as_str().unwrap().to_owned();
        let mut record = self.outside.0.lock().unwrap();
        let mishap = record.mishaps.pop().unwrap_or(Mishap::None);
        *record.sent.entry((tool.clone(), step.clone())).or_insert(0) += 1;
        let performed = record.performed.entry((tool.clone(), step)).or_insert(0);
        match mishap {
            Mishap::None | Mishap::AnswerLost => {
                // A service that honours keys does it once; a state that is set again is the same state.
                let same = *performed > 0 && ["sink.keyed", "sink.natural"].contains(&tool.as_str());
                *performed += u32::from(!same);
                if !same {
                    record.log.push((call.started_at, call.arguments.value().clone()));
                }
            }
            Mishap::RequestLost | Mishap::Busy => {}
        }
        record.performed.retain(|_, count| *count > 0);
        mishap
    }
}

#[async_trait]
impl Tool for Sink {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    async fn perform(&self, call: &Call) -> Result<Performed, Fault> {
        let lost =
            Fault { failure: Failure::new(Class::Uncertain, "HTTP_TIMEOUT", "no answer"), proves_nothing_done: false };
        match self.act(call) {
            Mishap::None => Ok(Performed::value(json!({ "done": call.arguments.value()["step"] }))),
            Mishap::AnswerLost | Mishap::RequestLost => Err(lost),
            Mishap::Busy => {
                Err(Fault { failure: Failure::new(Class::Transient, "HTTP_BUSY", "busy"), proves_nothing_done: true })
            }
        }
    }

    async fn settle(&self, call: &Call) -> Result<Settlement, Failure> {
        let done = Outcome::Value(json!({ "done": call.arguments.value()["step"] }));
        let step = call.arguments.value()["step"].as_str().unwrap().to_owned();
        match self.definition.kind {
            Kind::Effect(Identity::Keyed { .. } | Identity::Natural) => match self.perform(call).await {
                Ok(performed) => Ok(Settlement::Applied(performed.outcome)),
                Err(fault) => Err(fault.failure),
            },
            Kind::Effect(Identity::Queryable { absent_after_ms, .. }) => {
                if self.outside.was_performed(self.definition.name.as_str(), &step) {
                    Ok(Settlement::Applied(done))
                } else if call.age() >= Duration::from_millis(absent_after_ms) {
                    Ok(Settlement::NotApplied)
                } else {
                    Ok(Settlement::Unknown)
                }
            }
            Kind::Effect(Identity::Blind) | Kind::Read => Ok(Settlement::Unknown),
        }
    }
}

/// A read that takes its time, so that calls at the same time end in any order.
struct Look {
    definition: Definition,
    delays: Option<Arc<Seeded>>,
    outside: Outside,
}

#[async_trait]
impl Tool for Look {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    #[expect(clippy::disallowed_methods, reason = "the disorder is real")]
    async fn perform(&self, call: &Call) -> Result<Performed, Fault> {
        if let Some(delays) = &self.delays {
            tokio::time::sleep(Duration::from_micros(delays.below(3000))).await;
        }
        let step: &Value = &call.arguments.value()["step"];
        let (rows, busy) = {
            let mut record = self.outside.0.lock().unwrap();
            record.looks.push((call.started_at, step.as_str().unwrap().to_owned()));
            (record.rows.clone(), record.busy.take())
        };
        if let Some(busy) = busy {
            let retry_after_ms = Some(u64::try_from(busy.as_millis()).unwrap());
            let failure = Failure { retry_after_ms, ..Failure::new(Class::Transient, "HTTP_BUSY", "busy") };
            return Err(Fault { failure, proves_nothing_done: true });
        }
        let seen = json!({ "seen": step, "pi": 3.25, "list": [1, 2, 3], "rows": rows });
        Ok(Performed::value(seen).labelled("http:books.example".to_owned()))
    }
}
