//! How things stand, for those who ask often: counts that cost no more when the store is old.

use intents::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect};

use super::db::Queries;
use super::rows::{automation, effect, need, run};
use super::{Error, NeedStatus, Store};

/// How things stand. Of what grows without end only the part that is under way is counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overview {
    /// Runs that are not over, by phase. A run whose attempt is alive may still be told as queued.
    pub runs: Vec<(String, i64)>,
    /// Needs that are open, by kind.
    pub needs: Vec<(String, i64)>,
    /// Effects that are not settled, by state.
    pub effects: Vec<(String, i64)>,
    /// Automations, by mode.
    pub automations: Vec<(String, i64)>,
    /// Whether everything is stopped.
    pub all_stopped: bool,
    /// Since when the longest overdue schedule or sleep has been due.
    pub due_since: Option<Timestamp>,
    /// What the database takes on its disk, where that can be told.
    pub bytes: Option<u64>,
}

/// As the partial indexes say it: with the phases as parameters they would not be used.
const UNDER_WAY: &str = "phase IN ('queued', 'running', 'waiting')";
const UNSETTLED: &str = "state IN ('started', 'uncertain')";

impl Store {
    /// How things stand.
    pub async fn overview(&self) -> Result<Overview, Error> {
        let runs = run::Entity::find()
            .select_only()
            .column(run::Column::Phase)
            .column_as(run::Column::Id.count(), "count")
            .filter(Expr::cust(UNDER_WAY))
            .group_by(run::Column::Phase);
        let needs = need::Entity::find()
            .select_only()
            .column(need::Column::Kind)
            .column_as(need::Column::Id.count(), "count")
            .filter(need::Column::Status.eq(NeedStatus::Open.as_str()))
            .group_by(need::Column::Kind);
        let effects = effect::Entity::find()
            .select_only()
            .column(effect::Column::State)
            .column_as(effect::Column::Id.count(), "count")
            .filter(Expr::cust(UNSETTLED))
            .group_by(effect::Column::State);
        let automations = automation::Entity::find()
            .select_only()
            .column(automation::Column::Mode)
            .column_as(automation::Column::Id.count(), "count")
            .group_by(automation::Column::Mode);
        let reader = self.reader();
        let now = self.shared().env.now();
        let due = [self.next_slot().await?, self.next_wake().await?];
        Ok(Overview {
            runs: reader.tuples(runs).await?,
            needs: reader.tuples(needs).await?,
            effects: reader.tuples(effects).await?,
            automations: reader.tuples(automations).await?,
            all_stopped: self.all_stopped().await?,
            due_since: due.into_iter().flatten().min().filter(|due| *due < now),
            bytes: self.bytes().await?,
        })
    }

    /// What the database takes on its disk: its file, and the log of what is not in the file yet; in PostgreSQL, which
    /// may hold other things, our tables with their indexes.
    async fn bytes(&self) -> Result<Option<u64>, Error> {
        if self.reader().backend() == DbBackend::Postgres {
            return self.bytes_of_rows().await.map(Some);
        }
        let file = self.folder().join("steward.db");
        let log = self.folder().join("steward.db-wal");
        let size = |path| std::fs::metadata(path).map(|metadata| metadata.len());
        Ok(size(file).ok().map(|main| main + size(log).unwrap_or_default()))
    }
}
