//! The installation, looked over.

use actix_web::get;
use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::faces::Faces;
use crate::error::Error;
use crate::ops::{self, Check};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckView {
    /// What was looked at.
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found.
    pub found: String,
    /// What to do, when it is not as it should be.
    pub advice: Option<String>,
}

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoctorView {
    /// Whether all is as it should be.
    pub ok: bool,
    /// One by one.
    pub checks: Vec<CheckView>,
}

impl From<Check> for CheckView {
    fn from(check: Check) -> Self {
        Self { name: check.name, ok: check.ok, found: check.found, advice: check.advice }
    }
}

/// Looks the installation over: folders, database, record, vault, sandbox, mail, clock, disk.
#[utoipa::path(tag = "health", responses((status = 200, description = "What was found", body = DoctorView)))]
#[get("/v1/doctor")]
pub(super) async fn doctor(faces: Data<Faces>) -> Result<Json<DoctorView>, Error> {
    let checks: Vec<CheckView> = ops::doctor(&faces.app).await?.into_iter().map(CheckView::from).collect();
    Ok(Json(DoctorView { ok: checks.iter().all(|check| check.ok), checks }))
}
