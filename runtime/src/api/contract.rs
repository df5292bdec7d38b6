//! Contracts: their format, and what they say in plain words.

use actix_web::web::{Data, Json};
use actix_web::{get, post};
use intents::contract::{Change, Diff, Words, json_schema};
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

/// Two contracts to be compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DiffBody {
    /// The contract that is.
    pub old: Value,
    /// The contract that is to be.
    pub new: Value,
}

/// What one contract changes about another, clause by clause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DiffView {
    /// Whether anything may happen, or happen unasked, that could not before. It needs your confirmation.
    pub widens: bool,
    /// The changes.
    pub changes: Vec<ChangeView>,
    /// All of it as text.
    pub text: String,
}

/// One clause that is another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeView {
    /// `widens`, `narrows` or `neutral`.
    pub direction: String,
    /// Which part of the contract.
    pub part: String,
    /// The old clause in plain words; null when it is new.
    pub old: Option<String>,
    /// The new clause in plain words; null when it is gone.
    pub new: Option<String>,
    /// Why, where the words alone do not say.
    pub why: Option<String>,
}

impl From<Diff> for DiffView {
    fn from(diff: Diff) -> Self {
        let text = diff.to_string();
        let view = |change: Change| ChangeView {
            direction: change.direction.to_string(),
            part: change.part.to_owned(),
            old: change.old,
            new: change.new,
            why: change.why.map(str::to_owned),
        };
        Self { widens: diff.widens(), changes: diff.changes.into_iter().map(view).collect(), text }
    }
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

/// Compares two contracts clause by clause. Nothing is stored.
#[utoipa::path(tag = "contracts", request_body = DiffBody, responses(
    (status = 200, description = "What the new one changes", body = DiffView),
    (status = 422, description = "Every problem of the first that is no contract", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/contracts/diff")]
pub(super) async fn compare(faces: Data<Faces>, body: Body<DiffBody>) -> Result<Json<DiffView>, Error> {
    Ok(Json(ops::compare(&faces.app, &body.0.old, &body.0.new)?.into()))
}
