//! Runs: their rows, their progress, and their end.

mod change;
mod progress;
mod turn;

use std::collections::HashMap;

use intents::Timestamp;
use intents::failure::Class;
use intents::id::{AutomationId, ContractId, ItemId, RunId, ScriptId, ShadowId};
use intents::run::Phase;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

pub(super) use change::{advance, create, last_of_item, new, refuse_shadow, refuse_stopped, stop, tell_start};
pub use progress::Progress;
pub(super) use progress::{last_progress, place, progress, refuse_overlong};
pub use turn::Runnable;
pub(super) use turn::expect_ready;

use super::db::Queries;
use super::rows::run as row;
use super::{Error, Store, inbox, shadow};

/// A run as people and the executor see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Whose run it is.
    pub automation: AutomationId,
    /// What it is about.
    pub item: ItemId,
    /// The script it executes.
    pub script: ScriptId,
    /// The contract it began under.
    pub contract: ContractId,
    /// Where it stands.
    pub phase: Phase,
    /// Attempts so far.
    pub attempts: u32,
    /// How often it began afresh.
    pub generation: u32,
    /// Why it failed.
    pub class: Option<Class>,
    /// The stable code of the failure.
    pub code: Option<String>,
    /// Calls so far.
    pub calls: u32,
    /// Effects that happened.
    pub effects: u32,
    /// Effects that another run had done before.
    pub suppressed: u32,
    /// The shadow that it belongs to: what it would do, it does not do.
    pub shadow: Option<ShadowId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its first attempt began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Only of this automation.
    pub automation: Option<AutomationId>,
    /// Only in this phase.
    pub phase: Option<Phase>,
    /// Only older than this one.
    pub before: Option<RunId>,
}

pub(super) fn domain(row: row::Model) -> Result<Run, Error> {
    let count = |number: i64| u32::try_from(number).map_err(|error| Error::unreadable("run", error));
    Ok(Run {
        id: parse(&row.id)?,
        automation: row.automation_id.parse().map_err(|error| Error::unreadable("automation id", error))?,
        item: row.item()?,
        script: row.script_id.parse().map_err(|error| Error::unreadable("script id", error))?,
        contract: row.contract_id.parse().map_err(|error| Error::unreadable("contract id", error))?,
        phase: row.phase.parse().map_err(|error| Error::unreadable("phase", error))?,
        attempts: count(row.attempts)?,
        generation: count(row.generation)?,
        class: row.class.map(|class| class.parse().map_err(|error| Error::unreadable("class", error))).transpose()?,
        code: row.code,
        calls: count(row.calls)?,
        effects: count(row.effects)?,
        suppressed: count(row.suppressed)?,
        shadow: shadow::of(row.shadow.as_deref())?,
        created_at: Timestamp::from_millis(row.created_at),
        started_at: row.started_at.map(Timestamp::from_millis),
        ended_at: row.ended_at.map(Timestamp::from_millis),
    })
}

pub(super) fn parse(text: &str) -> Result<RunId, Error> {
    text.parse().map_err(|error| Error::unreadable("run id", error))
}

impl row::Model {
    /// What the run is about. An item is called as the first run of it; only further runs, and those of old, name it.
    pub(super) fn item(&self) -> Result<ItemId, Error> {
        match &self.item_id {
            Some(item) => inbox::parse_item(item),
            None => parse(&self.id).map(|run| ItemId::from_ulid(run.ulid())),
        }
    }
}

impl Store {
    /// One run.
    pub async fn run(&self, id: RunId) -> Result<Run, Error> {
        self.run_row(id).await.and_then(domain)
    }

    pub(super) async fn run_row(&self, id: RunId) -> Result<row::Model, Error> {
        if let Some(row) = self.shared().under_way.row(id) {
            return Ok(row);
        }
        let found = self.reader().one(row::Entity::find_by_id(id.to_string())).await?;
        found.ok_or_else(|| Error::NotFound { what: "run", which: id.to_string() })
    }

    /// Runs, newest first.
    pub async fn runs(&self, filter: &RunFilter, most: u64) -> Result<Vec<Run>, Error> {
        let live = self.shared().under_way.running();
        // The rows of those that have an attempt still say that they wait for their turn.
        if filter.phase == Some(Phase::Running) {
            let mut live: Vec<_> = live.into_iter().map(domain).collect::<Result<_, _>>()?;
            live.retain(|run| {
                filter.automation.is_none_or(|automation| run.automation == automation)
                    && filter.before.is_none_or(|before| run.id < before)
            });
            live.sort_by_key(|run| std::cmp::Reverse(run.id));
            live.truncate(usize::try_from(most).unwrap_or(usize::MAX));
            return Ok(live);
        }
        let mut query = row::Entity::find().order_by_desc(row::Column::Id).limit(most);
        if let Some(automation) = filter.automation {
            query = query.filter(row::Column::AutomationId.eq(automation.to_string()));
        }
        if let Some(phase) = filter.phase {
            query = query.filter(row::Column::Phase.eq(phase.as_str())).filter(Expr::cust(index_condition(phase)));
            if phase == Phase::Queued {
                query = query.filter(row::Column::Id.is_not_in(live.iter().map(|row| row.id.as_str())));
            }
        }
        if let Some(before) = filter.before {
            query = query.filter(row::Column::Id.lt(before.to_string()));
        }
        let live: HashMap<_, _> = live.into_iter().map(|row| (row.id.clone(), row)).collect();
        let rows = self.reader().all(query).await?;
        rows.into_iter().map(|row| domain(live.get(&row.id).cloned().unwrap_or(row))).collect()
    }

    /// When runs of an automation began since a time, for what it is expected to do.
    pub async fn runs_since(&self, automation: AutomationId, since: Timestamp) -> Result<Vec<Timestamp>, Error> {
        let at: Vec<i64> = self
            .reader()
            .tuples(
                row::Entity::find()
                    .select_only()
                    .column(row::Column::CreatedAt)
                    .filter(row::Column::AutomationId.eq(automation.to_string()))
                    .filter(row::Column::CreatedAt.gte(since.as_millis()))
                    // What was left out did not run.
                    .filter(row::Column::Phase.ne(Phase::Skipped.as_str())),
            )
            .await?;
        Ok(at.into_iter().map(Timestamp::from_millis).collect())
    }
}

/// The condition of the index that has the runs of a phase, as a database recognises it. Those that succeeded are found
/// among all, since most do.
const fn index_condition(phase: Phase) -> &'static str {
    match phase {
        Phase::Queued | Phase::Running | Phase::Waiting => "phase IN ('queued', 'running', 'waiting')",
        Phase::Failed | Phase::Stopped | Phase::Skipped => "phase IN ('failed', 'stopped', 'skipped')",
        Phase::Succeeded => "phase = 'succeeded'",
    }
}
