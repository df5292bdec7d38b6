//! What time does to needs: one that nobody answers gets its default.

use intents::Timestamp;
use intents::need::{Kind, default_of, lapse};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{NeedStatus, evidence_of, take_answer};
use crate::store::Error;
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::rows::need as row;

/// Who answers what nobody has answered.
pub(super) const BY_TIME: &str = "steward";
/// Needs that time answers in one commit.
const DUE_MAX: u64 = 100;

/// Answers what nobody has answered in time; says how many.
pub(in crate::store) async fn expire_due(batch: &mut Batch<'_>) -> Result<u64, Error> {
    let due = row::Entity::find()
        .filter(row::Column::Status.eq(NeedStatus::Open.as_str()))
        .filter(row::Column::ExpiresAt.lte(batch.now.as_millis()))
        .order_by_asc(row::Column::Id)
        .limit(DUE_MAX);
    let rows = batch.tx.all(due).await?;
    let count = rows.len() as u64;
    for mut need in rows {
        let kind: Kind = need.kind.parse().map_err(|error| Error::unreadable("need", error))?;
        match lapse(kind).and(default_of(kind, &evidence_of(batch, &need)?)) {
            Some(choice) => take_answer(batch, &need.id, choice, BY_TIME, None).await?,
            // A kind that had an end in an earlier version has none any more.
            None => {
                need.expires_at = None;
                batch.tx.update(&need).await?;
            }
        }
    }
    Ok(count)
}

/// When the next need gets its default.
pub(in crate::store) async fn next_change(db: &impl Queries) -> Result<Option<Timestamp>, Error> {
    let next = row::Entity::find()
        .select_only()
        .column_as(row::Column::ExpiresAt.min(), "next")
        .filter(row::Column::Status.eq(NeedStatus::Open.as_str()));
    let next: Option<Option<i64>> = db.tuple(next).await?;
    Ok(next.flatten().map(Timestamp::from_millis))
}
