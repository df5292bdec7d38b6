//! What a person's answer does to the repairs that it is about.

use intents::need::Consequence;
use intents::repair::State;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::deploy::{deploy, resume};
use super::row::{body, change_state, set_body, state};
use super::step::add_steps;
use crate::chat::Step;
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::rows::repair as row;
use crate::store::{Error, NewStep};

/// Repairs that one answer is about: all automations of a storm.
const ANSWERED_MAX: u64 = 10_000;

/// Follows the answer to a need in the repairs that it is about.
pub(in crate::store) async fn answered(
    batch: &mut Batch<'_>,
    need: &str,
    consequence: Consequence,
    by: &str,
) -> Result<bool, Error> {
    let about =
        row::Entity::find().filter(row::Column::NeedId.eq(need)).order_by_asc(row::Column::Id).limit(ANSWERED_MAX);
    let about = batch.tx.all(about).await?;
    let any = !about.is_empty();
    for mut row in about {
        match (consequence, state(&row)?) {
            (Consequence::Accept, State::Confirming) => {
                let mut said = body(&row, &batch.shared.payload)?;
                deploy(batch, &mut row, &mut said, by).await?;
                set_body(batch, &mut row, &said)?;
            }
            (Consequence::Decline, State::Confirming) => {
                let text = "The person looked at the differences and said no: the candidate does not go live. Propose \
                            one that does what past runs did, or give up.";
                add_steps(batch, &mut row, &[NewStep::free(Step::Host { text: text.to_owned() })]).await?;
                let mut said = body(&row, &batch.shared.payload)?;
                said.candidate = None;
                set_body(batch, &mut row, &said)?;
                begin_again(batch, &mut row, State::Working, by).await?;
            }
            (Consequence::Repair, State::GivenUp | State::RolledBack | State::Undone | State::Dropped) => {
                begin_again(batch, &mut row, State::Queued, by).await?;
            }
            (Consequence::Restart, _) => drop(resume(batch, &row).await?),
            // An answer that came late, or one that is about the need alone.
            (
                Consequence::Accept | Consequence::Decline | Consequence::Repair,
                State::Queued
                | State::Working
                | State::Confirming
                | State::Watching
                | State::Kept
                | State::RolledBack
                | State::Undone
                | State::GivenUp
                | State::Dropped,
            )
            | (
                Consequence::SettleApplied
                | Consequence::SettleNotApplied
                | Consequence::Resume
                | Consequence::Approve
                | Consequence::Refuse
                | Consequence::EndRun
                | Consequence::Close,
                _,
            ) => {}
        }
        batch.tx.update(&row).await?;
    }
    if any {
        batch.repairs_changed();
    }
    Ok(any)
}

/// A repair goes on with a new allowance.
async fn begin_again(batch: &mut Batch<'_>, row: &mut row::Model, to: State, by: &str) -> Result<(), Error> {
    row.allowance_step = row.step;
    row.allowance_at = batch.now.as_millis();
    row.need_id = None;
    change_state(batch, row, to, by, json!({ "again": true })).await
}
