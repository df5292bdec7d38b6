//! Providers of models. Their keys go in, and never come out again.

use std::num::NonZeroU32;

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, delete, get, post};
use connectors::vault::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Body, Confidential};
use super::faces::Faces;
use super::guard::Caller;
use super::problem::Problem;
use crate::error::Error;
use crate::models::{self, Asked, Kind, NewProvider, Offer, Profile, ProfileName, Provider};

/// All providers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProviderList {
    /// In the order in which they were added, which is that in which they are asked unless `models.chain` says another.
    pub items: Vec<ProviderView>,
    /// Models on this machine that nobody has added yet.
    pub offers: Vec<Offer>,
}

/// A provider of models, without its key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProviderView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The address of its endpoint.
    pub base_url: Option<String>,
    /// The file with its answers, in place of an endpoint.
    pub recording: Option<String>,
    /// How often it may be called in a minute.
    pub requests_per_minute: Option<u32>,
    /// Its models.
    pub profiles: Vec<Profile>,
    /// Whether the vault holds a key for it.
    pub has_key: bool,
    /// When it was added.
    pub created_at: String,
}

/// A provider on its way in.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderBody {
    /// A name for it: small letters, digits, `-` and `_`.
    pub name: String,
    /// The address of an OpenAI-compatible endpoint, without `/chat/completions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// A file with recorded answers, in place of an endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
    /// How often it may be called in a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    pub requests_per_minute: Option<NonZeroU32>,
    /// Its models; the first one is asked unless another is named.
    pub profiles: Vec<Profile>,
    /// The key, unless it wants none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl std::fmt::Debug for ProviderBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderBody").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Which model of a provider to try.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestBody {
    /// Its profile; the first one unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}

/// What a model answered when it was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestView {
    /// The provider.
    pub provider: String,
    /// Its profile.
    pub profile: String,
    /// The model, as the endpoint named it.
    pub model: String,
    /// What it said.
    pub text: String,
    /// Whether no model was asked: the answer was stored long before.
    pub recorded: bool,
    /// Tokens that were sent, as the endpoint reported.
    pub tokens_in: Option<u64>,
    /// Tokens that were answered, as the endpoint reported.
    pub tokens_out: Option<u64>,
    /// What it cost, in micro-dollars; what was reserved, where the endpoint reported nothing.
    pub cost_micros: i64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl ProviderView {
    fn new(provider: Provider, has_key: bool) -> Self {
        let (base_url, recording) = match provider.kind {
            Kind::Endpoint(url) => (Some(url.to_string()), None),
            Kind::Recorded(file) => (None, Some(file.display().to_string())),
        };
        Self {
            id: provider.id.to_string(),
            name: provider.name,
            base_url,
            recording,
            requests_per_minute: provider.requests_per_minute.map(NonZeroU32::get),
            profiles: provider.profiles,
            has_key,
            created_at: provider.created_at.to_string(),
        }
    }
}

impl From<Asked> for TestView {
    fn from(asked: Asked) -> Self {
        let took = asked.call.ended_at.map(|at| at.since(asked.call.started_at)).unwrap_or_default();
        Self {
            provider: asked.answer.provider,
            profile: asked.answer.profile,
            model: asked.answer.model,
            text: asked.answer.text,
            recorded: asked.answer.recorded,
            tokens_in: asked.call.tokens.map(|tokens| tokens.input),
            tokens_out: asked.call.tokens.map(|tokens| tokens.output),
            cost_micros: asked.call.cost.micros(),
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// Lists the providers, and a local Ollama that nobody has added.
#[utoipa::path(tag = "models", responses((status = 200, description = "All providers", body = ProviderList)))]
#[get("/v1/providers")]
pub(super) async fn list(faces: Data<Faces>) -> Result<Json<ProviderList>, Error> {
    let models = &faces.app.models;
    let providers = models.providers().await?;
    let items = providers.into_iter().map(|provider| {
        let has_key = models.has_key(&provider.name);
        ProviderView::new(provider, has_key)
    });
    Ok(Json(ProviderList { items: items.collect(), offers: models.offer().await?.into_iter().collect() }))
}

/// Adds a provider. An address on this machine is granted to it by this.
#[utoipa::path(tag = "models", request_body = ProviderBody, responses(
    (status = 201, description = "It is there", body = ProviderView),
    (status = 409, description = "There is one of this name", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "What is said of it makes no sense", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/providers")]
pub(super) async fn add(
    faces: Data<Faces>,
    caller: Caller,
    body: Confidential<ProviderBody>,
) -> Result<HttpResponse, Error> {
    let ProviderBody { name, base_url, recording, requests_per_minute, profiles, key } = body.0;
    let body = models::Body { base_url, recording, requests_per_minute, profiles };
    let new = NewProvider { name, body, key: key.map(Secret::new) };
    let has_key = new.key.is_some();
    let provider = faces.app.models.add(new, caller.as_str()).await?;
    Ok(HttpResponse::Created().json(ProviderView::new(provider, has_key)))
}

/// Takes a provider away, with its key. What it was asked for stays known.
#[utoipa::path(tag = "models", params(("name" = String, Path, description = "Its name")), responses(
    (status = 204, description = "It is gone"),
    (status = 404, description = "There is none of this name", body = Problem, content_type = "application/problem+json"),
))]
#[delete("/v1/providers/{name}")]
pub(super) async fn remove(faces: Data<Faces>, caller: Caller, name: Path<String>) -> Result<HttpResponse, Error> {
    faces.app.models.remove(&name, caller.as_str()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Asks a model of a provider for one word. It costs what such a call costs.
#[utoipa::path(tag = "models", params(("name" = String, Path, description = "Its name")), request_body = TestBody, responses(
    (status = 200, description = "What it answered", body = TestView),
    (status = 402, description = "There is no money for it", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "There is no such provider or profile", body = Problem, content_type = "application/problem+json"),
    (status = 502, description = "It does not answer as it should", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/providers/{name}/test")]
pub(super) async fn test(
    faces: Data<Faces>,
    name: Path<String>,
    body: Body<TestBody>,
) -> Result<Json<TestView>, Error> {
    let provider: ProfileName = name.parse()?;
    let which = match body.0.profile {
        Some(profile) => format!("{}/{profile}", provider.provider).parse()?,
        None => provider,
    };
    Ok(Json(faces.app.models.test(which).await?.into()))
}
