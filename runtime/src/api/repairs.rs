//! Repairs: what broke, what changed, what proved it, what it cost, and how to take it back.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{get, post};
use intents::redact::{Policy, redact, redact_text};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::faces::Faces;
use super::guard::Caller;
use super::page::{self, Paging};
use super::problem::Problem;
use crate::error::Error;
use crate::maintainer::Repair;

/// A repair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RepairView {
    /// Its id.
    pub id: String,
    /// The automation.
    pub automation: String,
    /// `queued`, `working`, `confirming`, `watching`, `kept`, `rolled_back`, `undone`, `given_up` or `dropped`.
    pub state: String,
    /// What broke, in one line.
    pub broke: String,
    /// The code of the failure.
    pub code: String,
    /// The version that failed.
    pub version: String,
    /// The version that took its place.
    pub new_version: Option<String>,
    /// `adapter` or `script`: what takes the place of what.
    pub kind: Option<String>,
    /// What it does about it, in the words of the model.
    pub reason: Option<String>,
    /// What changed: the adapter, or the difference of the scripts.
    pub diff: Option<String>,
    /// The proof sheet in one line.
    pub proof: Option<String>,
    /// The id of the proof sheet.
    pub trial: Option<String>,
    /// What it does else than past runs did.
    pub differences: Vec<String>,
    /// What was proposed and did not hold.
    pub tried: Vec<TriedView>,
    /// How it ended.
    pub ended: Option<String>,
    /// What models cost for it, in US dollars.
    pub cost: String,
    /// What a person is asked about it.
    pub need: Option<String>,
    /// The runs that failed, each with the one that went on for it.
    pub runs: Vec<RepairRunView>,
    /// Where the script stood, in a redacted copy.
    pub evidence: Value,
    /// Whether it can be taken back.
    pub can_undo: bool,
    /// When it began.
    pub created_at: String,
    /// When it changed last.
    pub updated_at: String,
}

/// A proposal that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TriedView {
    /// What it was.
    pub what: String,
    /// Why it does not go live.
    pub why: Vec<String>,
}

/// A run that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RepairRunView {
    /// The run.
    pub run: String,
    /// The run that went on for it.
    pub resumed: Option<String>,
}

/// A page of repairs, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RepairPage {
    /// The repairs.
    pub items: Vec<RepairView>,
    /// The `before` of the next page, if there is one.
    pub next: Option<String>,
}

/// Which repairs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only of this automation: its id or name.
    automation: Option<String>,
}

async fn view(faces: &Faces, repair: Repair) -> Result<RepairView, Error> {
    let store = &faces.app.store;
    let text = |text: &str| redact_text(text, Policy::Secrets);
    let new_version = match repair.new_script {
        Some(script) => Some(store.script_version(script).await?),
        None => None,
    };
    let runs = store.runs_of_repair(repair.id).await?;
    let in_force = Some(store.automation(&repair.automation.to_string()).await?.script);
    let body = repair.body;
    let candidate = body.candidate.as_ref();
    Ok(RepairView {
        id: repair.id.to_string(),
        automation: repair.automation.to_string(),
        state: repair.state.to_string(),
        broke: text(&body.broke),
        code: body.failure.code,
        version: store.script_version(repair.script).await?,
        new_version,
        kind: candidate.map(|candidate| if candidate.is_adapter { "adapter" } else { "script" }.to_owned()),
        reason: candidate.map(|candidate| text(&candidate.reason)),
        diff: candidate.map(|candidate| text(&candidate.diff)),
        proof: candidate.map(|candidate| candidate.proof.clone()),
        trial: candidate.and_then(|candidate| candidate.trial).map(|trial| trial.to_string()),
        differences: candidate.map(|candidate| candidate.differences.clone()).unwrap_or_default(),
        tried: body
            .tried
            .into_iter()
            .map(|tried| TriedView { what: text(&tried.what), why: tried.why.iter().map(|why| text(why)).collect() })
            .collect(),
        ended: body.ended.as_deref().map(text),
        cost: repair.cost.to_string(),
        need: repair.need.map(|need| need.to_string()),
        runs: runs
            .into_iter()
            .map(|(run, resumed)| RepairRunView { run: run.to_string(), resumed: resumed.map(|run| run.to_string()) })
            .collect(),
        evidence: redact(&body.evidence, &[], Policy::Secrets),
        can_undo: repair.state.is_live() && in_force == repair.new_script,
        created_at: repair.created_at.to_string(),
        updated_at: repair.updated_at.to_string(),
    })
}

/// Lists repairs, newest first.
#[utoipa::path(tag = "repairs", params(Filter, Paging), responses(
    (status = 200, description = "A page of repairs", body = RepairPage),
    (status = 404, description = "There is no such automation", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/repairs")]
pub(super) async fn list(
    faces: Data<Faces>,
    filter: Query<Filter>,
    paging: Query<Paging>,
) -> Result<Json<RepairPage>, Error> {
    let store = &faces.app.store;
    let automation = match filter.automation.as_deref() {
        Some(which) => Some(store.automation(which).await?.id),
        None => None,
    };
    let found = store.repairs(automation, paging.before()?, paging.look_for()).await?;
    let (repairs, next) = paging.cut(found, |repair| repair.id.to_string());
    let mut items = Vec::with_capacity(repairs.len());
    for repair in repairs {
        items.push(view(&faces, repair).await?);
    }
    Ok(Json(RepairPage { items, next }))
}

/// Shows one repair.
#[utoipa::path(tag = "repairs", params(("repair" = String, Path, description = "Its id")), responses(
    (status = 200, description = "The repair", body = RepairView),
    (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/repairs/{repair}")]
pub(super) async fn show(faces: Data<Faces>, repair: Path<String>) -> Result<Json<RepairView>, Error> {
    let repair = faces.app.store.repair(page::id("repair", &repair)?).await?;
    Ok(Json(view(&faces, repair).await?))
}

/// Takes a repair back: the script before it is in force again. What was done stays done.
#[utoipa::path(tag = "repairs", params(("repair" = String, Path, description = "Its id")), responses(
    (status = 200, description = "It is taken back", body = RepairView),
    (status = 409, description = "It is not live", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/repairs/{repair}/undo")]
pub(super) async fn undo(faces: Data<Faces>, caller: Caller, repair: Path<String>) -> Result<Json<RepairView>, Error> {
    let repair = faces.app.store.undo_repair(page::id("repair", &repair)?, caller.as_str()).await?;
    Ok(Json(view(&faces, repair).await?))
}
