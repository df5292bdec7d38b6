//! Health: for load balancers in a word, for people in full.

use std::collections::BTreeMap;

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, get};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::automations::Counts;
use super::faces::Faces;
use super::problem::Problem;
use crate::error::{Code, Error};
use crate::health::Condition;
use crate::ops;

/// How the server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthView {
    /// `ok` or `degraded`.
    pub status: String,
    /// The version of the server.
    pub version: String,
    /// Each part.
    pub parts: BTreeMap<String, PartView>,
    /// Whether everything is stopped.
    pub all_stopped: bool,
    /// Whether the disk is full: then only stopping, answering and cleaning up work.
    pub disk_full: bool,
    /// The space that is free, in bytes.
    pub disk_free_bytes: Option<u64>,
    /// What was wrong with the record of events at the start.
    pub alarm: Option<String>,
    /// What the check of golden runs found at this start, when there was one: after an upgrade.
    pub golden: Option<String>,
    /// Needs that are open.
    pub open_needs: u64,
    /// Runs by phase.
    pub runs: BTreeMap<String, i64>,
    /// Commits since the start.
    pub commits: u64,
    /// Multi-row statements since the start.
    pub statements: u64,
}

/// How one part is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartView {
    /// `working`, `restarting` or `gave_up`.
    pub condition: String,
    /// How often it died lately.
    pub deaths: u32,
    /// What it died of.
    pub reason: Option<String>,
}

impl From<Condition> for PartView {
    fn from(condition: Condition) -> Self {
        let (condition, deaths, reason) = match condition {
            Condition::Working => ("working", 0, None),
            Condition::Restarting { deaths, reason } => ("restarting", deaths, Some(reason)),
            Condition::GaveUp { reason } => ("gave_up", 0, Some(reason)),
        };
        Self { condition: condition.to_owned(), deaths, reason }
    }
}

/// Says that the server is alive.
#[utoipa::path(tag = "health", security(()), responses((status = 200, description = "It is", content_type = "text/plain", body = String)))]
#[get("/healthz")]
pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("alive\n")
}

/// Says whether the server can do its work.
#[utoipa::path(tag = "health", security(()), responses(
    (status = 200, description = "It can", content_type = "text/plain", body = String),
    (status = 503, description = "It is ending, or the store does not answer", body = Problem, content_type = "application/problem+json"),
))]
#[get("/readyz")]
pub(super) async fn ready(faces: Data<Faces>) -> Result<HttpResponse, Error> {
    if *faces.closing.borrow() {
        return Err(Error::new(Code::ShuttingDown, "the server is ending"));
    }
    faces.app.store.all_stopped().await?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ready\n"))
}

/// Says how each part of the server is, and what there is to do.
#[utoipa::path(tag = "health", responses((status = 200, description = "How it is", body = HealthView)))]
#[get("/v1/health")]
pub(super) async fn health(faces: Data<Faces>) -> Result<Json<HealthView>, Error> {
    let app = &faces.app;
    let degraded = app.health.is_degraded() || app.store.is_full() || app.store.alarm().is_some();
    let (commits, statements) = app.store.counts();
    Ok(Json(HealthView {
        status: if degraded { "degraded" } else { "ok" }.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        parts: app.health.parts().into_iter().map(|(name, condition)| (name, condition.into())).collect(),
        all_stopped: app.store.all_stopped().await?,
        disk_full: app.store.is_full(),
        disk_free_bytes: ops::free_bytes(&app.config.home),
        alarm: app.store.alarm().map(str::to_owned),
        golden: app.health.golden(),
        open_needs: app.store.open_needs().await?,
        runs: Counts::read(&faces).await?.total(),
        commits,
        statements,
    }))
}
