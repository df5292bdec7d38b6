//! How a holder ends its lease.

use actix_web::post;
use actix_web::web::{Data, Json};
use intents::failure::Class;
use intents::outcome::Failure;
use intents::run::Phase;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::held::{Held, plain, words};
use crate::api::body::Body;
use crate::api::faces::Faces;
use crate::api::problem::Problem;
use crate::error::{Code, Error};
use crate::executor::outside::{End, Over, Refusal};

/// What an engine says of a failure is read by people.
const MESSAGE_MAX: usize = 2000;
/// What belongs to it is evidence, not a file.
const DETAILS_BYTES_MAX: usize = 64 << 10;

/// The run has come to its result.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteBody {
    /// The result.
    #[serde(default)]
    pub result: Value,
}

/// The run cannot go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FailBody {
    /// `logic`: what the engine does not fit what it found. `transient`: it may go away, so the run waits and is given
    /// out again. `limit`: it would take more than the engine may use.
    pub class: String,
    /// What failed.
    pub message: String,
    /// What a person should see besides.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub details: Value,
}

/// How a lease has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndView {
    /// Where the run stands: `succeeded`, `failed` or `stopped`; `waiting`, or `queued` for the next holder.
    pub phase: String,
    /// The same in words.
    pub detail: String,
}

/// Ends the run with its result. The state that the run changed is written with it.
#[utoipa::path(tag = "engines", security(("engine" = [])), params(("run" = String, Path, description = "Its id")),
    request_body = CompleteBody, responses(
    (status = 200, description = "Where the run stands: `queued` when another changed the same state, so that it begins afresh", body = EndView),
    (status = 409, description = "The lease is over, or the run has not begun", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/engines/runs/{run}/complete")]
pub(in crate::api) async fn complete(
    faces: Data<Faces>,
    held: Held,
    body: Body<CompleteBody>,
) -> Result<Json<EndView>, Error> {
    let result = body.0.result;
    plain("the result", &result, faces.app.config.limits.of_attempts().result_bytes as usize)?;
    end(&held, End::Completed { result }).await
}

/// Ends the run with a failure.
#[utoipa::path(tag = "engines", security(("engine" = [])), params(("run" = String, Path, description = "Its id")),
    request_body = FailBody, responses(
    (status = 200, description = "Where the run stands", body = EndView),
    (status = 409, description = "The lease is over, or the run has not begun", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "An engine cannot say this class", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/engines/runs/{run}/fail")]
pub(in crate::api) async fn fail(held: Held, body: Body<FailBody>) -> Result<Json<EndView>, Error> {
    let FailBody { class, message, details } = body.0;
    let message = words("the message", message, MESSAGE_MAX)?;
    plain("the details", &details, DETAILS_BYTES_MAX)?;
    let end_of = match class.parse() {
        Ok(Class::Logic) => End::Failed { failure: Failure::new(Class::Logic, "ENGINE_FAILED", message), details },
        Ok(Class::Limit) => End::Failed { failure: Failure::new(Class::Limit, "LIMIT_ENGINE", message), details },
        Ok(Class::Transient) => End::GaveUp { failure: Failure::new(Class::Transient, "ENGINE_UNAVAILABLE", message) },
        // The rest is known here and not there: what was refused, what is uncertain, what is our bug.
        Ok(
            Class::Auth
            | Class::Permission
            | Class::Uncertain
            | Class::Nondeterminism
            | Class::Internal
            | Class::Unknown,
        )
        | Err(_) => {
            let message = "an engine fails with the class `logic`, `transient` or `limit`";
            return Err(Error::new(Code::EngineReport, message));
        }
    };
    end(&held, end_of).await
}

/// Gives the run back for another holder.
#[utoipa::path(tag = "engines", security(("engine" = [])), params(("run" = String, Path, description = "Its id")), responses(
    (status = 200, description = "Where the run stands", body = EndView),
    (status = 409, description = "The lease is over", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/engines/runs/{run}/release")]
pub(in crate::api) async fn release(held: Held) -> Result<Json<EndView>, Error> {
    end(&held, End::Released).await
}

async fn end(held: &Held, end: End) -> Result<Json<EndView>, Error> {
    let over = held.0.end(end).await?;
    let phase = match &over {
        Over::Ended { phase, .. } => *phase,
        Over::Asleep => Phase::Waiting,
        Over::Overtaken | Over::GivenBack => Phase::Queued,
        // It was ended from our side before the holder's end came to anything.
        Over::NotReady | Over::Expired | Over::Revoked | Over::Stopped | Over::Broken => {
            return Err(Refusal::Over(over).into());
        }
    };
    Ok(Json(EndView { phase: phase.to_string(), detail: over.to_string() }))
}
