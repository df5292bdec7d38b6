//! A repair goes on by a step: an answer of the model, or what a tool call of it came to.

use intents::id::RepairId;
use intents::model::Cost;
use intents::repair::State;
use serde_json::json;

use super::row::{body, change_state, domain, find, key_of, place, set_body, state};
use crate::chat::Step;
use crate::maintainer::{Repair, Tried};
use crate::store::batch::Batch;
use crate::store::rows::{repair as row, repair_step};
use crate::store::writer::Command;
use crate::store::{Error, NewStep, Store};

/// Who goes on with repairs.
pub(super) const ACTOR: &str = "maintainer";

/// A repair goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct AdvanceRepair {
    /// The repair.
    pub repair: RepairId,
    /// The last step that is known to whoever goes on.
    pub after: i64,
    /// The steps that are added.
    pub steps: Vec<NewStep>,
    /// A proposal that did not hold.
    pub tried: Option<Tried>,
}

/// The row of a repair that somebody goes on with, when it has not moved.
pub(super) async fn expect(batch: &Batch<'_>, repair: RepairId, after: i64) -> Result<row::Model, Error> {
    let row = find(batch, repair).await?;
    if row.step != after || state(&row)? != State::Working {
        let reason = "the repair has gone on meanwhile".to_owned();
        return Err(Error::Conflict { code: "REPAIR_MOVED", reason });
    }
    Ok(row)
}

/// Adds steps to a repair; the caller stores its row.
pub(super) async fn add_steps(batch: &Batch<'_>, row: &mut row::Model, steps: &[NewStep]) -> Result<(), Error> {
    let key = key_of(row, &batch.shared.payload)?;
    for new in steps {
        row.step += 1;
        row.attempt = 0;
        row.cost = Cost::plus(Cost::from_parts(row.cost), new.cost).parts();
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let model = repair_step::Model {
            repair_id: row.id.clone(),
            step: row.step,
            cost: new.cost.parts(),
            tokens_in: count(new.tokens.input),
            tokens_out: count(new.tokens.output),
            body: key.seal_value(&batch.shared.env, &place(&row.id, row.step), &new.step),
            created_at: batch.now.as_millis(),
        };
        batch.tx.insert(&model).await?;
    }
    row.updated_at = batch.now.as_millis();
    Ok(())
}

impl Command for AdvanceRepair {
    type Reply = Repair;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Repair, Error> {
        let mut row = expect(batch, self.repair, self.after).await?;
        add_steps(batch, &mut row, &self.steps).await?;
        if let Some(tried) = &self.tried {
            let mut said = body(&row, &batch.shared.payload)?;
            said.tried.push(tried.clone());
            set_body(batch, &mut row, &said)?;
        }
        batch.tx.update(&row).await?;
        domain(row, &batch.shared.payload)
    }
}

/// The maintainer takes a repair up, with what it is told first.
struct TakeUp {
    repair: RepairId,
    /// What the model is told first; nothing when it was told already.
    first: Option<String>,
}

impl Command for TakeUp {
    type Reply = Repair;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Repair, Error> {
        let mut row = find(batch, self.repair).await?;
        match state(&row)? {
            State::Queued => {}
            State::Working => return domain(row, &batch.shared.payload),
            State::Confirming
            | State::Watching
            | State::Kept
            | State::RolledBack
            | State::Undone
            | State::GivenUp
            | State::Dropped => {
                let reason = format!("the repair {} is {}", row.id, row.state);
                return Err(Error::Conflict { code: "REPAIR_MOVED", reason });
            }
        }
        if let Some(text) = &self.first {
            let step = NewStep::free(Step::Host { text: text.clone() });
            add_steps(batch, &mut row, std::slice::from_ref(&step)).await?;
        }
        change_state(batch, &mut row, State::Working, ACTOR, json!({})).await?;
        row.allowance_step = row.step;
        row.allowance_at = batch.now.as_millis();
        batch.tx.update(&row).await?;
        domain(row, &batch.shared.payload)
    }
}

/// A call of a model came to nothing that could be used: the next one has another name.
struct AskAgain {
    repair: RepairId,
    after: i64,
}

impl Command for AskAgain {
    type Reply = Repair;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Repair, Error> {
        let mut row = expect(batch, self.repair, self.after).await?;
        row.attempt += 1;
        row.updated_at = batch.now.as_millis();
        batch.tx.update(&row).await?;
        domain(row, &batch.shared.payload)
    }
}

impl Store {
    /// Takes a repair up, with what the model is told first.
    pub async fn take_repair_up(&self, repair: RepairId, first: Option<String>) -> Result<Repair, Error> {
        self.commit(TakeUp { repair, first }).await
    }

    /// Adds steps to a repair.
    pub async fn advance_repair(&self, advance: AdvanceRepair) -> Result<Repair, Error> {
        self.commit(advance).await
    }

    /// Gives the next call of a model in a repair another name than the last one, which nobody knows about.
    pub async fn ask_again_for_repair(&self, repair: RepairId, after: i64) -> Result<Repair, Error> {
        self.commit(AskAgain { repair, after }).await
    }
}
