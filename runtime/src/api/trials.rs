//! Trials: proof sheets, and what a script would have done in past runs.

use actix_web::web::{Data, Json, Path};
use actix_web::{get, post};
use intents::id::TrialId;
use intents::time::Span;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::body::Body;
use super::faces::Faces;
use super::problem::Problem;
use crate::error::{Code, Error};
use crate::ops;
use crate::store::KeptTrial;
use crate::trial::SheetV1;

/// What is to be tried: the script of an automation, or a script under a contract.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialBody {
    /// The id or name of an automation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automation: Option<String>,
    /// The contract, where there is no automation yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Value>,
    /// The source of the script, where there is no automation yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Recorded cases. Without them the past runs of the automation are taken, or cases are made up, which prove nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recordings: Option<Value>,
}

/// A proof sheet with what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrialView {
    /// Its id.
    pub id: String,
    /// The digest of the contract.
    pub contract_digest: String,
    /// The digest of the script.
    pub script_digest: String,
    /// The digest of the cases and past runs.
    pub cases_digest: String,
    /// When it was made.
    pub created_at: String,
    /// What was found.
    pub sheet: SheetV1,
}

/// Which past runs are gone through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BacktestBody {
    /// How far back, such as `30d`.
    pub last: String,
    /// Another script than that in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
}

/// What a script would have done in past runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BacktestView {
    /// The name of the automation.
    pub automation: String,
    /// From when on.
    pub from: String,
    /// Until when.
    pub until: String,
    /// Past runs that were gone through.
    pub runs: u64,
    /// Whether there were more than are gone through.
    pub cut: bool,
    /// What was found.
    pub sheet: SheetV1,
}

impl From<KeptTrial> for TrialView {
    fn from(trial: KeptTrial) -> Self {
        Self {
            id: trial.id.to_string(),
            contract_digest: trial.of.contract_digest,
            script_digest: trial.of.script_digest,
            cases_digest: trial.of.cases_digest,
            created_at: trial.created_at.to_string(),
            sheet: trial.sheet,
        }
    }
}

/// Tries a script out in a simulated world. No effect is performed; the proof sheet is kept.
#[utoipa::path(tag = "trials", request_body = TrialBody, responses(
    (status = 200, description = "The proof sheet", body = TrialView),
    (status = 404, description = "There is no such automation", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "Every problem of the contract", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/trials")]
pub(super) async fn try_out(faces: Data<Faces>, body: Body<TrialBody>) -> Result<Json<TrialView>, Error> {
    let TrialBody { automation, contract, script, recordings } = body.0;
    let trial = match (automation, contract, script) {
        (Some(automation), None, None) => ops::try_automation(&faces.app, &automation, recordings.as_ref()).await?,
        (None, Some(contract), Some(script)) => {
            ops::try_draft(&faces.app, &contract, &script, recordings.as_ref()).await?
        }
        (Some(_), _, _) | (None, _, _) => {
            let message = "name an `automation`, or give a `contract` and a `script`";
            return Err(Error::new(Code::BodyMalformed, message));
        }
    };
    Ok(Json(trial.into()))
}

/// Shows a proof sheet.
#[utoipa::path(tag = "trials", params(("trial" = String, Path, description = "Its id")), responses(
    (status = 200, description = "The proof sheet", body = TrialView),
    (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/trials/{trial}")]
pub(super) async fn show(faces: Data<Faces>, id: Path<String>) -> Result<Json<TrialView>, Error> {
    let unknown = || crate::store::Error::NotFound { what: "trial", which: id.chars().take(64).collect() };
    let id: TrialId = id.parse().map_err(|_| unknown())?;
    Ok(Json(faces.app.store.trial(id).await?.into()))
}

/// Says what the script of an automation would have done in its past runs. No effect is performed.
#[utoipa::path(tag = "trials", params(("automation" = String, Path, description = "Its id or name")),
    request_body = BacktestBody, responses(
    (status = 200, description = "What it would have done", body = BacktestView),
    (status = 404, description = "There is no such automation", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/automations/{automation}/backtest")]
pub(super) async fn backtest(
    faces: Data<Faces>,
    which: Path<String>,
    body: Body<BacktestBody>,
) -> Result<Json<BacktestView>, Error> {
    let last: Span =
        body.0.last.parse().map_err(|_| Error::new(Code::BodyMalformed, "`last` is a span such as `30d` or `12h`"))?;
    let found = ops::backtest(&faces.app, &which, last, body.0.script.as_deref()).await?;
    Ok(Json(BacktestView {
        automation: found.automation.name,
        from: found.from.to_string(),
        until: found.until.to_string(),
        runs: found.runs as u64,
        cut: found.cut,
        sheet: found.sheet,
    }))
}
