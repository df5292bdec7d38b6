//! How long each kind of data is kept, and what happens to it afterwards.

use std::time::Duration;

use intents::run::Phase;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use super::batch::Batch;
use super::rows::{item, notice, rate_mark, request, run, segment, signal};
use super::writer::Command;
use super::{Error, Store};

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

/// Runs whose payloads go in one commit: short enough that nobody waits for it.
const SWEEP_MAX: u64 = 200;

/// What a sweep removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Runs whose payloads are gone.
    pub runs: u64,
    /// Other rows that are gone.
    pub rows: u64,
}

struct Sweep(Retention);

impl Command for Sweep {
    type Reply = Swept;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Swept, Error> {
        let before = |age: Duration| (batch.now - age).as_millis();
        let over = [Phase::Succeeded, Phase::Failed, Phase::Stopped].map(Phase::as_str);
        let old: Vec<(String, String)> = run::Entity::find()
            .select_only()
            .column(run::Column::Id)
            .column(run::Column::ItemId)
            .filter(run::Column::Phase.is_in(over))
            .filter(run::Column::EndedAt.lt(before(self.0.payloads)))
            .filter(run::Column::Segments.gt(0))
            .limit(SWEEP_MAX)
            .into_tuple()
            .all(batch.tx)
            .await?;
        let (runs, items): (Vec<_>, Vec<_>) = old.into_iter().unzip();
        let mut swept = Swept { runs: runs.len() as u64, rows: 0 };
        if !runs.is_empty() {
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

    /// Brings the write-ahead log back into the database file, so that neither grows without bound.
    pub async fn checkpoint(&self) -> Result<(), Error> {
        self.reader().execute_unprepared("PRAGMA wal_checkpoint(PASSIVE)").await?;
        self.reader().execute_unprepared("PRAGMA incremental_vacuum(2000)").await?;
        Ok(())
    }
}
