//! Incidents: failures that have one cause, with their timeline.

use actix_web::get;
use actix_web::web::{Data, Json, Path, Query};
use intents::redact::{Policy, redact_text};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::faces::Faces;
use super::page::{self, Paging};
use super::problem::Problem;
use crate::error::Error;
use crate::store::Incident;

/// An incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentView {
    /// Its id.
    pub id: String,
    /// `open` or `closed`.
    pub state: String,
    /// What fails, in one line.
    pub title: String,
    /// When the first failure came that it is made of.
    pub opened_at: String,
    /// When the last one came.
    pub last_at: String,
    /// When all that failed were well again.
    pub closed_at: Option<String>,
    /// What happened, oldest first.
    pub timeline: Vec<IncidentMarkView>,
}

/// Something that happened in an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentMarkView {
    /// The automation.
    pub automation: String,
    /// The run.
    pub run: String,
    /// `failed` or `recovered`.
    pub what: String,
    /// The code of a failure.
    pub code: Option<String>,
    /// When.
    pub at: String,
}

/// A page of incidents, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentPage {
    /// The incidents.
    pub items: Vec<IncidentView>,
    /// The `before` of the next page, if there is one.
    pub next: Option<String>,
}

impl From<Incident> for IncidentView {
    fn from(incident: Incident) -> Self {
        let marks = incident.timeline.into_iter().map(|mark| IncidentMarkView {
            automation: mark.automation.to_string(),
            run: mark.run.to_string(),
            what: if mark.recovered { "recovered" } else { "failed" }.to_owned(),
            code: (!mark.recovered).then_some(mark.code),
            at: mark.at.to_string(),
        });
        Self {
            id: incident.id.to_string(),
            state: if incident.closed_at.is_some() { "closed" } else { "open" }.to_owned(),
            title: redact_text(&incident.title, Policy::Secrets),
            opened_at: incident.opened_at.to_string(),
            last_at: incident.last_at.to_string(),
            closed_at: incident.closed_at.map(|at| at.to_string()),
            timeline: marks.collect(),
        }
    }
}

/// Lists incidents, newest first.
#[utoipa::path(tag = "repairs", params(Paging), responses(
    (status = 200, description = "A page of incidents", body = IncidentPage),
))]
#[get("/v1/incidents")]
pub(super) async fn list(faces: Data<Faces>, paging: Query<Paging>) -> Result<Json<IncidentPage>, Error> {
    let found = faces.app.store.incidents(paging.before()?, paging.look_for()).await?;
    let (items, next) = paging.cut(found, |incident| incident.id.to_string());
    Ok(Json(IncidentPage { items: items.into_iter().map(Into::into).collect(), next }))
}

/// Shows one incident.
#[utoipa::path(tag = "repairs", params(("incident" = String, Path, description = "Its id")), responses(
    (status = 200, description = "The incident", body = IncidentView),
    (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/incidents/{incident}")]
pub(super) async fn show(faces: Data<Faces>, incident: Path<String>) -> Result<Json<IncidentView>, Error> {
    Ok(Json(faces.app.store.incident(page::id("incident", &incident)?).await?.into()))
}
