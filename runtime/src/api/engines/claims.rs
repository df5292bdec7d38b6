//! Claiming a run.

use std::time::Duration;

use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::held::EngineCaller;
use super::reports::StepView;
use crate::api::body::Body;
use crate::api::faces::Faces;
use crate::api::problem::Problem;
use crate::engine::{Claim, Claimed, Wanted};
use crate::error::{Code, Error};
use crate::executor::outside::{LEASE, Opening};

/// A claim waits this long at most; who wants to wait longer claims again.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Marks that a claim shows: the newest. A run with more is not told by its marks.
const STEPS_SHOWN_MAX: usize = 100;

/// What work is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimBody {
    /// Only of this automation: its id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automation: Option<String>,
    /// How long to wait for a run, in milliseconds; not at all unless said, 30,000 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

/// A run with everything that its holder needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClaimView {
    /// The run.
    pub run: String,
    /// Its lease.
    pub lease: LeaseView,
    /// Whose run it is.
    pub automation: String,
    /// The name of that automation.
    pub automation_name: String,
    /// The inbox item that it is about.
    pub item: String,
    /// The attempt that the holder has: the next holder has a higher one.
    pub attempt: u32,
    /// How often the run began afresh.
    pub generation: u32,
    /// When its first attempt began.
    pub at: String,
    /// The input.
    pub input: Value,
    /// The contract.
    pub contract: Value,
    /// The contract in plain words.
    pub card: String,
    /// The definitions of the tools that may be called, with their schemas.
    pub tools: Vec<Value>,
    /// The calls that holders before this one have made. Made again under the same name they give back their outcomes.
    pub calls: Vec<KnownCallView>,
    /// The newest marks that holders before this one have made.
    pub steps: Vec<StepView>,
}

/// A lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeaseView {
    /// Its secret, for the header `x-steward-lease` of every further request. Shown this once.
    pub token: String,
    /// When it is over unless a request comes.
    pub expires_at: String,
    /// How long it lasts after each request, in milliseconds.
    pub lasts_ms: u64,
}

/// A call that the journal holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KnownCallView {
    /// What the engine calls it.
    pub id: String,
    /// Its number in the run.
    pub number: u32,
    /// The tool.
    pub tool: String,
    /// Whether it has come to its outcome.
    pub settled: bool,
}

/// Claims the next run of an engine, waiting for one where wanted.
#[utoipa::path(tag = "engines", security(("engine" = [])), request_body = ClaimBody, responses(
    (status = 200, description = "A run, for as long as its lease lasts", body = ClaimView),
    (status = 204, description = "There is none now; claim again"),
    (status = 403, description = "Only the token of an engine claims", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "More wait at once than can", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/engines/claims")]
pub(in crate::api) async fn claim(
    faces: Data<Faces>,
    caller: EngineCaller,
    body: Body<ClaimBody>,
) -> Result<HttpResponse, Error> {
    let engine = caller.engine(&faces)?;
    let automation = match &body.0.automation {
        Some(which) => Some(faces.app.store.automation(which).await?.id),
        None => None,
    };
    let wait = Duration::from_millis(body.0.wait_ms.unwrap_or(0)).min(WAIT_MAX);
    let wanted = Wanted { engine, token: caller.0, automation };
    let mut closing = faces.closing.clone();
    let claim = tokio::select! {
        claim = faces.app.engines.claim(&wanted, wait) => claim?,
        _ = closing.wait_for(|closing| *closing) => {
            return Err(Error::new(Code::ShuttingDown, "the server is ending; claim again when it is back"));
        }
    };
    match claim {
        Claim::Given(claimed) => Ok(HttpResponse::Ok().json(view(*claimed))),
        Claim::Nothing => Ok(HttpResponse::NoContent().finish()),
        Claim::Busy => Err(Error::new(Code::EngineBusy, "more engines wait for work at once than can; claim again")),
    }
}

fn view(claimed: Claimed) -> ClaimView {
    let Claimed { lease, secret, opening } = claimed;
    let Opening {
        run,
        automation,
        automation_name,
        item,
        attempt,
        generation,
        at,
        input,
        contract,
        words,
        tools,
        calls,
        mut steps,
    } = opening;
    let known = calls.into_iter().map(|call| KnownCallView {
        id: call.id,
        number: call.number,
        tool: call.tool,
        settled: call.outcome.is_some(),
    });
    let newest = steps.split_off(steps.len().saturating_sub(STEPS_SHOWN_MAX));
    ClaimView {
        run: run.to_string(),
        lease: LeaseView {
            token: secret,
            expires_at: lease.expires_at().to_string(),
            lasts_ms: u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX),
        },
        automation: automation.to_string(),
        automation_name,
        item: item.to_string(),
        attempt,
        generation,
        at: at.to_string(),
        input,
        contract,
        card: words.to_string(),
        tools: tools.iter().map(|tool| serde_json::to_value(tool).expect("a definition is plain data")).collect(),
        calls: known.collect(),
        steps: newest.into_iter().map(StepView::from).collect(),
    }
}
