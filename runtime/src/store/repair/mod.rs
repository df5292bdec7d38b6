//! Repairs, as they are kept: each with its steps, and with the runs that wait for it.
//!
//! A repair begins in the commit that ends the failed run, goes live in the commit that resumes what waited, and is taken
//! back in the commit that ends a run which failed under it: whoever dies in between, there is one outcome.

mod answer;
mod begin;
mod deploy;
mod fingerprint;
mod give_up;
mod read;
mod row;
mod step;
mod watch;

pub(super) use answer::answered;
pub(super) use begin::{Routed, attach, begin};
pub use deploy::DeployRepair;
pub(super) use fingerprint::forget as forget_shapes;
pub use fingerprint::{Learnt, Seen};
pub use give_up::GiveUp;
pub use step::AdvanceRepair;
pub(super) use watch::watch;

use intents::Timestamp;
use intents::repair::State;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;

use super::Error;
use super::batch::Batch;
use super::db::Queries;
use super::rows::{repair, repair_run, repair_step};

/// Repairs whose steps go in one commit.
const SWEEP_MAX: u64 = 50;
/// What stands where words were erased.
const ERASED: &str = "(erased)";

/// Removes the steps of repairs that changed last before a time, what they held of runs, and what says which runs waited
/// for them. What broke, what changed and what proved it stays.
pub(super) async fn sweep(batch: &Batch<'_>, before: Timestamp) -> Result<u64, Error> {
    let open = [State::Queued, State::Working, State::Confirming].map(State::as_str);
    let old = repair::Entity::find()
        .filter(repair::Column::UpdatedAt.lt(before.as_millis()))
        .filter(repair::Column::Step.gt(0))
        .filter(repair::Column::State.is_not_in(open))
        .order_by_asc(repair::Column::Id)
        .limit(SWEEP_MAX);
    let old = batch.tx.all(old).await?;
    empty(batch, old, false).await
}

/// Takes out of repairs what they hold of runs that are erased: everything that was read, and every word about it.
pub(super) async fn forget_of(batch: &Batch<'_>, runs: &[String]) -> Result<u64, Error> {
    let waited = repair_run::Entity::find().filter(repair_run::Column::RunId.is_in(runs));
    let ids: Vec<_> = batch.tx.all(waited).await?.into_iter().map(|waits| waits.repair_id).collect();
    let of_run = repair::Column::RunId.is_in(runs).or(repair::Column::Id.is_in(ids));
    let about = batch.tx.all(repair::Entity::find().filter(of_run)).await?;
    empty(batch, about, true).await
}

async fn empty(batch: &Batch<'_>, repairs: Vec<repair::Model>, words_too: bool) -> Result<u64, Error> {
    let ids: Vec<_> = repairs.iter().map(|row| row.id.clone()).collect();
    if ids.is_empty() {
        return Ok(0);
    }
    let mut gone =
        batch.tx.change(repair_step::Entity::delete_many().filter(repair_step::Column::RepairId.is_in(&ids))).await?;
    if !words_too {
        let runs = repair_run::Entity::delete_many().filter(repair_run::Column::RepairId.is_in(&ids));
        gone += batch.tx.change(runs).await?;
    }
    for mut row in repairs {
        let mut said = row::body(&row, &batch.shared.payload)?;
        said.evidence = Value::Null;
        if let Some(candidate) = &mut said.candidate {
            candidate.golden = None;
        }
        if words_too {
            said.failure.message = ERASED.to_owned();
            said.broke = ERASED.to_owned();
            said.tried.clear();
            said.ended = Some(ERASED.to_owned());
        }
        row::set_body(batch, &mut row, &said)?;
        if !row::state(&row)?.is_open() {
            row.step = 0;
        }
        batch.tx.update(&row).await?;
    }
    Ok(gone)
}
