//! Contracts: their format, and what they say in plain words.

use actix_web::web::{Data, Json};
use actix_web::{get, post};
use intents::contract::{Words, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::body::Body;
use super::faces::Faces;
use super::problem::Problem;
use crate::error::Error;
use crate::ops;

/// A contract in plain words, made from the contract alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WordsView {
    /// The title.
    pub title: String,
    /// The goal.
    pub goal: String,
    /// What starts runs.
    pub when: Vec<String>,
    /// What the script may do.
    pub may: Vec<String>,
    /// What happens once.
    pub once: Vec<String>,
    /// How often, how much, when and where to.
    pub limits: Vec<String>,
    /// What a person says yes to first.
    pub asks: Vec<String>,
    /// What should happen.
    pub expects: Vec<String>,
    /// What may be spent.
    pub budgets: Vec<String>,
    /// All of it as text: the card.
    pub text: String,
}

/// A version of a contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ContractView {
    /// Its id.
    pub id: String,
    /// Counts from 1 for each automation.
    pub version: i64,
    /// The digest of the canonical bytes.
    pub digest: String,
    /// The contract.
    pub contract: Value,
    /// The contract in plain words.
    pub words: WordsView,
}

/// A contract to be explained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainBody {
    /// The contract.
    pub contract: Value,
}

impl From<Words> for WordsView {
    fn from(words: Words) -> Self {
        let text = words.to_string();
        let Words { title, goal, when, may, once, limits, asks, expects, budgets } = words;
        Self { title, goal, when, may, once, limits, asks, expects, budgets, text }
    }
}

/// The JSON Schema of contracts.
#[utoipa::path(tag = "contracts", responses((status = 200, description = "The schema", body = Value)))]
#[get("/v1/contract/schema")]
pub(super) async fn schema() -> Json<Value> {
    Json(json_schema())
}

/// Says a contract in plain words. Nothing is stored.
#[utoipa::path(tag = "contracts", request_body = ExplainBody, responses(
    (status = 200, description = "The contract in plain words", body = WordsView),
    (status = 422, description = "Every problem of the contract", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/contract/explain")]
pub(super) async fn explain(faces: Data<Faces>, body: Body<ExplainBody>) -> Result<Json<WordsView>, Error> {
    Ok(Json(ops::explain(&faces.app, &body.0.contract)?.into()))
}
