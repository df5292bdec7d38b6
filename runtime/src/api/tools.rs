//! The tools that contracts may grant.

use actix_web::get;
use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::faces::Faces;

/// All tools.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ToolList {
    /// The whole definition of each, by name.
    pub items: Vec<Value>,
    /// Those that every script may use without a clause.
    pub always_granted: Vec<String>,
}

/// Lists the tools with their definitions.
#[utoipa::path(tag = "tools", responses((status = 200, description = "The tools", body = ToolList)))]
#[get("/v1/tools")]
pub(super) async fn list(faces: Data<Faces>) -> Json<ToolList> {
    let definitions = faces.app.catalogue.definitions();
    let items = definitions.map(|definition| serde_json::to_value(definition).expect("a definition is plain data"));
    let always_granted = connectors::host::ALWAYS_GRANTED.map(str::to_owned).to_vec();
    Json(ToolList { items: items.collect(), always_granted })
}
