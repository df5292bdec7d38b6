//! Whose turn it is: runs that wait for a place, or for an engine outside.

use std::collections::{HashMap, HashSet};

use intents::id::{AutomationId, RunId};
use intents::run::Phase;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect};

use super::{index_condition, parse};
use crate::engine::EngineName;
use crate::store::batch::{Shared, overlaps};
use crate::store::db::Queries;
use crate::store::ready::WINDOW;
use crate::store::rows::{automation, run as row, script};
use crate::store::{Error, Mode, Store};

/// A run that waits for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Runnable {
    /// The run.
    pub run: RunId,
    /// Whose run it is.
    pub automation: AutomationId,
    /// Whether its trigger lets it run beside others of its automation.
    pub overlaps: bool,
}

impl Store {
    /// Runs that wait for their turn in the jail, of automations that are active and not among those left out: those
    /// that have waited longest first, and of each automation as many as may be under way at once. Some of them may have
    /// an attempt already, which has stored nothing yet.
    pub async fn runnable(&self, most: usize, left_out: &[AutomationId]) -> Result<Vec<Runnable>, Error> {
        let shared = self.shared();
        if shared.is_all_stopped() {
            return Ok(Vec::new());
        }
        let mut active = HashMap::new();
        loop {
            let mut unknown = Vec::new();
            let look = shared.ready.look(most, left_out, |id| match (active.get(&id), shared.automations.get(&id)) {
                (Some(active), _) => *active,
                (None, Ok(automation)) => automation.works() && !shared.is_held_back(id),
                (None, Err(_)) => {
                    unknown.push(id);
                    false
                }
            });
            if unknown.is_empty() && look.unread.is_empty() {
                return Ok(look.runs);
            }
            for id in unknown {
                let is_active = match self.automation_row(id).await {
                    Ok(row) => row.works() && !shared.is_held_back(id),
                    Err(Error::NotFound { .. }) => false,
                    Err(error) => return Err(error),
                };
                active.insert(id, is_active);
            }
            for id in look.unread {
                self.read_on(id).await?;
            }
        }
    }

    /// Reads the oldest waiting runs of an automation.
    async fn read_on(&self, automation: AutomationId) -> Result<(), Error> {
        let oldest = row::Entity::find()
            .select_only()
            .column(row::Column::Id)
            .column(row::Column::TriggerId)
            .filter(row::Column::Phase.eq(Phase::Queued.as_str()))
            .filter(Expr::cust(index_condition(Phase::Queued)))
            .filter(row::Column::AutomationId.eq(automation.to_string()))
            .join(JoinType::InnerJoin, run_script())
            .filter(script::Column::Engine.is_null())
            .order_by_asc(row::Column::Id)
            .limit(WINDOW as u64);
        let rows = self.reader().tuples::<(String, Option<String>)>(oldest).await?;
        let more = rows.len() == WINDOW;
        let mut runs = Vec::with_capacity(rows.len());
        for (run, trigger) in rows {
            let run = parse(&run)?;
            // The row of one that has an attempt still says that it waits.
            let has_attempt = self.shared().under_way.row(run).is_some_and(|row| row.phase != Phase::Queued.as_str());
            if !has_attempt {
                let overlaps = overlaps(self.reader(), self.shared(), trigger.as_deref()).await?;
                runs.push(Runnable { run, automation, overlaps });
            }
        }
        self.shared().ready.fill(automation, runs, more);
        Ok(())
    }

    /// Notes which automations have runs that wait for their turn, from the database: a hint that was lost costs time and
    /// nothing else.
    pub async fn look_for_runnable(&self) -> Result<(), Error> {
        expect_ready(self.reader(), self.shared()).await
    }

    /// Looks whether a run that was not to run still waits for its turn.
    pub async fn look_again(&self, id: RunId) -> Result<(), Error> {
        let row = self.run_row(id).await?;
        if row.phase != Phase::Queued.as_str() {
            let automation = row.automation_id.parse().map_err(|error| Error::unreadable("automation id", error))?;
            self.shared().ready.remove(automation, id);
        }
        Ok(())
    }

    /// Runs that wait for an engine outside, oldest first, of automations that are active and not among those left out.
    pub async fn claimable(
        &self,
        engine: &EngineName,
        automation: Option<AutomationId>,
        most: u64,
        left_out: &[AutomationId],
    ) -> Result<Vec<Runnable>, Error> {
        if self.shared().is_all_stopped() {
            return Ok(Vec::new());
        }
        // The rows of those that have an attempt still say that they wait for their turn.
        let running: HashSet<_> = self.shared().under_way.running().into_iter().map(|row| row.id).collect();
        let held_back = self.shared().all_held_back();
        let left_out = left_out.iter().chain(&held_back).map(ToString::to_string);
        let waiting = row::Entity::find()
            .select_only()
            .column(row::Column::Id)
            .column(row::Column::AutomationId)
            .column(row::Column::TriggerId)
            .join(JoinType::InnerJoin, run_automation())
            .join(JoinType::InnerJoin, run_script())
            .filter(row::Column::Phase.eq(Phase::Queued.as_str()))
            .filter(Expr::cust(index_condition(Phase::Queued)))
            .filter(automation::Column::Mode.is_in(Mode::WORKING.map(Mode::as_str)))
            .filter(script::Column::Engine.eq(engine.as_str()))
            .filter(row::Column::AutomationId.is_not_in(left_out))
            .filter(Condition::all().add_option(automation.map(|id| row::Column::AutomationId.eq(id.to_string()))))
            .order_by_asc(row::Column::Id)
            .limit(most + running.len() as u64);
        let rows = self.reader().tuples::<(String, String, Option<String>)>(waiting).await?;
        let mut runs = Vec::new();
        for (run, automation, trigger) in rows.into_iter().filter(|(run, _, _)| !running.contains(run)) {
            let automation = automation.parse().map_err(|error| Error::unreadable("automation id", error))?;
            let overlaps = overlaps(self.reader(), self.shared(), trigger.as_deref()).await?;
            runs.push(Runnable { run: parse(&run)?, automation, overlaps });
        }
        runs.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(runs)
    }
}

/// Has the oldest waiting runs of each automation read when there is room for them.
pub(in crate::store) async fn expect_ready(db: &impl Queries, shared: &Shared) -> Result<(), Error> {
    let waiting = row::Entity::find()
        .select_only()
        .column(row::Column::AutomationId)
        .column_as(row::Column::Id.min(), "oldest")
        .filter(row::Column::Phase.eq(Phase::Queued.as_str()))
        .filter(Expr::cust(index_condition(Phase::Queued)))
        .join(JoinType::InnerJoin, run_script())
        .filter(script::Column::Engine.is_null())
        .group_by(row::Column::AutomationId);
    for (automation, oldest) in db.tuples::<(String, String)>(waiting).await? {
        let automation = automation.parse().map_err(|error| Error::unreadable("automation id", error))?;
        shared.ready.expect(automation, parse(&oldest)?);
    }
    Ok(())
}

fn run_script() -> sea_orm::RelationDef {
    row::Entity::belongs_to(script::Entity).from(row::Column::ScriptId).to(script::Column::Id).into()
}

fn run_automation() -> sea_orm::RelationDef {
    row::Entity::belongs_to(automation::Entity).from(row::Column::AutomationId).to(automation::Column::Id).into()
}
