//! What is known about a failure: what a model is told first, with tokens in the place of secrets and people.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use intents::canonical::Digest;
use intents::contract::Contract;
use intents::drift::{Change, Fingerprint, Names, Shape, site};
use intents::id::RunId;
use intents::journal::{Record, recorded};
use intents::label::Labels;
use intents::outcome::Outcome;
use intents::redact::Tokens;
use intents::run::Phase;
use serde_json::Value;

use super::repair::Repair;
use crate::app::App;
use crate::chat::{Step, StepRow};
use crate::error::{Code, Error};
use crate::explore::Veil;
use crate::models::fenced;
use crate::ops::explain;
use crate::planner::conversation::shortened;
use crate::store::{Automation, Program, RunFilter, ScriptVersion};

/// Characters of the first thing that a model is told.
const TOLD_CHARS: usize = 60_000;
/// Characters of one value that are shown in a list of calls.
const VALUE_CHARS: usize = 1_500;
/// Runs among which the last good one is looked for.
const LOOK_BACK: u64 = 200;

/// What is known about a failure.
pub(super) struct Evidence {
    pub(super) automation: Automation,
    pub(super) contract: Arc<Contract>,
    pub(super) script: ScriptVersion,
    pub(super) source: String,
    /// The journal of the run that failed.
    pub(super) failed: Vec<Record>,
    /// The last run that succeeded under the same script, if there was one.
    pub(super) good: Option<(RunId, Vec<Record>)>,
    /// What changed in the answers, by call site.
    pub(super) drift: Vec<(String, Vec<Change>)>,
    known: Arc<BTreeMap<String, Fingerprint>>,
    /// Where the data came from that the runs were given and read.
    labels: Labels,
    told: String,
    tokens: Mutex<Tokens>,
}

impl Evidence {
    pub(super) async fn gather(app: &App, repair: &Repair, automation: Automation) -> Result<Self, Error> {
        let body = app.store.contract(automation.contract).await?.body;
        let value: Value = serde_json::from_str(&body)
            .map_err(|error| crate::store::Error::Unreadable { what: "contract", reason: error.to_string() })?;
        let contract = Arc::new(explain::read(app, &value)?);
        let script = app.store.script(repair.script).await?;
        let Program::Script(source) = script.program.clone() else {
            return Err(Error::new(Code::TrialNoScript, "an engine outside executes it: there is no script to repair"));
        };
        let failed = match app.store.journal(repair.run).await {
            Ok(journal) => journal.records,
            // What was erased meanwhile is not there to work with.
            Err(crate::store::Error::Sealed { .. } | crate::store::Error::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let good = last_good(app, &automation).await?;
        let used = Names::of([source.as_str(), &body]);
        let known = app.store.fingerprints(automation.id).await?;
        let mut drift = Vec::new();
        for (tool, arguments, value) in answers(&failed) {
            let site = site(&tool, &arguments);
            let Some(known) = known.get(&site) else { continue };
            let changes = known.drift(&Shape::of_result(&value), &used).changes;
            if !changes.is_empty() && drift.iter().all(|(known, _)| *known != site) {
                drift.push((site, changes));
            }
        }
        let mut labels = match app.store.run(repair.run).await {
            Ok(run) => app.store.item(run.item).await.map(|item| item.labels.clone()).unwrap_or_default(),
            Err(_) => Labels::new(),
        };
        let good_records = good.iter().flat_map(|(_, records)| records);
        for record in failed.iter().chain(good_records) {
            match record {
                Record::Settled { labels: read, .. } | Record::Reread { labels: read, .. } => {
                    labels.extend(read.iter().cloned());
                }
                // What a call was answered that failed has no labels of its own.
                Record::Called(called) => {
                    let arguments: Value = serde_json::from_str(&called.arguments).unwrap_or(Value::Null);
                    let sources = app.catalogue.get(&called.tool).map(|tool| tool.definition().sources(&arguments));
                    labels.extend(sources.unwrap_or_default());
                }
                Record::Began { .. }
                | Record::Faulted { .. }
                | Record::StateRead { .. }
                | Record::Logged(_)
                | Record::Outside(_)
                | Record::Ended { .. } => {}
            }
        }
        // The same repair has the same tokens, over crashes, too.
        let key = Digest::of_parts("steward tokens 1", &[repair.id.to_string().as_bytes(), repair.cause.as_bytes()]);
        let tokens = Mutex::new(Tokens::new(*key.as_bytes()));
        let mut evidence = Self {
            automation,
            contract,
            script,
            source,
            failed,
            good,
            drift,
            known,
            labels,
            told: String::new(),
            tokens,
        };
        evidence.told = evidence.tell(repair);
        Ok(evidence)
    }

    /// The shape that the script was proven with at a call site: what is known of it, or what the last good run got.
    pub(super) fn proven_shape(&self, at: &str) -> Option<Shape> {
        if let Some(known) = self.known.get(at) {
            return Some(known.shape.clone());
        }
        let (_, records) = self.good.as_ref()?;
        let mut shape: Option<Shape> = None;
        for (tool, arguments, value) in answers(records) {
            if site(&tool, &arguments) == at {
                shape.get_or_insert_default().merge(&Shape::of_result(&value));
            }
        }
        shape
    }

    /// What the model is told first.
    pub(super) fn told(&self) -> String {
        self.told.clone()
    }

    fn tell(&self, repair: &Repair) -> String {
        // All values are seen before any is shown, so that a name is replaced wherever it stands.
        let good = self.good.iter().flat_map(|(_, records)| answers(records));
        for (_, _, value) in answers(&self.failed).into_iter().chain(good) {
            self.with(|tokens| tokens.learn(&value, &[]));
        }
        let contract = self.text(&self.contract.words().to_string());
        let failure = &repair.body.failure;
        let drift = if self.drift.is_empty() {
            "Nothing is known of the shapes before, or they are as they were.".to_owned()
        } else {
            let of_site = |(site, changes): &(String, Vec<Change>)| {
                let lines: Vec<_> = changes.iter().map(|change| format!("  - {}", change.words())).collect();
                format!("- {site}\n{}", lines.join("\n"))
            };
            self.drift.iter().map(of_site).collect::<Vec<_>>().join("\n")
        };
        let adapters = match self.script.adapters.len() {
            0 => String::new(),
            count => format!("\nThe script has {count} adapters from earlier repairs; they stay.\n"),
        };
        let code = self.with(|tokens| tokens.code(&self.source));
        let data = fenced(&format!(
            "Failure: {} ({}, {})\nWhere: {}\n\nWhat changed in the answers of services:\n{drift}\n\nThe failing run:\n{}\n\n\
             The last good run:\n{}",
            self.text(&failure.message),
            failure.class,
            failure.code,
            self.value(&repair.body.evidence),
            self.calls(&self.failed),
            self.good.as_ref().map_or_else(|| "There is none.".to_owned(), |(_, records)| self.calls(records)),
        ));
        let text = format!(
            "A run of `{}` failed. Repair its script, version {}.{}.\n\n# The contract, in words\n\n{contract}\n\n# The \
             script\n\n```js\n{code}\n```\n{adapters}\n# The evidence\n\n{data}\n",
            self.automation.name, self.script.major, self.script.minor
        );
        shortened(&text, TOLD_CHARS)
    }

    /// Where the data came from that the model is shown.
    pub(super) fn labels(&self) -> Labels {
        self.labels.clone()
    }

    /// What stands between a look and the true values.
    pub(super) fn veil(&self) -> Veil<'_> {
        Veil {
            hide: Box::new(|value: &Value| self.with(|tokens| tokens.value(value))),
            show: Box::new(|text: &str| self.with(|tokens| tokens.back(text))),
        }
    }

    /// Takes note of what was read in the repair, so that its tokens are known again.
    pub(super) fn learn(&self, steps: &[StepRow]) {
        for row in steps {
            let Step::Result { recorded, .. } = &row.step else { continue };
            for value in recorded.iter().filter_map(|call| call.value.as_ref()) {
                self.with(|tokens| tokens.learn(value, &[]));
            }
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Tokens) -> T) -> T {
        work(&mut self.tokens.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A value as a model sees it.
    pub(super) fn value(&self, value: &Value) -> String {
        self.with(|tokens| tokens.value(value)).to_string()
    }

    /// A text as a model sees it.
    pub(super) fn text(&self, text: &str) -> String {
        self.with(|tokens| tokens.text(text))
    }

    /// What the model wrote, with the true values in the place of tokens.
    pub(super) fn back(&self, text: &str) -> String {
        self.with(|tokens| tokens.back(text))
    }

    /// The calls of a journal in a line or two each.
    pub(super) fn calls(&self, records: &[Record]) -> String {
        let mut lines = Vec::new();
        for call in recorded(records) {
            let arguments: Value = serde_json::from_str(&call.called.arguments).unwrap_or(Value::Null);
            let key =
                call.called.key.as_ref().map(|key| format!(" key {}", self.value(&key.to_value()))).unwrap_or_default();
            lines.push(format!("{}. {} {}{key}", call.called.call, call.called.tool, self.value(&arguments)));
            let came = match call.settled.as_ref().map(|settled| settled.outcome.as_ref()) {
                Some(Outcome::Value(value)) => self.short(&self.value(value), call.called.call),
                Some(Outcome::Refused(refusal)) => format!("refused: {}", refusal.code),
                Some(Outcome::Skipped { clause }) => format!("skipped: {clause}"),
                None => match answer_of(records, call.called.call) {
                    Some(value) => format!(
                        "answered, and not given to the script: {}",
                        self.short(&self.value(&value), call.called.call)
                    ),
                    None => "no outcome".to_owned(),
                },
            };
            lines.push(format!("   -> {came}"));
        }
        for record in records {
            match record {
                Record::Logged(line) => lines.push(format!("log {}: {}", line.level, self.text(&line.text))),
                Record::Ended { result: Some(result), .. } => lines.push(format!("returned {}", self.value(result))),
                Record::Ended { failure: Some(failure), .. } => {
                    lines.push(format!("failed: {} ({})", self.text(&failure.message), failure.code));
                }
                Record::Ended { .. }
                | Record::Began { .. }
                | Record::Called(_)
                | Record::Settled { .. }
                | Record::Faulted { .. }
                | Record::Reread { .. }
                | Record::StateRead { .. }
                | Record::Outside(_) => {}
            }
        }
        if lines.is_empty() { "Nothing of it is left.".to_owned() } else { lines.join("\n") }
    }

    fn short(&self, text: &str, call: u32) -> String {
        if text.chars().count() <= VALUE_CHARS {
            return text.to_owned();
        }
        let start: String = text.chars().take(VALUE_CHARS).collect();
        format!("{start}… (cut; `inspect` call {call} shows all)")
    }
}

/// The answer that a run failed at.
pub(super) fn answer_of(records: &[Record], call: u32) -> Option<Value> {
    let of_call = records.iter().rev().filter_map(Record::withheld).filter(|(of, _)| *of == call);
    of_call.map(|(_, answer)| answer).find_map(|answer| match answer {
        Outcome::Value(value) => Some(value.clone()),
        Outcome::Refused(_) | Outcome::Skipped { .. } => None,
    })
}

/// What services answered in a run: what the script saw, and what it was not given.
pub(super) fn answers(records: &[Record]) -> Vec<(intents::tool::Name, Value, Value)> {
    let mut answers = Vec::new();
    for call in recorded(records) {
        if call.called.tool.is_host_tool() {
            continue;
        }
        let arguments: Value = serde_json::from_str(&call.called.arguments).unwrap_or(Value::Null);
        let value = match call.settled.as_ref().map(|settled| settled.outcome.as_ref()) {
            Some(Outcome::Value(value)) => Some(value.clone()),
            Some(Outcome::Refused(_) | Outcome::Skipped { .. }) => None,
            None => answer_of(records, call.called.call),
        };
        if let Some(value) = value {
            answers.push((call.called.tool, arguments, value));
        }
    }
    answers
}

async fn last_good(app: &App, automation: &Automation) -> Result<Option<(RunId, Vec<Record>)>, Error> {
    let filter = RunFilter { automation: Some(automation.id), phase: Some(Phase::Succeeded), before: None };
    for run in app.store.runs(&filter, LOOK_BACK).await? {
        if run.script != automation.script || run.shadow.is_some() {
            continue;
        }
        match app.store.journal(run.id).await {
            Ok(journal) => return Ok(Some((run.id, journal.records))),
            Err(crate::store::Error::Sealed { .. } | crate::store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}
