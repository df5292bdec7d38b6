//! What engines outside have left behind in runs: their marks, and what they made.

use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, ETAG};
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, get};
use intents::id::{ArtifactId, RunId};
use intents::journal::{Record, Report};
use intents::redact::{Policy, redact, redact_text};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::engines::artifacts::entity_tag;
use super::engines::{ArtifactView, StepView};
use super::faces::Faces;
use super::guard::Caller;
use super::page;
use super::problem::Problem;
use crate::error::{Code, Error};

/// The marks of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepList {
    /// In order, as redacted copies.
    pub items: Vec<StepView>,
}

/// What was made in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArtifactList {
    /// Oldest first.
    pub items: Vec<ArtifactView>,
}

/// Lists the marks that an engine outside made in a run.
#[utoipa::path(tag = "runs", params(("run" = String, Path, description = "Its id")), responses(
    (status = 200, description = "Its marks", body = StepList),
    (status = 404, description = "There is no such run", body = Problem, content_type = "application/problem+json"),
    (status = 410, description = "The payloads were erased", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/runs/{run}/steps")]
pub(super) async fn list_steps(faces: Data<Faces>, run: Path<String>) -> Result<Json<StepList>, Error> {
    let records = faces.app.store.journal(page::id("run", &run)?).await?.records;
    let step = |record: Record| {
        if let Record::Outside(Report::Step(step)) = record { Some(StepView::from(step)) } else { None }
    };
    let redacted = |step: StepView| StepView {
        name: redact_text(&step.name, Policy::Secrets),
        data: redact(&step.data, &[], Policy::Secrets),
        ..step
    };
    Ok(Json(StepList { items: records.into_iter().filter_map(step).map(redacted).collect() }))
}

/// Lists what an engine outside made in a run.
#[utoipa::path(tag = "runs", params(("run" = String, Path, description = "Its id")), responses(
    (status = 200, description = "What it made", body = ArtifactList),
    (status = 404, description = "There is no such run", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/runs/{run}/artifacts")]
pub(super) async fn list(faces: Data<Faces>, run: Path<String>) -> Result<Json<ArtifactList>, Error> {
    let id: RunId = page::id("run", &run)?;
    faces.app.store.run(id).await?;
    let artifacts = faces.app.store.artifacts_of(id).await?;
    Ok(Json(ArtifactList { items: artifacts.into_iter().map(ArtifactView::from).collect() }))
}

/// Gives the bytes of one of them. For the holder of the token only: they are as the engine made them.
#[utoipa::path(tag = "runs", params(
    ("run" = String, Path, description = "The id of the run"),
    ("artifact" = String, Path, description = "Its id"),
), responses(
    (status = 200, description = "The bytes", content_type = "application/octet-stream", body = Vec<u8>),
    (status = 403, description = "They are for the holder of the token", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
    (status = 410, description = "The payloads were erased", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/runs/{run}/artifacts/{artifact}")]
pub(super) async fn download(
    faces: Data<Faces>,
    caller: Caller,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Error> {
    match caller {
        Caller::Token | Caller::CommandLine => {}
        Caller::Session => {
            let message = "artifacts are given to the holder of the token only; ask with `Authorization: Bearer TOKEN`";
            return Err(Error::new(Code::PayloadsRefused, message));
        }
    }
    let id: ArtifactId = page::id("artifact", &path.1)?;
    let (artifact, bytes) = faces.app.store.artifact(page::id("run", &path.0)?, id).await?;
    // Never shown as what the engine says it is: a browser saves it.
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/octet-stream"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", artifact.name)))
        .insert_header((ETAG, entity_tag(artifact.digest)))
        .body(bytes))
}
