//! Approvals: what a person is asked before an effect happens, and what was answered.

use std::time::Duration;

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{get, post};
use intents::approval::{HOLD_DEFAULT, LIFE_MAX, Status};
use intents::redact::{Policy, redact, redact_text};
use intents::time::Span;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::body::Body;
use super::faces::Faces;
use super::guard::Caller;
use super::page::{self, Paging};
use super::problem::Problem;
use crate::error::{Code, Error};
use crate::store::{Approval, ApprovalFilter};

/// An approval: a question, its answer, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalView {
    /// Its id.
    pub id: String,
    /// `pending`, `held`, `approved`, `refused`, `expired`, `used` or `void`.
    pub status: String,
    /// Whose effect it is.
    pub automation: String,
    /// The run that asks.
    pub run: String,
    /// The number of the call in that run.
    pub call: u32,
    /// The tool.
    pub tool: String,
    /// The need in the inbox through which it is asked.
    pub need: String,
    /// What is asked, in one line; none when the content of its run was erased.
    pub title: Option<String>,
    /// The clauses of the contract that want a yes, in plain words.
    pub clauses: Vec<String>,
    /// What is asked about, the arguments above all; only secrets are masked.
    pub asked: Value,
    /// What is not as it was when the same was asked before.
    pub asked_again_for: Vec<String>,
    /// The envelope, where a yes covers more than this one effect.
    pub envelope: Option<EnvelopeView>,
    /// When the question expires into a no, or the yes without a use.
    pub expires_at: String,
    /// Until when it is put off.
    pub held_until: Option<String>,
    /// `approve` or `refuse`.
    pub answer: Option<String>,
    /// Who answered.
    pub decided_by: Option<String>,
    /// When it was answered, or expired.
    pub decided_at: Option<String>,
    /// What was said with the answer.
    pub reason: Option<String>,
    /// When it was asked.
    pub created_at: String,
}

/// How much of an envelope is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnvelopeView {
    /// How many effects a yes covers.
    pub at_most: u32,
    /// How many have begun under it.
    pub used: u32,
}

/// A page of approvals, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalPage {
    /// The approvals.
    pub items: Vec<ApprovalView>,
    /// The `before` of the next page, if there is one.
    pub next: Option<String>,
}

/// A yes or a no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideBody {
    /// `approve` or `refuse`.
    pub answer: String,
    /// Why. The script learns it with a no.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A question put off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldBody {
    /// For how long: `4h`, `2d`; a day unless said.
    #[serde(default, rename = "for")]
    pub length: Option<String>,
}

/// A person's words are a sentence or two.
const REASON_CHARS_MAX: usize = 2000;

impl From<Approval> for ApprovalView {
    fn from(approval: Approval) -> Self {
        let asked = approval.asked.as_ref();
        Self {
            id: approval.id.to_string(),
            status: approval.status.to_string(),
            automation: approval.automation.to_string(),
            run: approval.run.to_string(),
            call: approval.call,
            tool: approval.tool,
            need: approval.need.to_string(),
            title: asked.map(|asked| redact_text(&asked.title, Policy::Secrets)),
            clauses: asked
                .map_or_else(Vec::new, |asked| asked.grounds.iter().map(|ground| ground.words.clone()).collect()),
            asked: asked.map_or(Value::Null, |asked| redact(&asked.shown, &[], Policy::Secrets)),
            asked_again_for: asked.map(|asked| asked.asked_again_for.clone()).unwrap_or_default(),
            envelope: approval.envelope.map(|envelope| EnvelopeView { at_most: envelope.at_most, used: envelope.used }),
            expires_at: approval.expires_at.to_string(),
            held_until: approval.held_until.map(|at| at.to_string()),
            answer: approval.answer.map(|yes| if yes { "approve" } else { "refuse" }.to_owned()),
            decided_by: approval.decided_by,
            decided_at: approval.decided_at.map(|at| at.to_string()),
            reason: approval.note,
            created_at: approval.created_at.to_string(),
        }
    }
}

/// Which approvals to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// `open` unless said: those that wait for an answer; a status; or `all`.
    status: Option<String>,
    /// Only of this automation: its id or name.
    automation: Option<String>,
    /// Only of this run.
    run: Option<String>,
}

/// Lists approvals, newest first.
#[utoipa::path(tag = "inbox", params(Filter, Paging), responses(
    (status = 200, description = "A page of approvals", body = ApprovalPage),
    (status = 400, description = "The filter makes no sense", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/approvals")]
pub(super) async fn list(
    faces: Data<Faces>,
    filter: Query<Filter>,
    paging: Query<Paging>,
) -> Result<Json<ApprovalPage>, Error> {
    let store = &faces.app.store;
    let statuses = match filter.status.as_deref() {
        None | Some("open") => vec![Status::Pending, Status::Held],
        Some("all") => Vec::new(),
        Some(text) => vec![text.parse().map_err(|_| page::malformed("status", text))?],
    };
    let automation = match &filter.automation {
        Some(which) => Some(store.automation(which).await?.id),
        None => None,
    };
    let run = filter.run.as_ref().map(|run| page::id("run", run)).transpose()?;
    let wanted = ApprovalFilter { statuses, automation, run, before: paging.before()? };
    let found = store.approvals(&wanted, paging.look_for()).await?;
    let (items, next) = paging.cut(found, |approval| approval.id.to_string());
    Ok(Json(ApprovalPage { items: items.into_iter().map(ApprovalView::from).collect(), next }))
}

/// Shows one approval.
#[utoipa::path(tag = "inbox", params(("approval" = String, Path, description = "Its id")), responses(
    (status = 200, description = "The approval", body = ApprovalView),
    (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/approvals/{approval}")]
pub(super) async fn show(faces: Data<Faces>, approval: Path<String>) -> Result<Json<ApprovalView>, Error> {
    Ok(Json(faces.app.store.approval(page::id("approval", &approval)?).await?.into()))
}

/// Says yes or no; the run that waits goes on at the exact step.
#[utoipa::path(tag = "inbox", params(("approval" = String, Path, description = "Its id")), request_body = DecideBody, responses(
    (status = 200, description = "It is decided", body = ApprovalView),
    (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It was decided before, or is for nothing any more", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/approvals/{approval}/decide")]
pub(super) async fn decide(
    faces: Data<Faces>,
    caller: Caller,
    approval: Path<String>,
    body: Body<DecideBody>,
) -> Result<Json<ApprovalView>, Error> {
    let id = page::id("approval", &approval)?;
    let yes = match body.0.answer.as_str() {
        "approve" => true,
        "refuse" => false,
        _ => return Err(Error::new(Code::BodyMalformed, "`answer` is approve or refuse")),
    };
    if body.0.reason.as_ref().is_some_and(|reason| reason.chars().count() > REASON_CHARS_MAX) {
        let message = format!("`reason` has at most {REASON_CHARS_MAX} characters");
        return Err(Error::new(Code::BodyMalformed, message));
    }
    let reason = body.0.reason.as_deref().filter(|reason| !reason.trim().is_empty());
    Ok(Json(faces.app.store.decide_approval(id, yes, reason, caller.as_str()).await?.into()))
}

/// Puts a question off: it does not expire meanwhile, and may be answered at any time.
#[utoipa::path(tag = "inbox", params(("approval" = String, Path, description = "Its id")), request_body = HoldBody, responses(
    (status = 200, description = "It is put off", body = ApprovalView),
    (status = 409, description = "It was decided before, or is for nothing any more", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/approvals/{approval}/hold")]
pub(super) async fn hold(
    faces: Data<Faces>,
    caller: Caller,
    approval: Path<String>,
    body: Body<HoldBody>,
) -> Result<Json<ApprovalView>, Error> {
    let id = page::id("approval", &approval)?;
    let length = body.0.length.as_deref().map_or(Ok(HOLD_DEFAULT), read_length)?;
    Ok(Json(faces.app.store.hold_approval(id, length, caller.as_str()).await?.into()))
}

/// Takes a yes back, as far as it was not used. What happened under it stands.
#[utoipa::path(tag = "inbox", params(("approval" = String, Path, description = "Its id")), responses(
    (status = 200, description = "It is for nothing any more", body = ApprovalView),
    (status = 409, description = "It is no yes with room for a use", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/approvals/{approval}/take-back")]
pub(super) async fn take_back(
    faces: Data<Faces>,
    caller: Caller,
    approval: Path<String>,
) -> Result<Json<ApprovalView>, Error> {
    let id = page::id("approval", &approval)?;
    Ok(Json(faces.app.store.take_back_approval(id, caller.as_str()).await?.into()))
}

fn read_length(text: &str) -> Result<Duration, Error> {
    let length = text.parse::<Span>().ok().map(|span| span.duration());
    length.filter(|length| *length <= LIFE_MAX).ok_or_else(|| {
        let days = LIFE_MAX.as_secs() / (24 * 3600);
        Error::new(Code::BodyMalformed, format!("`for` is a length of time such as 4h or 2d, at most {days} days"))
    })
}
