//! Cards: what a conversation proposes, for you to confirm or reject. Nothing else makes it live.

use std::collections::BTreeMap;

use actix_web::web::{Data, Json, Path};
use actix_web::{get, post};
use intents::id::CardId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::body::Body;
use super::faces::Faces;
use super::guard::Caller;
use super::page;
use super::problem::Problem;
use crate::chat::{Card, ChangeLine};
use crate::error::Error;
use crate::ops;
use crate::store;

/// A proposed automation, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ThreadCardView {
    /// Its id.
    pub id: String,
    /// The conversation that it came from.
    pub thread: String,
    /// The name of the automation.
    pub automation_name: String,
    /// The automation that it became.
    pub automation: Option<String>,
    /// What it changes: `new`, `contract`, `script` or `nothing`.
    pub change: String,
    /// `proposed`, `confirmed`, `rejected` or `superseded`.
    pub state: String,
    /// The title, in the planner's words.
    pub title: String,
    /// The goal, in the planner's words.
    pub goal: String,
    /// What a confirmation says: the digest of everything on the card.
    pub digest: String,
    /// What Steward enforces: each clause of the contract in a sentence that Steward made from it.
    pub enforced: Vec<String>,
    /// What the script does, in the planner's words. Nobody enforces them.
    pub script_does: Vec<String>,
    /// What the planner took for granted, in its words.
    pub assumptions: Vec<String>,
    /// What is another in the contract than in the one in force.
    pub changes: Vec<ChangeLineView>,
    /// Addresses that the contract allows and that you never wrote.
    pub unnamed: Vec<String>,
    /// What the trial found.
    pub proof: ProofView,
    /// What becomes of runs that are under way.
    pub carried_over: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it was decided on.
    pub decided_at: Option<String>,
    /// Who decided.
    pub decided_by: Option<String>,
}

/// One clause that is another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeLineView {
    /// `widens`, `narrows` or `neutral`.
    pub how: String,
    /// The clause, before and after.
    pub words: String,
}

/// What a trial found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProofView {
    /// `proven` or `incomplete`: what is refuted becomes no card.
    pub verdict: String,
    /// The proof sheet in a line.
    pub text: String,
    /// The id of the proof sheet.
    pub trial: Option<String>,
}

/// A card with the contract and the script behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ThreadCardDetail {
    /// The card.
    #[serde(flatten)]
    pub card: ThreadCardView,
    /// The contract.
    pub contract: Value,
    /// The script.
    pub script: String,
    /// The digest of the contract.
    pub contract_digest: String,
    /// The digest of the script.
    pub script_digest: String,
}

/// A confirmation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmBody {
    /// The digest of the card that you saw.
    pub digest: String,
    /// Whether a new automation begins in shadow: what it would do is noted, and not done.
    #[serde(default)]
    pub shadow: bool,
}

impl From<Card> for ThreadCardView {
    fn from(card: Card) -> Self {
        let body = card.body;
        let change = |line: ChangeLine| ChangeLineView { how: line.how, words: line.words };
        Self {
            id: card.id.to_string(),
            thread: card.thread.to_string(),
            automation_name: body.automation_name,
            automation: card.automation.map(|automation| automation.to_string()),
            change: body.change,
            state: card.state.to_string(),
            title: body.title,
            goal: body.goal,
            digest: card.digest,
            enforced: body.enforced,
            script_does: body.script_does,
            assumptions: body.assumptions,
            changes: body.changes.into_iter().map(change).collect(),
            unnamed: body.unnamed,
            proof: ProofView { verdict: body.verdict, text: body.proof, trial: body.trial },
            carried_over: body.carried_over,
            created_at: card.created_at.to_string(),
            decided_at: card.decided_at.map(|at| at.to_string()),
            decided_by: card.decided_by,
        }
    }
}

/// Some cards, as they stand now.
pub(super) async fn views(faces: &Faces, ids: Vec<CardId>) -> Result<BTreeMap<CardId, ThreadCardView>, Error> {
    let mut cards = BTreeMap::new();
    for id in ids {
        match faces.app.store.card(id).await {
            Ok(card) => drop(cards.insert(id, card.into())),
            Err(store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(cards)
}

/// Shows a card with the contract and the script behind it.
#[utoipa::path(tag = "chat", params(("card" = String, Path, description = "Its id")), responses(
    (status = 200, description = "The card", body = ThreadCardDetail),
    (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/cards/{card}")]
pub(super) async fn show(faces: Data<Faces>, card: Path<String>) -> Result<Json<ThreadCardDetail>, Error> {
    let card = faces.app.store.card(page::id("card", &card)?).await?;
    let (contract, script) = (card.body.contract.clone(), card.body.script.clone());
    let (contract_digest, script_digest) = (card.body.contract_digest.clone(), card.body.script_digest.clone());
    Ok(Json(ThreadCardDetail { card: card.into(), contract, script, contract_digest, script_digest }))
}

/// Confirms a card: it is checked and tried once more, and then it is live.
#[utoipa::path(tag = "chat", params(("card" = String, Path, description = "Its id")), request_body = ConfirmBody, responses(
    (status = 200, description = "It is live", body = ThreadCardView),
    (status = 409, description = "It is another card than you saw, or was decided on", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "It does not hold any more", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/cards/{card}/confirm")]
pub(super) async fn confirm(
    faces: Data<Faces>,
    caller: Caller,
    card: Path<String>,
    body: Body<ConfirmBody>,
) -> Result<Json<ThreadCardView>, Error> {
    let id = page::id("card", &card)?;
    Ok(Json(ops::confirm_card(&faces.app, id, &body.0.digest, body.0.shadow, caller.as_str()).await?.into()))
}

/// Rejects a card. Nothing of it was done.
#[utoipa::path(tag = "chat", params(("card" = String, Path, description = "Its id")), responses(
    (status = 200, description = "It is rejected", body = ThreadCardView),
    (status = 409, description = "It was decided on", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/cards/{card}/reject")]
pub(super) async fn reject(
    faces: Data<Faces>,
    caller: Caller,
    card: Path<String>,
) -> Result<Json<ThreadCardView>, Error> {
    Ok(Json(ops::reject_card(&faces.app, page::id("card", &card)?, caller.as_str()).await?.into()))
}
