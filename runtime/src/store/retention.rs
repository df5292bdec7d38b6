//! How long each kind of data is kept, and what happens to it afterwards.

use std::time::Duration;

use intents::id::{ItemId, RunId};
use intents::run::Phase;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::batch::Batch;
use super::db::Queries;
use super::rows::{item, need, notice, rate_mark, request, run, segment, signal, whole_run};
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

/// Items that still have their payload and are of no use to any run: each of their runs ended before a time, or was left
/// out before it, and nobody is asked about it any more. Each is given with the run that holds it.
async fn old_items(batch: &Batch<'_>, before: i64) -> Result<Vec<(String, Option<String>)>, Error> {
    let under_way = [Phase::Queued, Phase::Running, Phase::Waiting].map(Phase::as_str);
    let of = |table: &'static str, column: run::Column| Expr::col((table, column));
    let needed = |table: &'static str| {
        let asked = Query::select()
            .expr(Expr::value(1))
            .from(need::Entity)
            .and_where(Expr::col((need::Entity, need::Column::RunId)).equals((table, run::Column::Id)))
            .and_where(need::Column::Status.eq(NeedStatus::Open.as_str()))
            .to_owned();
        of(table, run::Column::Phase)
            .is_in(under_way)
            .or(of(table, run::Column::EndedAt).gte(before))
            .or(Expr::exists(asked))
    };
    let again = Query::select()
        .expr(Expr::value(1))
        .from_as(run::Entity, "again")
        .and_where(of("again", run::Column::ItemId).eq(item_name()))
        .and_where(needed("again"))
        .to_owned();
    // What this commit does to a run is not in its row yet.
    let busy: Result<Vec<_>, Error> = batch.changed_runs().map(|run| run.item().map(|item| item.to_string())).collect();
    batch
        .tx
        .tuples(
            item::Entity::find()
                .select_only()
                .column(item::Column::Id)
                .column(item::Column::ItemId)
                .filter(item::Column::WrappedKey.is_not_null())
                .filter(item::Column::CreatedAt.lt(before))
                .filter(item_name().is_not_in(busy?))
                .filter(needed("runs").not())
                .filter(Expr::exists(again).not())
                .order_by_asc(item::Column::CreatedAt)
                .limit(SWEEP_MAX),
        )
        .await
}

/// The name of the item that a row holds: its own name with another prefix, or the one that it gives.
fn item_name() -> Expr {
    Expr::cust("COALESCE(runs.item_id, 'item_' || substr(runs.id, 5))")
}

/// The name of the item that came with a run.
fn item_of(run: &str) -> String {
    run.replacen(RunId::PREFIX, ItemId::PREFIX, 1)
}

struct Sweep(Retention);

impl Command for Sweep {
    type Reply = Swept;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Swept, Error> {
        let before = |age: Duration| (batch.now - age).as_millis();
        let items = old_items(batch, before(self.0.payloads)).await?;
        let names: Vec<_> = items.iter().map(|(run, item)| item.clone().unwrap_or_else(|| item_of(run))).collect();
        let again: Vec<String> = batch
            .tx
            .tuples(run::Entity::find().select_only().column(run::Column::Id).filter(run::Column::ItemId.is_in(names)))
            .await?;
        let mut runs: Vec<_> = items.iter().map(|(run, _)| run.clone()).collect();
        runs.extend(again);
        runs.sort();
        runs.dedup();
        let mut swept = Swept { items: items.len() as u64, runs: runs.len() as u64, rows: 0 };
        if !items.is_empty() {
            batch.tx.change(segment::Entity::delete_many().filter(segment::Column::RunId.is_in(&runs))).await?;
            // The key goes with the payload: what is left in a backup or a freed page cannot be read.
            batch
                .tx
                .change(
                    whole_run::Entity::update_many()
                        .col_expr(whole_run::Column::Segments, Expr::value(0))
                        .col_expr(whole_run::Column::Payload, Expr::value(Option::<Vec<u8>>::None))
                        .col_expr(whole_run::Column::WrappedKey, Expr::value(Option::<Vec<u8>>::None))
                        .col_expr(whole_run::Column::Tail, Expr::value(Option::<Vec<u8>>::None))
                        .filter(whole_run::Column::Id.is_in(runs)),
                )
                .await?;
        }
        for (table, column, age) in [
            (notice::Entity.into_table_name(), "created_at", self.0.messages),
            (request::Entity.into_table_name(), "at", self.0.requests),
            (rate_mark::Entity.into_table_name(), "at", self.0.rates),
        ] {
            let mut delete = Query::delete();
            delete.from_table(table).and_where(Expr::col(column).lt(before(age)));
            swept.rows += batch.tx.execute(&delete).await?;
        }
        // A run may still wait for what was emitted since it was made, however long it sleeps.
        let mut signals = signal::Entity::delete_many().filter(signal::Column::At.lt(before(self.0.messages)));
        if let Some(oldest) = oldest_under_way(batch).await? {
            signals = signals.filter(signal::Column::Id.lt(oldest.ulid().to_string()));
        }
        swept.rows += batch.tx.change(signals).await?;
        Ok(swept)
    }
}

/// The oldest run that is not over.
async fn oldest_under_way(batch: &Batch<'_>) -> Result<Option<RunId>, Error> {
    let oldest = run::Entity::find()
        .select_only()
        .column_as(run::Column::Id.min(), "oldest")
        // The condition of an index, as a database recognises it.
        .filter(Expr::cust("phase IN ('queued', 'running', 'waiting')"));
    let oldest: Option<Option<String>> = batch.tx.tuple(oldest).await?;
    oldest.flatten().map(|id| super::run::parse(&id)).transpose()
}

/// Gives freed pages to the disk. A write like others, so it takes its turn with them.
struct Shrink;

/// Pages in one commit: some megabytes.
const SHRINK_PAGES: u32 = 2000;

impl Command for Shrink {
    type Reply = ();
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        batch.tx.pragma(&format!("incremental_vacuum({SHRINK_PAGES})")).await?;
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
        self.reader().pragma::<i64>("wal_checkpoint(PASSIVE)".to_owned()).await?;
        self.commit(Shrink).await
    }
}
