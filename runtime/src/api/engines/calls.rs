//! Calls of tools, as an engine makes them.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpResponse, get, post};
use intents::canonical;
use intents::effect::Key;
use intents::outcome::Outcome;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::held::{Held, name, plain};
use crate::api::body::Body;
use crate::api::faces::Faces;
use crate::api::problem::Problem;
use crate::api::runs::WaitView;
use crate::error::{Code, Error};
use crate::executor::outside::{CallState, Lease, NewCall};

/// A request waits this long for an outcome, unless it says otherwise.
const WAIT: Duration = Duration::from_secs(10);
/// And this long at most: the holder must be heard again before its lease is over.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EngineCallBody {
    /// What the engine calls it: the same again, by this holder or the next, is the same call.
    pub id: String,
    /// The tool, as `service.verb`.
    pub tool: String,
    /// The arguments.
    pub arguments: Value,
    /// The effect key, where the contract asks for one: its named parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Value>,
    /// Whether the engine can do without the result of this read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// How long to wait for the outcome, in milliseconds: 10,000 unless said, 20,000 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

/// What a call has come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EngineCallView {
    /// What the engine calls it.
    pub id: String,
    /// Its number in the run.
    pub number: u32,
    /// `settled`; `under_way`: ask again; `waiting`: the run sleeps, and the lease is over.
    pub state: String,
    /// What it came to, when it is settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<OutcomeView>,
    /// What it waits for, when it waits. None when it is another call that made the run sleep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<WaitView>,
    /// What a person is asked, when that is what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<String>,
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OutcomeView {
    /// The tool's result.
    Value {
        /// The result.
        value: Value,
    },
    /// The service's domain answer was no.
    Refused {
        /// One of the codes that the tool declares.
        code: String,
        /// What was refused, in words.
        message: String,
        /// More, where the service said more.
        data: Value,
    },
    /// A limiting clause of the contract left the call out.
    Skipped {
        /// The clause, in plain words.
        clause: String,
    },
}

impl From<Outcome> for OutcomeView {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Value(value) => Self::Value { value },
            Outcome::Refused(refusal) => {
                Self::Refused { code: refusal.code, message: refusal.message, data: refusal.data }
            }
            Outcome::Skipped { clause } => Self::Skipped { clause },
        }
    }
}

/// How long to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct Waiting {
    /// How long to wait for the outcome, in milliseconds: 10,000 unless said, 20,000 at most.
    wait_ms: Option<u64>,
}

/// Makes a call. It is gated, performed once under its key, and journaled as a call of a script is.
#[utoipa::path(tag = "engines", security(("engine" = [])), params(("run" = String, Path, description = "Its id")),
    request_body = EngineCallBody, responses(
    (status = 200, description = "The call with its outcome", body = EngineCallView),
    (status = 202, description = "It is under way, or waits, and the run with it", body = EngineCallView),
    (status = 409, description = "The lease is over, the run has not begun, or the name is taken", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The arguments are too long", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/engines/runs/{run}/calls")]
pub(in crate::api) async fn make_call(
    faces: Data<Faces>,
    held: Held,
    body: Body<EngineCallBody>,
) -> Result<HttpResponse, Error> {
    let EngineCallBody { id, tool, arguments, key, optional, wait_ms } = body.0;
    let limits = faces.app.config.limits.of_attempts();
    let id = name("a call", &id)?;
    let call = NewCall {
        id: id.clone(),
        tool,
        arguments: plain("the arguments", &arguments, limits.argument_bytes as usize)?,
        key: key.as_ref().map(key_text).transpose()?,
        optional,
    };
    held.0.call(call)?;
    answer(&held.0, &id, wait_ms).await
}

/// Waits for the outcome of a call.
#[utoipa::path(tag = "engines", security(("engine" = [])), params(
    ("run" = String, Path, description = "Its id"),
    ("call" = String, Path, description = "What the engine calls it"),
    Waiting,
), responses(
    (status = 200, description = "The call with its outcome", body = EngineCallView),
    (status = 202, description = "It is under way, or waits, and the run with it", body = EngineCallView),
    (status = 404, description = "There is no such call", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The lease is over", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/engines/runs/{run}/calls/{call}")]
pub(in crate::api) async fn show_call(
    held: Held,
    path: Path<(String, String)>,
    waiting: Query<Waiting>,
) -> Result<HttpResponse, Error> {
    answer(&held.0, &path.1, waiting.wait_ms).await
}

/// The key as it is canonically written.
fn key_text(key: &Value) -> Result<String, Error> {
    let key = Key::parse(key).map_err(|error| Error::new(Code::EngineReport, error.to_string()))?;
    Ok(canonical::to_string(&key.to_value()))
}

async fn answer(lease: &Lease, id: &str, wait_ms: Option<u64>) -> Result<HttpResponse, Error> {
    let wait = wait_ms.map_or(WAIT, Duration::from_millis).min(WAIT_MAX);
    let view = |number: u32, state: &str| EngineCallView {
        id: id.to_owned(),
        number,
        state: state.to_owned(),
        outcome: None,
        waits: None,
        asks: None,
    };
    let (status, view) = match lease.outcome(id, wait).await? {
        CallState::Settled { number, outcome } => {
            (StatusCode::OK, EngineCallView { outcome: Some(outcome.into()), ..view(number, "settled") })
        }
        CallState::UnderWay { number } => (StatusCode::ACCEPTED, view(number, "under_way")),
        CallState::Waits { number, on } => {
            let asks = on.as_ref().and_then(|on| on.asks.clone());
            let waits = on.map(|on| WaitView {
                kind: on.kind.to_owned(),
                until: on.until.map(|until| until.to_string()),
                event: on.event,
                need: None,
            });
            (StatusCode::ACCEPTED, EngineCallView { waits, asks, ..view(number, "waiting") })
        }
    };
    Ok(HttpResponse::build(status).json(view))
}
