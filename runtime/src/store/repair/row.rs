//! The row of a repair, and what is sealed in it.

use intents::Timestamp;
use intents::canonical::Digest;
use intents::id::{AutomationId, RepairId};
use intents::model::Cost;
use intents::repair::State;
use serde_json::Value;

use crate::maintainer::{Repair, RepairBody};
use crate::store::Error;
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::event::digest_of;
use crate::store::payload::PayloadKey;
use crate::store::rows::repair as row;
use sea_orm::EntityTrait;

/// The key of a repair.
pub(super) fn key_of(row: &row::Model, master: &PayloadKey) -> Result<PayloadKey, Error> {
    PayloadKey::unwrap(&row.wrapped_key, master, &row.id)
}

/// The place at which a step is sealed.
pub(super) fn place(id: &str, step: i64) -> String {
    format!("{id}/step/{step}")
}

pub(super) fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::unreadable("repair", error)
}

pub(super) fn body(row: &row::Model, master: &PayloadKey) -> Result<RepairBody, Error> {
    key_of(row, master)?.open_value("repair", &row.id, &row.body)
}

/// Seals what a repair says, in its row.
pub(super) fn set_body(batch: &Batch<'_>, row: &mut row::Model, body: &RepairBody) -> Result<(), Error> {
    row.body = key_of(row, &batch.shared.payload)?.seal_value(&batch.shared.env, &row.id, body);
    Ok(())
}

/// A repair as it is kept.
pub(super) fn domain(row: row::Model, master: &PayloadKey) -> Result<Repair, Error> {
    Ok(Repair {
        body: body(&row, master)?,
        id: row.id.parse().map_err(unreadable)?,
        automation: row.automation_id.parse().map_err(unreadable)?,
        state: row.state.parse().map_err(unreadable)?,
        cause: digest(&row.cause)?,
        storm: digest(&row.storm)?,
        run: row.run_id.parse().map_err(unreadable)?,
        script: row.script_id.parse().map_err(unreadable)?,
        new_script: row.new_script_id.as_deref().map(str::parse).transpose().map_err(unreadable)?,
        need: row.need_id.as_deref().map(str::parse).transpose().map_err(unreadable)?,
        step: row.step,
        attempt: row.attempt,
        allowance_step: row.allowance_step,
        allowance_at: Timestamp::from_millis(row.allowance_at),
        watch_left: row.watch_left,
        cost: Cost::from_parts(row.cost),
        created_at: Timestamp::from_millis(row.created_at),
        updated_at: Timestamp::from_millis(row.updated_at),
    })
}

pub(super) fn digest(bytes: &[u8]) -> Result<Digest, Error> {
    digest_of(bytes)
}

pub(super) async fn find(batch: &Batch<'_>, id: RepairId) -> Result<row::Model, Error> {
    let found = batch.tx.one(row::Entity::find_by_id(id.to_string())).await?;
    found.ok_or_else(|| Error::NotFound { what: "repair", which: id.to_string() })
}

pub(super) fn state(row: &row::Model) -> Result<State, Error> {
    row.state.parse().map_err(unreadable)
}

pub(super) fn automation(row: &row::Model) -> Result<AutomationId, Error> {
    row.automation_id.parse().map_err(unreadable)
}

/// Puts a repair into a state, and says so in the record of its automation.
pub(super) async fn change_state(
    batch: &mut Batch<'_>,
    row: &mut row::Model,
    state: State,
    by: &str,
    mut data: Value,
) -> Result<(), Error> {
    row.state = state.as_str().to_owned();
    row.updated_at = batch.now.as_millis();
    let kind = match state {
        State::Queued => "repair.queued",
        State::Working => "repair.taken_up",
        State::Confirming => "repair.asked",
        State::Watching => "repair.deployed",
        State::Kept => "repair.kept",
        State::RolledBack => "repair.rolled_back",
        State::Undone => "repair.undone",
        State::GivenUp => "repair.given_up",
        State::Dropped => "repair.dropped",
    };
    data["repair"] = row.id.clone().into();
    let automation = automation(row)?;
    batch.automation_event(kind, automation, by, data).await
}
