//! How long each kind of data is kept, and what happens to it afterwards.

use std::time::Duration;

use intents::run::Phase;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::batch::Batch;
use super::rows::{item, need, notice, rate_mark, request, run, segment, signal};
use super::writer::Command;
use super::{Error, NeedStatus, Store};

/// How long each kind of data is kept. What happened under an effect key is kept for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Journals and inputs of runs that are over.
    pub payloads: Duration,
    /// Notices and signals.
    pub messages: Duration,
    /// Answers to requests with an `Idempotency-Key`.
    pub requests: Duration,
    /// Places in rate windows: as long as the longest window.
    pub rates: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Default for Retention {
    fn default() -> Self {
        Self { payloads: 90 * DAY, messages: 90 * DAY, requests: DAY, rates: 400 * DAY }
    }
}

/// Items whose payloads go in one commit: short enough that nobody waits for it.
const SWEEP_MAX: u64 = 200;

/// What a sweep removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Inbox items whose payloads are gone.
    pub items: u64,
    /// Their runs, whose journals are gone.
    pub runs: u64,
    /// Other rows that are gone.
    pub rows: u64,
}

/// Items that still have their payload and are of no use to any run: each of their runs ended before a time and nobody
/// is asked about it any more, or they came before that time and never had a run.
async fn old_items(batch: &Batch<'_>, before: i64) -> Result<Vec<String>, Error> {
    let under_way = [Phase::Queued, Phase::Running, Phase::Waiting].map(Phase::as_str);
    let asked = Query::select()
        .expr(Expr::value(1))
        .from(need::Entity)
        .and_where(Expr::col((need::Entity, need::Column::RunId)).equals((run::Entity, run::Column::Id)))
        .and_where(need::Column::Status.eq(NeedStatus::Open.as_str()))
        .to_owned();
    let needed = Query::select()
        .expr(Expr::value(1))
        .from(run::Entity)
        .and_where(Expr::col((run::Entity, run::Column::ItemId)).equals((item::Entity, item::Column::Id)))
        .and_where(run::Column::Phase.is_in(under_way).or(run::Column::EndedAt.gte(before)).or(Expr::exists(asked)))
        .to_owned();
    // What this commit does to a run is not in its row yet.
    let busy: Vec<_> = batch.changed_runs().map(|run| run.item_id.as_str()).collect();
    Ok(item::Entity::find()
        .select_only()
        .column(item::Column::Id)
        .filter(item::Column::WrappedKey.is_not_null())
        .filter(item::Column::CreatedAt.lt(before))
        .filter(item::Column::Id.is_not_in(busy))
        .filter(Expr::exists(needed).not())
        .order_by_asc(item::Column::CreatedAt)
        .limit(SWEEP_MAX)
        .into_tuple()
        .all(batch.tx)
        .await?)
}

struct Sweep(Retention);

impl Command for Sweep {
    type Reply = Swept;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Swept, Error> {
        let before = |age: Duration| (batch.now - age).as_millis();
        let items = old_items(batch, before(self.0.payloads)).await?;
        let runs: Vec<String> = run::Entity::find()
            .select_only()
            .column(run::Column::Id)
            .filter(run::Column::ItemId.is_in(&items))
            .into_tuple()
            .all(batch.tx)
            .await?;
        let mut swept = Swept { items: items.len() as u64, runs: runs.len() as u64, rows: 0 };
        if !items.is_empty() {
            segment::Entity::delete_many().filter(segment::Column::RunId.is_in(&runs)).exec(batch.tx).await?;
            run::Entity::update_many()
                .col_expr(run::Column::Segments, Expr::value(0))
                .filter(run::Column::Id.is_in(&runs))
                .exec(batch.tx)
                .await?;
            // The key goes with the payload: what is left in a backup or a freed page cannot be read.
            item::Entity::update_many()
                .col_expr(item::Column::Payload, Expr::value(Option::<Vec<u8>>::None))
                .col_expr(item::Column::WrappedKey, Expr::value(Option::<Vec<u8>>::None))
                .filter(item::Column::Id.is_in(items))
                .exec(batch.tx)
                .await?;
        }
        for (table, column, age) in [
            (notice::Entity.into_table_name(), "created_at", self.0.messages),
            (signal::Entity.into_table_name(), "at", self.0.messages),
            (request::Entity.into_table_name(), "at", self.0.requests),
            (rate_mark::Entity.into_table_name(), "at", self.0.rates),
        ] {
            let mut delete = Query::delete();
            delete.from_table(table).and_where(Expr::col(column).lt(before(age)));
            swept.rows += batch.tx.execute(&delete).await?.rows_affected();
        }
        Ok(swept)
    }
}

/// Gives freed pages to the disk. A write like others, so it takes its turn with them.
struct Shrink;

/// Pages in one commit: some megabytes.
const SHRINK_PAGES: u32 = 2000;

impl Command for Shrink {
    type Reply = ();
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        batch.tx.execute_unprepared(&format!("PRAGMA incremental_vacuum({SHRINK_PAGES})")).await?;
        Ok(())
    }
}

/// The table of an entity, for statements that serve several.
trait TableName {
    fn into_table_name(self) -> sea_orm::sea_query::Alias;
}

impl<E: sea_orm::EntityName> TableName for E {
    fn into_table_name(self) -> sea_orm::sea_query::Alias {
        sea_orm::sea_query::Alias::new(self.table_name())
    }
}

impl Store {
    /// Removes some of what is too old; call again while there is more.
    pub async fn sweep(&self, retention: Retention) -> Result<Swept, Error> {
        self.commit(Sweep(retention)).await
    }

    /// Brings the write-ahead log back into the database file and gives freed pages to the disk, so that neither grows
    /// without bound.
    pub async fn checkpoint(&self) -> Result<(), Error> {
        self.reader().execute_unprepared("PRAGMA wal_checkpoint(PASSIVE)").await?;
        self.commit(Shrink).await
    }
}
