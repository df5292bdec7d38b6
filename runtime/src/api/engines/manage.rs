//! What the owner sees of engines, and how one is let in.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, delete, get, post};
use intents::id::EngineTokenId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::body::Body;
use crate::api::faces::Faces;
use crate::api::guard::Caller;
use crate::api::page;
use crate::api::problem::Problem;
use crate::engine::EngineName;
use crate::error::{Code, Error};
use crate::executor::outside::Lease;
use crate::store::EngineToken;

/// Runs that are counted as waiting for an engine; more are told as this many.
const READY_MAX: u64 = 1000;

/// All engines that are named by an automation or a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EngineList {
    /// By name.
    pub items: Vec<EngineView>,
    /// How many holders wait for a run at this moment, of all engines.
    pub waiting: usize,
}

/// An engine outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EngineView {
    /// Its name.
    pub name: String,
    /// The automations that it executes.
    pub automations: Vec<String>,
    /// Runs that wait for it, of active automations; 1,000 stands for as many or more.
    pub ready: usize,
    /// Runs that its holders have.
    pub held: Vec<HeldView>,
    /// The tokens that let programs be this engine, or did.
    pub tokens: Vec<EngineTokenView>,
}

/// A run that a holder has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldView {
    /// The run.
    pub run: String,
    /// The attempt that the holder has.
    pub attempt: u32,
    /// The token that it came with.
    pub token: String,
    /// When its lease is over unless it is heard of.
    pub expires_at: String,
}

/// A token of an engine, without itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EngineTokenView {
    /// Its id.
    pub id: String,
    /// The engine that it lets its holder be.
    pub engine: String,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: String,
    /// When it ceased to be good.
    pub revoked_at: Option<String>,
}

/// A token to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EngineTokenBody {
    /// The engine that it lets its holder be.
    pub engine: String,
}

/// A token that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EngineTokenMade {
    /// What is known of it.
    pub token: EngineTokenView,
    /// The token itself. Shown this once; kept as a digest.
    pub secret: String,
}

impl From<EngineToken> for EngineTokenView {
    fn from(token: EngineToken) -> Self {
        Self {
            id: token.id.to_string(),
            engine: token.engine.to_string(),
            created_by: token.created_by,
            created_at: token.created_at.to_string(),
            revoked_at: token.revoked_at.map(|at| at.to_string()),
        }
    }
}

impl From<Lease> for HeldView {
    fn from(lease: Lease) -> Self {
        Self {
            run: lease.run().to_string(),
            attempt: lease.attempt(),
            token: lease.token().to_string(),
            expires_at: lease.expires_at().to_string(),
        }
    }
}

/// Lists the engines that automations and tokens name, with what they hold.
#[utoipa::path(tag = "engines", responses((status = 200, description = "All engines", body = EngineList)))]
#[get("/v1/engines")]
pub(in crate::api) async fn list_engines(faces: Data<Faces>) -> Result<Json<EngineList>, Error> {
    let store = &faces.app.store;
    let executed = store.engines_of_scripts().await?;
    let mut automations: BTreeMap<EngineName, Vec<String>> = BTreeMap::new();
    for automation in store.automations().await? {
        if let Some(engine) = executed.get(&automation.script) {
            automations.entry(engine.clone()).or_default().push(automation.name);
        }
    }
    let mut tokens: BTreeMap<EngineName, Vec<EngineTokenView>> = BTreeMap::new();
    for token in store.engine_tokens().await? {
        tokens.entry(token.engine.clone()).or_default().push(token.into());
    }
    let leases = faces.app.engines.leases();
    let names: BTreeSet<_> = automations.keys().chain(tokens.keys()).cloned().collect();
    let mut items = Vec::new();
    for name in names {
        let held = leases.iter().filter(|lease| *lease.engine() == name).cloned();
        items.push(EngineView {
            ready: store.claimable(&name, None, READY_MAX, &[]).await?.len(),
            held: held.map(HeldView::from).collect(),
            automations: automations.remove(&name).unwrap_or_default(),
            tokens: tokens.remove(&name).unwrap_or_default(),
            name: name.to_string(),
        });
    }
    Ok(Json(EngineList { items, waiting: faces.app.engines.waiting() }))
}

/// Makes a token that lets a program be an engine. It opens nothing but what engines need, and is shown this once.
#[utoipa::path(tag = "engines", request_body = EngineTokenBody, responses(
    (status = 201, description = "The token", body = EngineTokenMade),
    (status = 422, description = "This is no name for an engine", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/engines/tokens")]
pub(in crate::api) async fn create_token(
    faces: Data<Faces>,
    caller: Caller,
    body: Body<EngineTokenBody>,
) -> Result<HttpResponse, Error> {
    let engine = body.0.engine.parse::<EngineName>();
    let engine = engine.map_err(|error| Error::new(Code::EngineName, error.to_string()))?;
    let (token, secret) = faces.app.engines.create_token(&engine, caller.as_str()).await?;
    Ok(HttpResponse::Created().json(EngineTokenMade { token: token.into(), secret }))
}

/// Ends a token at once, and the leases that were taken with it.
#[utoipa::path(tag = "engines", params(("token" = String, Path, description = "Its id")), responses(
    (status = 200, description = "It is good no more", body = EngineTokenView),
    (status = 404, description = "There is none of this id", body = Problem, content_type = "application/problem+json"),
))]
#[delete("/v1/engines/tokens/{token}")]
pub(in crate::api) async fn revoke_token(
    faces: Data<Faces>,
    caller: Caller,
    token: Path<String>,
) -> Result<Json<EngineTokenView>, Error> {
    let id: EngineTokenId = page::id("engine token", &token)?;
    Ok(Json(faces.app.engines.revoke_token(id, caller.as_str()).await?.into()))
}
