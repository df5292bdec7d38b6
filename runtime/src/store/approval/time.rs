//! What time does to approvals: a question that nobody answers becomes a no, and one that was put off comes back.

use intents::Timestamp;
use intents::approval::{Event, Status};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::entry::advance;
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::rows::approval as row;
use crate::store::{Error, need, sleep};

/// Approvals that time moves in one commit.
const DUE_MAX: u64 = 100;

fn expiring() -> Condition {
    Condition::all().add(row::Column::Status.is_in([Status::Pending.as_str(), Status::Approved.as_str()]))
}

/// Moves what is due; says how many.
pub(in crate::store) async fn expire_due(batch: &mut Batch<'_>) -> Result<u64, Error> {
    let now = batch.now.as_millis();
    let due = Condition::any()
        .add(expiring().add(row::Column::ExpiresAt.lte(now)))
        .add(Condition::all().add(row::Column::Status.eq(Status::Held.as_str())).add(row::Column::HeldUntil.lte(now)));
    let rows = batch.tx.all(row::Entity::find().filter(due).order_by_asc(row::Column::Id).limit(DUE_MAX)).await?;
    let count = rows.len() as u64;
    for mut row in rows {
        if row.status == Status::Held.as_str() {
            row.held_until = None;
            advance(batch, &mut row, Event::Release, "steward", json!({})).await?;
            continue;
        }
        let asked = row.status == Status::Pending.as_str();
        if asked {
            row.decided_at = Some(now);
        }
        advance(batch, &mut row, Event::Expire, "steward", json!({ "answered": !asked })).await?;
        if asked {
            need::withdraw(batch, &row.need_id).await?;
            for run in sleep::waiting_for_need(batch, &row.need_id).await? {
                sleep::wake(batch, run).await?;
            }
        }
    }
    Ok(count)
}

/// When time moves the next approval.
pub(in crate::store) async fn next_change(db: &impl Queries) -> Result<Option<Timestamp>, Error> {
    let expires = row::Entity::find().select_only().column_as(row::Column::ExpiresAt.min(), "next").filter(expiring());
    let released = row::Entity::find()
        .select_only()
        .column_as(row::Column::HeldUntil.min(), "next")
        .filter(row::Column::Status.eq(Status::Held.as_str()));
    let expires: Option<Option<i64>> = db.tuple(expires).await?;
    let released: Option<Option<i64>> = db.tuple(released).await?;
    Ok(expires.into_iter().chain(released).flatten().min().map(Timestamp::from_millis))
}
