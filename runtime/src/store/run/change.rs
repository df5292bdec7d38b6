//! How runs are made, moved on, and ended.

use intents::Timestamp;
use intents::failure::Class;
use intents::id::{ItemId, RunId};
use intents::run::{Event, Phase, State, step};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::{Run, domain, parse};
use crate::store::batch::{Arrival, Batch};
use crate::store::db::Queries;
use crate::store::rows::{automation, run as row};
use crate::store::writer::Command;
use crate::store::{Error, Store, approval, ledger, need, sleep};

/// A run that is about to be made, under the contract and script in force.
pub(in crate::store) fn new(batch: &Batch<'_>, automation: &automation::Model, id: RunId, phase: Phase) -> row::Model {
    row::Model {
        id: id.to_string(),
        automation_id: automation.id.clone(),
        script_id: automation.script_id.clone(),
        contract_id: automation.contract_id.clone(),
        phase: phase.as_str().to_owned(),
        attempts: 0,
        generation: 0,
        segments: 0,
        journal_bytes: 0,
        class: None,
        code: None,
        calls: 0,
        effects: 0,
        suppressed: 0,
        created_at: batch.now.as_millis(),
        started_at: None,
        ended_at: None,
        item_id: None,
        trigger_id: None,
        shadow: automation.shadow.clone(),
    }
}

/// Makes a run: the first of an item that has just arrived, or a further one.
pub(in crate::store) async fn create(
    batch: &mut Batch<'_>,
    model: row::Model,
    arrival: Option<Arrival>,
) -> Result<RunId, Error> {
    let id = parse(&model.id)?;
    let mut data = json!({ "item": model.item()?.to_string(), "script": model.script_id });
    if let Some(shadow) = &model.shadow {
        data["shadow"] = json!(shadow);
    }
    batch.run_event("run.queued", &model, data).await?;
    batch.make_run(id, model, arrival);
    batch.touch_runs();
    Ok(id)
}

/// The last run of an item.
pub(in crate::store) async fn last_of_item(batch: &Batch<'_>, item: ItemId) -> Result<RunId, Error> {
    let first = RunId::from_ulid(item.ulid());
    let named = item.to_string();
    let fresh =
        batch.changed_runs().filter(|run| run.item_id.as_ref() == Some(&named)).map(|run| run.id.clone()).last();
    let stored: Option<String> = batch
        .tx
        .tuple(
            row::Entity::find()
                .select_only()
                .column(row::Column::Id)
                .filter(row::Column::ItemId.eq(named))
                .order_by_desc(row::Column::Id),
        )
        .await?;
    fresh.max(stored).map_or(Ok(first), |id| parse(&id))
}

/// The state of the machine that a row stands for.
fn state_of(row: &row::Model) -> Result<State, Error> {
    let phase: Phase = row.phase.parse().map_err(|error| Error::unreadable("phase", error))?;
    let attempts = u32::try_from(row.attempts).map_err(|error| Error::unreadable("run", error))?;
    Ok(match phase {
        Phase::Queued => State::Queued { attempts },
        Phase::Running => State::Running { attempt: attempts },
        // What the run waits for is in its rows; for the machine it is enough that it waits.
        Phase::Waiting => State::Waiting { attempts, on: intents::run::WaitsFor::Time(Timestamp::EPOCH) },
        Phase::Succeeded => State::Succeeded,
        Phase::Failed => State::Failed { class: Class::Unknown },
        // It never began, and never will.
        Phase::Stopped | Phase::Skipped => State::Stopped,
    })
}

/// Moves a row as the machine says.
pub(in crate::store) fn advance(row: &mut row::Model, event: Event) -> Result<State, Error> {
    let next = step(state_of(row)?, event).map_err(|refused| Error::Conflict {
        code: "RUN_TRANSITION",
        reason: format!("{refused}; the report is late or of another attempt"),
    })?;
    row.phase = next.phase().as_str().to_owned();
    match &next {
        State::Queued { attempts } | State::Waiting { attempts, .. } => row.attempts = i64::from(*attempts),
        State::Running { attempt } => row.attempts = i64::from(*attempt),
        State::Failed { class } => row.class = Some(class.as_str().to_owned()),
        State::Succeeded | State::Stopped => {}
    }
    Ok(next)
}

/// Tells that a run has begun. It is told with what becomes of the attempt, in the commit that writes the run's row.
pub(in crate::store) async fn tell_start(batch: &mut Batch<'_>, id: RunId, row: &row::Model) -> Result<(), Error> {
    if !batch.take_untold_start(id) {
        return Ok(());
    }
    let at = row.started_at.map(|at| Timestamp::from_millis(at).to_string());
    batch.run_event("run.started", row, json!({ "attempt": row.attempts, "at": at })).await
}

/// Refuses what would start an effect of a stopped automation.
pub(in crate::store) fn refuse_stopped(batch: &Batch<'_>, run: &row::Model) -> Result<(), Error> {
    let automation = run.automation_id.parse().map_err(|error| Error::unreadable("automation id", error))?;
    if batch.is_stopped(automation) {
        return Err(Error::Conflict {
            code: "AUTOMATION_STOPPED",
            reason: format!("the automation of {} is stopped; resume it, and the run goes on", run.id),
        });
    }
    Ok(())
}

/// Refuses what a shadow run must never do.
pub(in crate::store) fn refuse_shadow(run: &row::Model) -> Result<(), Error> {
    match &run.shadow {
        None => Ok(()),
        Some(shadow) => Err(Error::Conflict {
            code: "RUN_SHADOW",
            reason: format!("{} is a run of {shadow}: what it would do is noted, and never done", run.id),
        }),
    }
}

/// Ends a run by a person's wish, wherever it stands.
struct StopRun {
    run: RunId,
    by: String,
}

impl Command for StopRun {
    type Reply = Run;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Run, Error> {
        let row = stop(batch, self.run, &self.by).await?;
        domain(row)
    }
}

pub(in crate::store) async fn stop(batch: &mut Batch<'_>, run: RunId, by: &str) -> Result<row::Model, Error> {
    let mut row = batch.run(run).await?;
    // A live attempt tells by itself how its effects ended; without one nobody would.
    let alive = row.phase == Phase::Running.as_str();
    advance(&mut row, Event::StopRequested)?;
    if !alive {
        ledger::ask_about_unsettled(batch, &row).await?;
    }
    row.ended_at = Some(batch.now.as_millis());
    tell_start(batch, run, &row).await?;
    batch.run_event("run.stopped", &row, json!({ "by": by })).await?;
    sleep::forget(batch, run).await?;
    approval::forget_run(batch, run).await?;
    need::forget_run(batch, run).await?;
    sleep::wake_waiting_for_run(batch, run).await?;
    batch.put_run(run, row.clone());
    batch.touch_runs();
    Ok(row)
}

/// After a start, no attempt of an earlier life is alive: what ran waits for its turn again.
struct Recover;

impl Command for Recover {
    type Reply = u64;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<u64, Error> {
        let mut lost = batch.shared.under_way.running();
        let written = batch
            .tx
            .all(
                row::Entity::find()
                    .filter(row::Column::Phase.eq(Phase::Running.as_str()))
                    .filter(row::Column::Id.is_not_in(lost.iter().map(|row| row.id.as_str()))),
            )
            .await?;
        lost.extend(written);
        let count = lost.len() as u64;
        for mut row in lost {
            let id = parse(&row.id)?;
            let next = advance(&mut row, Event::Lost)?;
            tell_start(batch, id, &row).await?;
            if next.phase().is_over() {
                row.ended_at = Some(batch.now.as_millis());
                row.code = Some("RUN_ATTEMPTS".to_owned());
                batch.run_event("run.failed", &row, json!({ "class": "internal", "code": "RUN_ATTEMPTS" })).await?;
                approval::forget_run(batch, id).await?;
                need::forget_run(batch, id).await?;
            }
            batch.put_run(id, row);
        }
        batch.touch_runs();
        Ok(count)
    }
}

/// One attempt died; its run waits for its turn again.
struct Lose {
    run: RunId,
    attempt: u32,
}

impl Command for Lose {
    type Reply = ();
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let mut row = batch.run(self.run).await?;
        if row.phase == Phase::Running.as_str() && row.attempts == i64::from(self.attempt) {
            advance(&mut row, Event::Lost)?;
            tell_start(batch, self.run, &row).await?;
            batch.put_run(self.run, row);
            batch.touch_runs();
        }
        Ok(())
    }
}

impl Store {
    /// Ends a run by a person's wish.
    pub async fn stop_run(&self, run: RunId, by: &str) -> Result<Run, Error> {
        self.commit(StopRun { run, by: by.to_owned() }).await
    }

    /// Queues again what ran when the last server died. Called once, before any attempt starts.
    pub async fn recover_runs(&self) -> Result<u64, Error> {
        self.commit(Recover).await
    }

    /// Queues a run again whose attempt died.
    pub async fn lose_attempt(&self, run: RunId, attempt: u32) -> Result<(), Error> {
        self.commit(Lose { run, attempt }).await
    }
}
