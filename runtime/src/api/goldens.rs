//! Golden runs: recorded cases with the effects that they must lead to.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{delete, get, post};
use intents::id::{GoldenId, RunId};
use intents::redact::{Policy, redact};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::body::Body;
use super::faces::Faces;
use super::guard::Caller;
use super::page;
use super::problem::Problem;
use crate::bundle::Bundle;
use crate::error::Error;
use crate::ops::{self, GoldenDifference};
use crate::store::Golden;

/// A golden run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GoldenView {
    /// Its id.
    pub id: String,
    /// The name of its automation.
    pub automation: String,
    /// The run that it was; none for one from a bundle.
    pub run: Option<String>,
    /// `kept`, `import`, `repair` or `failure`.
    pub kind: String,
    /// Since when.
    pub created_at: String,
    /// When it was checked last.
    pub checked_at: Option<String>,
    /// What that found: `verified`, `differs` or `incomparable`.
    pub verdict: Option<String>,
    /// The difference in words.
    pub words: Option<String>,
    /// What it was checked with.
    pub checked_with: Option<String>,
}

/// Golden runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GoldenList {
    /// The oldest first.
    pub items: Vec<GoldenView>,
}

/// Which golden runs are meant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// The id or name of an automation.
    automation: Option<String>,
}

/// A run that is to be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeepBody {
    /// The id of a run that succeeded.
    pub run: String,
}

/// A bundle that is to be kept as a golden run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportGoldenBody {
    /// The id or name of the automation.
    pub automation: String,
    /// The bundle, as its file holds it.
    #[schema(value_type = Object)]
    pub bundle: Value,
}

/// Which golden runs are to be checked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckGoldensBody {
    /// The id or name of an automation; all unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automation: Option<String>,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GoldenCheckView {
    /// How many lead to the same effects.
    pub verified: u32,
    /// How many do not.
    pub needs_you: u32,
    /// The same in one line.
    pub line: String,
    /// Each that does not.
    pub differences: Vec<GoldenDifferenceView>,
}

/// A golden run that leads to something else now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GoldenDifferenceView {
    /// The golden run.
    pub golden: String,
    /// The name of its automation.
    pub automation: String,
    /// The run that it was.
    pub run: Option<String>,
    /// What differs, in words.
    pub words: String,
    /// The effects that it had, without secrets.
    #[schema(value_type = Vec<Object>)]
    pub then: Vec<Value>,
    /// The effects that it would have now, without secrets.
    #[schema(value_type = Vec<Object>)]
    pub now: Vec<Value>,
}

fn view(golden: Golden, automation: String) -> GoldenView {
    GoldenView {
        id: golden.id.to_string(),
        automation,
        run: golden.run.map(|run| run.to_string()),
        kind: golden.kind.to_string(),
        created_at: golden.created_at.to_string(),
        checked_at: golden.checked_at.map(|at| at.to_string()),
        verdict: golden.verdict.map(|verdict| verdict.as_str().to_owned()),
        words: golden.words,
        checked_with: golden.pins,
    }
}

impl From<GoldenDifference> for GoldenDifferenceView {
    fn from(difference: GoldenDifference) -> Self {
        let shown = |effects: Vec<Value>| effects.iter().map(|one| redact(one, &[], Policy::Secrets)).collect();
        Self {
            golden: difference.golden.id.to_string(),
            automation: difference.automation,
            run: difference.golden.run.map(|run| run.to_string()),
            words: difference.words,
            then: shown(difference.then),
            now: shown(difference.now),
        }
    }
}

/// Lists golden runs.
#[utoipa::path(tag = "trials", params(Filter), responses(
    (status = 200, description = "The golden runs", body = GoldenList),
    (status = 404, description = "There is no such automation", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/goldens")]
pub(super) async fn list(faces: Data<Faces>, filter: Query<Filter>) -> Result<Json<GoldenList>, Error> {
    let found = ops::goldens(&faces.app, filter.automation.as_deref()).await?;
    Ok(Json(GoldenList { items: found.into_iter().map(|(golden, name)| view(golden, name)).collect() }))
}

/// Keeps a run that succeeded: every version and every script must lead to the same effects.
#[utoipa::path(tag = "trials", request_body = KeepBody, responses(
    (status = 200, description = "It is kept; kept again, it is the same", body = GoldenView),
    (status = 404, description = "There is no such run", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "A replay does not lead to what it led to", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/goldens")]
pub(super) async fn keep(faces: Data<Faces>, caller: Caller, body: Body<KeepBody>) -> Result<Json<GoldenView>, Error> {
    let run: RunId = page::id("run", &body.0.run)?;
    let golden = ops::keep_golden(&faces.app, run, caller.as_str()).await?;
    let name = faces.app.store.automation(&golden.automation.to_string()).await?.name;
    Ok(Json(view(golden, name)))
}

/// Keeps the run of a bundle as a golden run. A run that failed must come to its end with the script in force.
#[utoipa::path(tag = "trials", request_body = ImportGoldenBody, responses(
    (status = 200, description = "It is kept; its words say what differs now", body = GoldenView),
    (status = 404, description = "There is no such automation", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The bundle makes no sense", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/goldens/import")]
pub(super) async fn import(
    faces: Data<Faces>,
    caller: Caller,
    body: Body<ImportGoldenBody>,
) -> Result<Json<GoldenView>, Error> {
    let ImportGoldenBody { automation, bundle } = body.0;
    let bundle = Bundle::of_value(&bundle)?;
    let (golden, words) = ops::import_golden(&faces.app, &automation, &bundle, caller.as_str()).await?;
    let name = faces.app.store.automation(&golden.automation.to_string()).await?.name;
    Ok(Json(GoldenView { words: (!words.is_empty()).then_some(words), ..view(golden, name) }))
}

/// Replays golden runs with the scripts in force. No effect is performed, and nothing is paused.
#[utoipa::path(tag = "trials", request_body = CheckGoldensBody, responses(
    (status = 200, description = "What was found", body = GoldenCheckView),
    (status = 404, description = "There is no such automation", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/goldens/check")]
pub(super) async fn check(faces: Data<Faces>, body: Body<CheckGoldensBody>) -> Result<Json<GoldenCheckView>, Error> {
    let found = ops::check_goldens(&faces.app, body.0.automation.as_deref()).await?;
    Ok(Json(GoldenCheckView {
        verified: found.verified,
        needs_you: found.needs_you,
        line: found.line,
        differences: found.differences.into_iter().map(GoldenDifferenceView::from).collect(),
    }))
}

/// Removes a golden run. The run itself stays.
#[utoipa::path(tag = "trials", params(("golden" = String, Path, description = "Its id")), responses(
    (status = 200, description = "It is removed", body = GoldenView),
    (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
))]
#[delete("/v1/goldens/{golden}")]
pub(super) async fn remove(faces: Data<Faces>, caller: Caller, id: Path<String>) -> Result<Json<GoldenView>, Error> {
    let id: GoldenId = page::id("golden run", &id)?;
    let golden = faces.app.store.golden(id).await?;
    let name = faces.app.store.automation(&golden.automation.to_string()).await?.name;
    ops::remove_golden(&faces.app, id, caller.as_str()).await?;
    Ok(Json(view(golden, name)))
}
