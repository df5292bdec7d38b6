//! Repairs that could not be done: one need says what was tried, for one automation or for all of a storm.

use intents::id::{AutomationId, NeedId, RepairId};
use intents::need::Kind;
use intents::repair::State;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Value, json};

use super::row::{automation, body, change_state, find, set_body, state};
use super::step::{ACTOR, add_steps};
use crate::maintainer::RepairBody;
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::rows::repair as row;
use crate::store::writer::Command;
use crate::store::{Error, NewNeed, NewStep, Store, need};

/// Automations that a need names; it counts the rest.
const NAMED_MAX: usize = 100;
/// Failures further apart have nothing to do with each other.
const STORM_WINDOW: std::time::Duration = std::time::Duration::from_secs(6 * 3600);
/// Repairs of a storm that are looked at.
const STORM_MAX: u64 = 10_000;

/// Repairs could not be done.
#[derive(Debug, Clone, PartialEq)]
pub struct GiveUp {
    /// The repairs.
    pub repairs: Vec<RepairId>,
    /// Why.
    pub why: String,
    /// Steps of the one that was worked on.
    pub steps: Vec<NewStep>,
}

impl Command for GiveUp {
    type Reply = Option<NeedId>;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Option<NeedId>, Error> {
        let mut rows = Vec::new();
        for id in &self.repairs {
            let mut row = find(batch, *id).await?;
            if !matches!(state(&row)?, State::Queued | State::Working) {
                continue;
            }
            if !self.steps.is_empty() {
                add_steps(batch, &mut row, &self.steps).await?;
            }
            let mut said = body(&row, &batch.shared.payload)?;
            said.ended = Some(self.why.clone());
            set_body(batch, &mut row, &said)?;
            change_state(batch, &mut row, State::GivenUp, ACTOR, json!({ "why": self.why })).await?;
            rows.push((row, said));
        }
        let Some((first, said)) = rows.first().cloned() else { return Ok(None) };
        let id = self.ask(batch, &first, &said).await?;
        for (mut row, _) in rows {
            row.need_id = Some(id.to_string());
            batch.tx.update(&row).await?;
        }
        batch.repairs_changed();
        Ok(Some(id))
    }
}

impl GiveUp {
    /// Asks once: about this automation, or about all that fail in the same way.
    async fn ask(&self, batch: &mut Batch<'_>, row: &row::Model, said: &RepairBody) -> Result<NeedId, Error> {
        let others = others_of_storm(batch, row).await?;
        if others.is_empty() {
            let found = batch.automation(automation(row)?).await?;
            let title = found.map_or_else(|| "An automation".to_owned(), |found| found.title.clone());
            let new = NewNeed {
                kind: Kind::Repair,
                dedupe_key: format!("repair:{}:{}", row.automation_id, row.id),
                automation: Some(automation(row)?),
                run: Some(row.run_id.parse().map_err(super::row::unreadable)?),
                call: None,
                effect: None,
                title: format!("{title}: {}", said.broke),
                evidence: self.evidence(row, said, &[]),
            };
            return need::open(batch, &new).await;
        }
        let service = said.service.clone().unwrap_or_else(|| "one service".to_owned());
        let names = names(batch, row, &others).await?;
        let new = NewNeed {
            kind: Kind::Repair,
            dedupe_key: format!("storm:{}", super::row::digest(&row.storm)?),
            automation: None,
            run: None,
            call: None,
            effect: None,
            title: format!("Automations that use {service} fail in the same way: {}", said.broke),
            evidence: self.evidence(row, said, &names),
        };
        let id = need::open(batch, &new).await?;
        // More may have joined since it was opened: it names all of them.
        need::say_anew(batch, id, &new).await?;
        Ok(id)
    }

    fn evidence(&self, row: &row::Model, said: &RepairBody, automations: &[String]) -> Value {
        let mut evidence = json!({
            "repair": row.id, "failure": { "class": said.failure.class.as_str(), "code": said.failure.code, "message": said.failure.message },
            "broke": said.broke, "tried": said.tried, "why": self.why,
            "cost": intents::model::Cost::from_parts(row.cost).to_string(),
        });
        if !automations.is_empty() {
            evidence["automations"] = json!(automations);
        }
        evidence
    }
}

/// Repairs of other automations that fail in the same way, and are not done.
async fn others_of_storm(batch: &Batch<'_>, row: &row::Model) -> Result<Vec<String>, Error> {
    let states = [State::Queued, State::Working, State::GivenUp].map(State::as_str);
    let others = row::Entity::find()
        .select_only()
        .column(row::Column::AutomationId)
        .filter(row::Column::State.is_in(states))
        .filter(row::Column::Storm.eq(row.storm.clone()))
        .filter(row::Column::AutomationId.ne(&row.automation_id))
        .filter(row::Column::UpdatedAt.gte((batch.now - STORM_WINDOW).as_millis()))
        .order_by_asc(row::Column::Id)
        .limit(STORM_MAX);
    batch.tx.tuples(others).await
}

async fn names(batch: &Batch<'_>, row: &row::Model, others: &[String]) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for id in std::iter::once(&row.automation_id).chain(others).take(NAMED_MAX) {
        let id: AutomationId = id.parse().map_err(super::row::unreadable)?;
        if let Some(found) = batch.automation(id).await?
            && !names.contains(&found.name)
        {
            names.push(found.name.clone());
        }
    }
    if others.len() >= NAMED_MAX {
        names.push(format!("and {} more", others.len() + 1 - NAMED_MAX));
    }
    Ok(names)
}

impl Store {
    /// Gives repairs up, and asks a person once about all of them.
    pub async fn give_repairs_up(&self, give_up: GiveUp) -> Result<Option<NeedId>, Error> {
        self.commit(give_up).await
    }
}
