//! How long each kind of data is kept, and what happens to it afterwards.

use std::time::Duration;

use intents::Timestamp;
use intents::effect::State;
use intents::id::{ItemId, RunId};
use intents::run::Phase;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::batch::Batch;
use super::db::Queries;
use super::rows::{effect, item, need, notice, rate_mark, request, run, segment, shadow_note, signal, whole_run};
use super::writer::Command;
use super::{Error, NeedStatus, Store, chat, delivery, incident, label, link, model_call, repair, shadow};

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
    /// Events in the table, before they go into the archive.
    pub events: Duration,
    /// Rows of runs, with the keys under which their items are known: longer than anything comes again. Conversations in
    /// which nothing was said since, too.
    pub runs: Duration,
    /// Bytes of the database; beyond them, payloads go sooner.
    pub bytes_max: Option<u64>,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Default for Retention {
    fn default() -> Self {
        Self {
            payloads: 90 * DAY,
            messages: 90 * DAY,
            requests: DAY,
            rates: 400 * DAY,
            events: 90 * DAY,
            runs: 400 * DAY,
            bytes_max: None,
        }
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
            // What happened under a key is known for ever; its words go with the payload.
            let settled = [State::Applied, State::NotApplied].map(State::as_str);
            let none = || Expr::value(Option::<Vec<u8>>::None);
            let emptied = effect::Entity::update_many()
                .col_expr(effect::Column::KeyText, none())
                .col_expr(effect::Column::Outcome, none())
                .filter(effect::Column::RunId.is_in(&runs))
                .filter(effect::Column::State.is_in(settled));
            batch.tx.change(emptied).await?;
            shadow::empty_notes(batch, shadow_note::Column::RunId.is_in(&runs)).await?;
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
        swept.rows += closed_needs(batch, before(self.0.messages)).await?;
        swept.rows += link::sweep(batch, before(self.0.messages)).await?;
        swept.rows += delivery::sweep(batch, before(self.0.messages)).await?;
        swept.rows += old_runs(batch, batch.now - self.0.runs).await?;
        swept.rows += model_call::sweep(batch, before(self.0.payloads), before(self.0.runs)).await?;
        swept.rows += incident::sweep(batch, before(self.0.messages)).await?;
        swept.rows += repair::sweep(batch, batch.now - self.0.payloads).await?;
        swept.rows += chat::sweep(batch, before(self.0.runs)).await?;
        swept.rows += shadow::sweep(batch, before(self.0.payloads)).await?;
        swept.rows += label::merge_old(batch, batch.now - self.0.messages).await?;
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

/// A run that has a need of some status, or is in some phase: for rows that speak of it.
fn exists(query: &mut sea_orm::sea_query::SelectStatement) -> Expr {
    Expr::exists(query.expr(Expr::value(1)).to_owned())
}

/// Removes needs that were closed before a time, unless their run goes on and may still rely on the answer.
async fn closed_needs(batch: &Batch<'_>, before: i64) -> Result<u64, Error> {
    let under_way = [Phase::Queued, Phase::Running, Phase::Waiting].map(Phase::as_str);
    let goes_on = exists(
        Query::select()
            .from(run::Entity)
            .and_where(Expr::col((run::Entity, run::Column::Id)).equals((need::Entity, need::Column::RunId)))
            .and_where(run::Column::Phase.is_in(under_way)),
    );
    let closed = need::Entity::delete_many()
        .filter(need::Column::Status.ne(NeedStatus::Open.as_str()))
        .filter(need::Column::AnsweredAt.lt(before))
        .filter(goes_on.not());
    batch.tx.change(closed).await
}

/// Removes the rows of some runs from before a time, whose payload is gone and of which nobody is asked any more. Their
/// effects stay in the ledger.
async fn old_runs(batch: &Batch<'_>, before: Timestamp) -> Result<u64, Error> {
    let over = [Phase::Succeeded, Phase::Failed, Phase::Stopped, Phase::Skipped].map(Phase::as_str);
    let asked = exists(
        Query::select()
            .from(need::Entity)
            .and_where(Expr::col((need::Entity, need::Column::RunId)).equals((run::Entity, run::Column::Id)))
            .and_where(need::Column::Status.eq(NeedStatus::Open.as_str())),
    );
    let unsettled = exists(
        Query::select()
            .from(effect::Entity)
            .and_where(Expr::col((effect::Entity, effect::Column::RunId)).equals((run::Entity, run::Column::Id)))
            .and_where(effect::Column::State.is_in([State::Started, State::Uncertain].map(State::as_str))),
    );
    // Ids sort by the time at which they were made.
    let old = run::Column::Id.lt(RunId::from_parts(before, 0).to_string());
    let rows = whole_run::Entity::find()
        .select_only()
        .column(whole_run::Column::Id)
        .filter(old)
        .filter(run::Column::Phase.is_in(over))
        .filter(whole_run::Column::WrappedKey.is_null())
        .filter(asked.not())
        .filter(unsettled.not())
        .order_by_asc(whole_run::Column::Id)
        .limit(SWEEP_MAX);
    let rows: Vec<String> = batch.tx.tuples(rows).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    batch.tx.change(run::Entity::delete_many().filter(run::Column::Id.is_in(rows))).await
}

/// Gives freed pages to the disk. A write like others, so it takes its turn with them.
struct Shrink;

/// Pages in one commit: a megabyte, which takes some milliseconds.
const SHRINK_PAGES: u32 = 256;
/// Commits at a time; what is left is for the next time.
const SHRINKS_MAX: u32 = 64;
/// Free pages that are kept: what comes next is written there, and the file need not grow again for it.
const FREE_PAGES_KEPT: i64 = 1024;

impl Command for Shrink {
    type Reply = ();
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        batch.tx.shrink(SHRINK_PAGES).await?;
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

    /// Empties the write-ahead log, so that what was erased is not in it any more.
    pub(super) async fn scrub(&self) -> Result<(), Error> {
        self.reader().pragma::<i64>("wal_checkpoint(TRUNCATE)".to_owned()).await.map(|_| ())
    }

    /// Brings the write-ahead log back into the database file and gives freed pages to the disk, so that neither grows
    /// without bound.
    pub async fn checkpoint(&self) -> Result<(), Error> {
        self.reader().pragma::<i64>("wal_checkpoint(PASSIVE)".to_owned()).await?;
        for _ in 0..SHRINKS_MAX {
            if self.reader().free_pages().await? <= FREE_PAGES_KEPT {
                break;
            }
            self.commit(Shrink).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// The bytes that the rows of the database take.
    pub async fn bytes_of_rows(&self) -> Result<u64, Error> {
        self.reader().bytes_of_rows().await
    }
}
