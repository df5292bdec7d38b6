//! Settings that the user changes while the server runs: granted folders, private hosts.

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, delete, get, put};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::body::Body;
use super::faces::Faces;
use super::guard::Caller;
use super::problem::Problem;
use crate::error::Error;
use crate::ops;
use crate::store;

/// A setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SettingView {
    /// Its name: `folders.statements`.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// When it was set.
    pub updated_at: String,
}

/// All settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SettingList {
    /// By name.
    pub items: Vec<SettingView>,
}

/// A value for a setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingBody {
    /// The value.
    pub value: Value,
}

/// Lists the settings.
#[utoipa::path(tag = "settings", responses((status = 200, description = "The settings", body = SettingList)))]
#[get("/v1/settings")]
pub(super) async fn list(faces: Data<Faces>) -> Result<Json<SettingList>, Error> {
    let settings = faces.app.store.settings().await?;
    let items = settings.iter().filter(|setting| is_setting(&setting.name)).cloned().map(|setting| SettingView {
        name: setting.name,
        value: setting.value,
        updated_at: setting.updated_at.to_string(),
    });
    Ok(Json(SettingList { items: items.collect() }))
}

/// Whether a stored name is that of a setting. The stop is kept beside them, and is nothing that anybody sets.
fn is_setting(name: &str) -> bool {
    name.contains('.')
}

async fn find(faces: &Faces, name: &str) -> Result<SettingView, Error> {
    let settings = faces.app.store.settings().await?;
    let found = settings.iter().find(|setting| setting.name == name && is_setting(name)).cloned();
    let setting = found.ok_or_else(|| store::Error::NotFound { what: "setting", which: name.to_owned() })?;
    Ok(SettingView { name: setting.name, value: setting.value, updated_at: setting.updated_at.to_string() })
}

/// Shows one setting.
#[utoipa::path(tag = "settings", params(("name" = String, Path, description = "Its name")), responses(
    (status = 200, description = "The setting", body = SettingView),
    (status = 404, description = "It is not set", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/settings/{name}")]
pub(super) async fn show(faces: Data<Faces>, name: Path<String>) -> Result<Json<SettingView>, Error> {
    Ok(Json(find(&faces, &name).await?))
}

/// Sets a setting: `folders.NAME` grants a folder, `egress.allow_private` names private hosts.
#[utoipa::path(tag = "settings", params(("name" = String, Path, description = "Its name")), request_body = SettingBody, responses(
    (status = 200, description = "It is set", body = SettingView),
    (status = 422, description = "There is no such setting, or the value makes no sense", body = Problem, content_type = "application/problem+json"),
))]
#[put("/v1/settings/{name}")]
pub(super) async fn set(
    faces: Data<Faces>,
    caller: Caller,
    name: Path<String>,
    body: Body<SettingBody>,
) -> Result<Json<SettingView>, Error> {
    ops::set_setting(&faces.app, &name, &body.0.value, caller.as_str()).await?;
    Ok(Json(find(&faces, &name).await?))
}

/// Removes a setting.
#[utoipa::path(tag = "settings", params(("name" = String, Path, description = "Its name")), responses(
    (status = 204, description = "It is gone"),
    (status = 404, description = "It was not set", body = Problem, content_type = "application/problem+json"),
))]
#[delete("/v1/settings/{name}")]
pub(super) async fn remove(faces: Data<Faces>, caller: Caller, name: Path<String>) -> Result<HttpResponse, Error> {
    if !is_setting(&name) {
        return Err(store::Error::NotFound { what: "setting", which: name.into_inner() }.into());
    }
    faces.app.store.remove_setting(&name, caller.as_str()).await?;
    Ok(HttpResponse::NoContent().finish())
}
