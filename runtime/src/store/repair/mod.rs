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
pub(super) use begin::{Routed, begin};
pub use deploy::DeployRepair;
pub use fingerprint::{Learnt, Seen};
pub use give_up::GiveUp;
pub use step::AdvanceRepair;
pub(super) use watch::watch;

use intents::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::Error;
use super::batch::Batch;
use super::db::Queries;
use super::rows::{repair, repair_run, repair_step};

/// Repairs whose steps go in one commit.
const SWEEP_MAX: u64 = 50;

/// Removes the steps of repairs that changed last before a time, and what says which runs waited for them. What broke,
/// what changed and what proved it stays.
pub(super) async fn sweep(batch: &Batch<'_>, before: Timestamp) -> Result<u64, Error> {
    let old = repair::Entity::find()
        .select_only()
        .column(repair::Column::Id)
        .filter(repair::Column::UpdatedAt.lt(before.as_millis()))
        .filter(repair::Column::Step.gt(0))
        .order_by_asc(repair::Column::Id)
        .limit(SWEEP_MAX);
    let old: Vec<String> = batch.tx.tuples(old).await?;
    if old.is_empty() {
        return Ok(0);
    }
    let gone = batch.tx.change(repair_step::Entity::delete_many().filter(repair_step::Column::RepairId.is_in(&old))).await?;
    let runs = repair_run::Entity::delete_many().filter(repair_run::Column::RepairId.is_in(&old));
    let gone = gone + batch.tx.change(runs).await?;
    let emptied = repair::Entity::update_many()
        .col_expr(repair::Column::Step, sea_orm::sea_query::Expr::value(0))
        .filter(repair::Column::Id.is_in(&old));
    batch.tx.change(emptied).await?;
    Ok(gone)
}
