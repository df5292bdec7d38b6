//! What a holder says while it has a run: that it is there, that it begins, how far it is.

use actix_web::post;
use actix_web::web::Json;
use intents::journal::Step;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::held::{Held, name, plain, words};
use crate::api::body::Body;
use crate::api::problem::Problem;
use crate::error::Error;
use crate::executor::outside::NewStep;

/// A line for people.
const WORDS_MAX: usize = 200;
/// Data of a mark is a remark, not a file.
const DATA_BYTES_MAX: usize = 64 << 10;

/// Until when a lease lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AliveView {
    /// When it is over unless a request comes.
    pub expires_at: String,
}

/// A holder begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartBody {
    /// What it says of itself, for the record: its version, its host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
}

/// A mark of progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StepBody {
    /// What the engine calls it: the same again is the same mark.
    pub id: String,
    /// What was done, for people.
    pub name: String,
    /// More about it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

/// A mark of progress, as the journal has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepView {
    /// What the engine calls it.
    pub id: String,
    /// What was done.
    pub name: String,
    /// More about it.
    pub data: Value,
    /// When.
    pub at: String,
}

impl From<Step> for StepView {
    fn from(step: Step) -> Self {
        Self { id: step.id, name: step.name, data: step.data, at: step.at.to_string() }
    }
}

/// Says that the holder is there. Every other request under the lease says it too.
#[utoipa::path(tag = "engines", security(("engine" = [])), params(("run" = String, Path, description = "Its id")), responses(
    (status = 200, description = "Until when the lease lasts now", body = AliveView),
    (status = 409, description = "The lease is over", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/engines/runs/{run}/heartbeat")]
pub(in crate::api) async fn heartbeat(held: Held) -> Result<Json<AliveView>, Error> {
    Ok(Json(AliveView { expires_at: held.0.heartbeat()?.to_string() }))
}

/// Says that the holder begins. Nothing else is taken before.
#[utoipa::path(tag = "engines", security(("engine" = [])), params(("run" = String, Path, description = "Its id")),
    request_body = StartBody, responses(
    (status = 200, description = "It is on the record", body = AliveView),
    (status = 409, description = "The lease is over", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/engines/runs/{run}/start")]
pub(in crate::api) async fn begin(held: Held, body: Body<StartBody>) -> Result<Json<AliveView>, Error> {
    let says = body.0.says.map(|says| words("what an engine says of itself", says, WORDS_MAX)).transpose()?;
    Ok(Json(AliveView { expires_at: held.0.start(says).await?.to_string() }))
}

/// Marks progress. Answered once the mark is on the record.
#[utoipa::path(tag = "engines", security(("engine" = [])), params(("run" = String, Path, description = "Its id")),
    request_body = StepBody, responses(
    (status = 200, description = "It is on the record", body = AliveView),
    (status = 409, description = "The lease is over, the run has not begun, or the name is taken", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/engines/runs/{run}/steps")]
pub(in crate::api) async fn put_step(held: Held, body: Body<StepBody>) -> Result<Json<AliveView>, Error> {
    let StepBody { id, name: said, data } = body.0;
    plain("the data", &data, DATA_BYTES_MAX)?;
    let step = NewStep { id: name("a mark", &id)?, name: words("what was done", said, WORDS_MAX)?, data };
    Ok(Json(AliveView { expires_at: held.0.step(step).await?.to_string() }))
}
