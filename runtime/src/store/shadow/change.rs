//! Into shadow, and out of it. At every commit, what is under way of an automation is all of its shadow, or all real.

use intents::id::{AutomationId, RunId};
use intents::run::Phase;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::memory;
use crate::store::automation::domain;
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::rows::{automation as row, run as run_row};
use crate::store::writer::Command;
use crate::store::{Automation, Error, Mode, Store, inbox, run};

/// Runs that are ended in one commit: short enough that nobody waits for it.
const ENDED_AT_ONCE: u64 = 200;
/// What ended a run whose shadow is over, as its row says.
const OVER: &str = "SHADOW_OVER";

/// Puts an automation in shadow, if it is not yet. Refused while a real run is under way: it could not go on.
pub(in crate::store) async fn enter(batch: &Batch<'_>, row: &mut row::Model) -> Result<(), Error> {
    if row.shadow.is_some() {
        return Ok(());
    }
    if inbox::is_busy(batch, &row.id).await? {
        return Err(Error::Conflict {
            code: "SHADOW_UNDER_WAY",
            reason: format!("real runs of `{}` are under way; wait until they have ended, or stop them", row.name),
        });
    }
    row.shadow = Some(batch.shared.env.shadow_id().to_string());
    Ok(())
}

/// From the commit on, new runs are shadow runs.
struct Enter {
    id: AutomationId,
    by: String,
}

impl Command for Enter {
    type Reply = Automation;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Automation, Error> {
        let mut row = find(batch, self.id).await?;
        let before: Mode = row.mode.parse()?;
        enter(batch, &mut row).await?;
        row.mode = Mode::Shadow.as_str().to_owned();
        row.updated_at = batch.now.as_millis();
        if !before.works() {
            row.activated_at = row.updated_at;
        }
        changed(batch, self.id, &row).await?;
        if before != Mode::Shadow {
            let data = json!({
                "automation": row.id, "from": before.as_str(), "to": Mode::Shadow.as_str(), "shadow": row.shadow,
            });
            batch.automation_event("automation.shadowed", self.id, &self.by, data).await?;
        }
        domain(row)
    }
}

/// Ends what is under way in a shadow, and then the shadow itself.
struct Leave {
    id: AutomationId,
    by: String,
}

/// What has ended of a shadow.
struct Left {
    ended: Vec<RunId>,
    /// The automation, unless there is more to end first.
    automation: Option<Automation>,
}

impl Command for Leave {
    type Reply = Left;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Left, Error> {
        let mut row = find(batch, self.id).await?;
        let before: Mode = row.mode.parse()?;
        let Some(shadow) = row.shadow.take() else {
            if before == Mode::Active {
                return Ok(Left { ended: Vec::new(), automation: Some(domain(row)?) });
            }
            return Err(Error::Conflict {
                code: "SHADOW_NONE",
                reason: format!("`{}` is {before}, and not in shadow; resume it", row.name),
            });
        };
        let (ended, more) = end_runs(batch, &row.id).await?;
        if more {
            return Ok(Left { ended, automation: None });
        }
        memory::forget(batch, &shadow).await?;
        row.mode = Mode::Active.as_str().to_owned();
        row.updated_at = batch.now.as_millis();
        row.activated_at = row.updated_at;
        changed(batch, self.id, &row).await?;
        let data = json!({
            "automation": row.id, "from": before.as_str(), "to": Mode::Active.as_str(), "shadow": shadow,
        });
        batch.automation_event("automation.activated", self.id, &self.by, data).await?;
        Ok(Left { ended, automation: Some(domain(row)?) })
    }
}

/// Ends runs of an automation that are under way: as many as one commit may. Says whether there are more.
async fn end_runs(batch: &mut Batch<'_>, automation: &str) -> Result<(Vec<RunId>, bool), Error> {
    let written = run_row::Entity::find()
        .select_only()
        .column(run_row::Column::Id)
        .filter(run_row::Column::AutomationId.eq(automation))
        // The condition of an index, as a database recognises it.
        .filter(Expr::cust("phase IN ('queued', 'running', 'waiting')"))
        .order_by_asc(run_row::Column::Id)
        .limit(ENDED_AT_ONCE);
    let written: Vec<String> = batch.tx.tuples(written).await?;
    let more = written.len() as u64 == ENDED_AT_ONCE;
    let fresh: Vec<_> =
        batch.changed_runs().filter(|run| run.automation_id == automation).map(|run| run.id.clone()).collect();
    let mut ended = Vec::new();
    for id in written.into_iter().chain(fresh) {
        let id = run::parse(&id)?;
        // What this commit did to a run is not in its row yet.
        let phase: Phase = batch.run(id).await?.phase.parse().map_err(|error| Error::unreadable("phase", error))?;
        if phase.is_over() {
            continue;
        }
        let mut row = run::stop(batch, id, "shadow").await?;
        row.code = Some(OVER.to_owned());
        batch.put_run(id, row);
        ended.push(id);
    }
    Ok((ended, more))
}

/// The row of an automation that is neither removed nor stopped.
async fn find(batch: &Batch<'_>, id: AutomationId) -> Result<row::Model, Error> {
    let found = batch.tx.one(row::Entity::find_by_id(id.to_string())).await?;
    let row = found.ok_or_else(|| Error::NotFound { what: "automation", which: id.to_string() })?;
    match row.mode.parse()? {
        Mode::Removed => Err(Error::NotFound { what: "automation", which: id.to_string() }),
        Mode::Stopped => Err(Error::Conflict {
            code: "AUTOMATION_STOPPED",
            reason: format!("`{}` is stopped; resume it first", row.name),
        }),
        Mode::Active | Mode::Shadow | Mode::Paused => Ok(row),
    }
}

async fn changed(batch: &mut Batch<'_>, id: AutomationId, row: &row::Model) -> Result<(), Error> {
    batch.tx.update(row).await?;
    batch.automation_changed(id);
    batch.touch_runs();
    batch.touch_timers();
    Ok(())
}

impl Store {
    /// Puts an automation in shadow: its runs do nothing outside from now on.
    pub async fn enter_shadow(&self, id: AutomationId, by: &str) -> Result<Automation, Error> {
        self.commit(Enter { id, by: by.to_owned() }).await
    }

    /// Ends the shadow of an automation, with the runs that are under way in it: it is live. Gives the runs that ended.
    pub async fn leave_shadow(&self, id: AutomationId, by: &str) -> Result<(Automation, Vec<RunId>), Error> {
        let mut all = Vec::new();
        loop {
            let Left { ended, automation } = self.commit(Leave { id, by: by.to_owned() }).await?;
            all.extend(ended);
            if let Some(automation) = automation {
                return Ok((automation, all));
            }
            tokio::task::yield_now().await;
        }
    }
}
