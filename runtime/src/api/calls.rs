//! The journal of a run, as people may see it: a redacted copy, unless the holder of the token asks for all.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::get;
use actix_web::web::{Data, Json, Path, Query};
use connectors::Entry;
use intents::journal::{Called, LogLine, Record, Report};
use intents::outcome::Outcome;
use intents::redact::{Policy, redact, redact_text};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::faces::Faces;
use super::guard::Caller;
use super::page;
use super::problem::Problem;
use super::runs::FailureView;
use crate::error::{Code, Error};

/// Calls of a page that nobody sized, and of the longest one.
const CALLS: u32 = 200;
const CALLS_MAX: u32 = 1000;

/// A call from the script to the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CallView {
    /// Its number, from 0.
    pub call: u32,
    /// What the engine outside that made it calls it.
    pub id: Option<String>,
    /// The tool.
    pub tool: String,
    /// The version of the tool's definition.
    pub tool_version: u32,
    /// The arguments.
    pub arguments: Value,
    /// The effect key that the script gave.
    pub key: Option<Value>,
    /// Whether the script can do without the result.
    pub optional: bool,
    /// The clause that allowed it, in plain words.
    pub verdict: String,
    /// When it was made.
    pub at: String,
    /// What it came to; nothing yet when this is missing.
    pub settled: Option<SettledView>,
    /// What went wrong on the way.
    pub faults: Vec<FaultView>,
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SettledView {
    /// `value`, `refused` or `skipped`.
    pub kind: String,
    /// What the script saw.
    pub outcome: Value,
    /// Its place among all outcomes of the run.
    pub order: u32,
    /// When.
    pub at: String,
    /// How long the call took, in milliseconds.
    pub took_ms: u64,
}

/// Something that went wrong in a call and that the script did not see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FaultView {
    /// What failed.
    pub failure: FailureView,
    /// What was decided to be done about it.
    pub routed: Option<String>,
    /// When.
    pub at: String,
}

/// Calls of a run, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CallList {
    /// The input of the script.
    pub input: Value,
    /// The calls.
    pub items: Vec<CallView>,
    /// The `from` of the next page, if there is one.
    pub next: Option<u32>,
    /// Whether secrets are masked.
    pub redacted: bool,
}

/// A line of the run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogView {
    /// Its number, from 0.
    pub line: u32,
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// The text.
    pub text: String,
    /// The logical time.
    pub at: String,
}

/// The log of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogList {
    /// The lines, in order.
    pub items: Vec<LogView>,
}

/// Which calls, and how they are shown.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Showing {
    /// The number of the first call.
    from: Option<u32>,
    /// How many at most: 200 unless said, 1000 at most.
    limit: Option<u32>,
    /// `redacted` unless said; `full` shows everything, to the holder of the token only.
    payloads: Option<String>,
}

/// Shows the calls of a run with their outcomes.
#[utoipa::path(tag = "runs", params(("run" = String, Path, description = "Its id"), Showing), responses(
    (status = 200, description = "The calls", body = CallList),
    (status = 403, description = "Full payloads are for the holder of the token", body = Problem, content_type = "application/problem+json"),
    (status = 410, description = "The payloads were erased", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/runs/{run}/calls")]
pub(super) async fn list(
    faces: Data<Faces>,
    caller: Caller,
    run: Path<String>,
    showing: Query<Showing>,
) -> Result<Json<CallList>, Error> {
    let full = full(&showing, caller)?;
    let from = showing.from.unwrap_or(0);
    let limit = showing.limit.unwrap_or(CALLS).clamp(1, CALLS_MAX);
    let records = faces.app.store.journal(page::id("run", &run)?).await?.records;
    let input = records
        .iter()
        .find_map(|record| if let Record::Began { input, .. } = record { Some(input.clone()) } else { None });
    let all = gather(records);
    let next = Some(from.saturating_add(limit)).filter(|next| (*next as usize) < all.len());
    let items = all.into_values().skip(from as usize).take(limit as usize).map(|call| call.view(&faces, full));
    let input = input.unwrap_or_default();
    Ok(Json(CallList {
        items: items.collect(),
        input: if full { input } else { redact(&input, &[], Policy::Secrets) },
        next,
        redacted: !full,
    }))
}

fn full(showing: &Showing, caller: Caller) -> Result<bool, Error> {
    match (showing.payloads.as_deref(), caller) {
        (None | Some("redacted"), _) => Ok(false),
        (Some("full"), Caller::Token | Caller::CommandLine) => Ok(true),
        (Some("full"), Caller::Session) => {
            let message =
                "full payloads are given to the holder of the token only; ask with `Authorization: Bearer TOKEN`";
            Err(Error::new(Code::PayloadsRefused, message))
        }
        (Some(other), _) => Err(page::malformed("payloads", other)),
    }
}

/// Shows the log of a run.
#[utoipa::path(tag = "runs", params(("run" = String, Path, description = "Its id")), responses(
    (status = 200, description = "The log", body = LogList),
    (status = 404, description = "There is no such run", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/runs/{run}/logs")]
pub(super) async fn list_logs(faces: Data<Faces>, run: Path<String>) -> Result<Json<LogList>, Error> {
    let records = faces.app.store.journal(page::id("run", &run)?).await?.records;
    let lines = records
        .into_iter()
        .filter_map(|record| if let Record::Logged(line) = record { Some(line.into()) } else { None });
    Ok(Json(LogList { items: lines.collect() }))
}

impl From<LogLine> for LogView {
    fn from(line: LogLine) -> Self {
        Self {
            line: line.line,
            level: line.level,
            text: redact_text(&line.text, Policy::Secrets),
            at: line.at.to_string(),
        }
    }
}

/// A call with everything that the journal says about it.
struct Gathered {
    called: Called,
    /// What an engine outside calls it.
    id: Option<String>,
    settled: Option<(Arc<Outcome>, SettledView)>,
    faults: Vec<FaultView>,
}

fn gather(records: Vec<Record>) -> BTreeMap<u32, Gathered> {
    let mut calls = BTreeMap::<u32, Gathered>::new();
    let mut names = BTreeMap::new();
    for record in records {
        match record {
            Record::Called(called) => {
                let fresh = Gathered { called, id: None, settled: None, faults: Vec::new() };
                calls.entry(fresh.called.call).or_insert(fresh);
            }
            Record::Settled { call, order, outcome, at, took_ms, .. } => {
                let view = SettledView {
                    kind: kind(&outcome).to_owned(),
                    outcome: Value::Null,
                    order,
                    at: at.to_string(),
                    took_ms,
                };
                if let Some(gathered) = calls.get_mut(&call) {
                    gathered.settled.get_or_insert((outcome, view));
                }
            }
            Record::Faulted { call, failure, at, routed, .. } => {
                let failure = FailureView {
                    class: failure.class.to_string(),
                    code: failure.code,
                    message: redact_text(&failure.message, Policy::Secrets),
                };
                if let Some(gathered) = calls.get_mut(&call) {
                    gathered.faults.push(FaultView { failure, routed, at: at.to_string() });
                }
            }
            Record::Outside(Report::Named { call, id }) => drop(names.insert(call, id)),
            Record::Began { .. }
            | Record::Reread { .. }
            | Record::StateRead { .. }
            | Record::Logged(_)
            | Record::Outside(
                Report::Claimed { .. }
                | Report::Started { .. }
                | Report::Step(_)
                | Report::GaveUp { .. }
                | Report::Lost { .. },
            )
            | Record::Ended { .. } => {}
        }
    }
    for (call, id) in names {
        if let Some(gathered) = calls.get_mut(&call) {
            gathered.id = Some(id);
        }
    }
    calls
}

fn kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Value(_) => "value",
        Outcome::Refused(_) => "refused",
        Outcome::Skipped { .. } => "skipped",
    }
}

impl Gathered {
    fn view(self, faces: &Faces, full: bool) -> CallView {
        let arguments = serde_json::from_str(&self.called.arguments).unwrap_or(Value::Null);
        let outcome = self.settled.as_ref().map_or(Value::Null, |(outcome, _)| match outcome.as_ref() {
            Outcome::Value(value) => value.clone(),
            Outcome::Refused(refusal) => {
                json!({ "code": refusal.code, "message": refusal.message, "data": refusal.data })
            }
            Outcome::Skipped { clause } => json!({ "skipped": true, "clause": clause }),
        });
        let mut both = json!({ "arguments": arguments, "result": outcome });
        let mut key = self.called.key.as_ref().map(intents::effect::Key::to_value);
        if !full {
            let declared = faces.app.catalogue.get(&self.called.tool).map(Entry::definition);
            both = redact(&both, declared.map_or(&[], |definition| definition.redacted.as_slice()), Policy::Secrets);
            key = key.map(|key| redact(&key, &[], Policy::Secrets));
        }
        let outcome = both["result"].take();
        CallView {
            call: self.called.call,
            id: self.id,
            tool: self.called.tool.to_string(),
            tool_version: self.called.tool_version,
            arguments: both["arguments"].take(),
            key,
            optional: self.called.optional,
            verdict: self.called.verdict,
            at: self.called.at.to_string(),
            settled: self.settled.map(|(_, view)| SettledView { outcome, ..view }),
            faults: self.faults,
        }
    }
}
