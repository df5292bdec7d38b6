//! Secrets: they go in, and never come out again.

use std::sync::Arc;

use actix_web::web::{self, Data, Json, Path};
use actix_web::{HttpResponse, delete, get, put};
use connectors::vault::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::Confidential;
use super::faces::Faces;
use super::problem::Problem;
use crate::error::{Code, Error};
use crate::store;

/// A secret on its way in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretBody {
    /// The secret itself.
    pub value: String,
}

/// The names of the secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretList {
    /// Sorted.
    pub names: Vec<String>,
}

impl std::fmt::Debug for SecretBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretBody(…)")
    }
}

/// Lists the names of the secrets.
#[utoipa::path(tag = "settings", responses((status = 200, description = "The names", body = SecretList)))]
#[get("/v1/secrets")]
pub(super) async fn list(faces: Data<Faces>) -> Json<SecretList> {
    Json(SecretList { names: faces.app.vault.names() })
}

/// Puts a secret in, in place of an older one of this name.
#[utoipa::path(tag = "settings", params(("name" = String, Path, description = "Its name")), request_body = SecretBody, responses(
    (status = 204, description = "It is in the vault"),
    (status = 422, description = "This is no name for a secret", body = Problem, content_type = "application/problem+json"),
))]
#[put("/v1/secrets/{name}")]
pub(super) async fn set(
    faces: Data<Faces>,
    name: Path<String>,
    body: Confidential<SecretBody>,
) -> Result<HttpResponse, Error> {
    let secret = Secret::new(body.0.value);
    let vault = Arc::clone(&faces.app.vault);
    let set = web::block(move || vault.set(&name, &secret)).await;
    set.map_err(|_| Error::new(Code::ServerFailed, "the vault was not reached"))??;
    Ok(HttpResponse::NoContent().finish())
}

/// Takes a secret out for good.
#[utoipa::path(tag = "settings", params(("name" = String, Path, description = "Its name")), responses(
    (status = 204, description = "It is gone"),
    (status = 404, description = "There is none of this name", body = Problem, content_type = "application/problem+json"),
))]
#[delete("/v1/secrets/{name}")]
pub(super) async fn remove(faces: Data<Faces>, name: Path<String>) -> Result<HttpResponse, Error> {
    let vault = Arc::clone(&faces.app.vault);
    let which = name.clone();
    let removed = web::block(move || vault.remove(&name)).await;
    if removed.map_err(|_| Error::new(Code::ServerFailed, "the vault was not reached"))?? {
        return Ok(HttpResponse::NoContent().finish());
    }
    Err(store::Error::NotFound { what: "secret", which }.into())
}
