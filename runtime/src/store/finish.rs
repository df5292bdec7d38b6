//! The end of a run: its last records, what it wrote, and who is told.

use intents::id::AutomationId;
use intents::label::Labels;
use intents::outcome::Failure;
use intents::run::{Event, Phase};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use super::batch::Batch;
use super::rows::automation;
use super::run::{Progress, advance, last_progress, refuse_overlong, tell_start};
use super::state::StateWrite;
use super::writer::Command;
use super::{Error, Mode, NewNeed, Store, approval, need, shadow, sleep, state};

/// The end of a run.
#[derive(Debug, Clone)]
pub struct Finish {
    /// What happened last.
    pub progress: Progress,
    /// What ended it, unless the script returned.
    pub failure: Option<Failure>,
    /// What the run wrote to the automation's state; taken only when the script returned.
    pub state: Vec<StateWrite>,
    /// Where it came from: everything that the run has read.
    pub labels: Labels,
    /// What the user is to be asked or told.
    pub needs: Vec<NewNeed>,
    /// Whether the automation pauses: something is wrong with us or with the record.
    pub pause: bool,
}

/// What became of the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finished {
    /// The run is over.
    Over(Phase),
    /// Another run has changed the same state meanwhile: the item runs afresh.
    Overtaken,
}

impl Command for Finish {
    type Reply = Finished;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Finished, Error> {
        let (mut row, tail) = last_progress(batch, &self.progress).await?;
        if self.failure.is_none() {
            refuse_overlong(&row)?;
        }
        let automation: AutomationId =
            row.automation_id.parse().map_err(|error| Error::unreadable("automation id", error))?;
        let event = match &self.failure {
            None if self.write_state(batch, automation, row.shadow.as_deref()).await? => Event::Completed,
            None => Event::Overtaken,
            Some(failure) => Event::Faulted(failure.class),
        };
        let overtaken = event == Event::Overtaken;
        advance(&mut row, event)?;
        tell_start(batch, self.progress.run, &row).await?;
        if overtaken {
            if let Some(tail) = tail {
                batch.add_segment(&row, tail);
            }
            row.generation += 1;
            row.segments = 0;
            row.journal_bytes = 0;
            row.calls = 0;
            batch.run_event("run.overtaken", &row, json!({ "generation": row.generation })).await?;
            batch.put_run(self.progress.run, row);
            batch.touch_runs();
            return Ok(Finished::Overtaken);
        }
        row.ended_at = Some(batch.now.as_millis());
        row.code = self.failure.as_ref().map(|failure| failure.code.clone());
        let (kind, data) = match &self.failure {
            None => ("run.succeeded", json!({ "calls": row.calls, "effects": row.effects })),
            Some(failure) => ("run.failed", json!({ "class": failure.class.as_str(), "code": failure.code })),
        };
        batch.run_event(kind, &row, data).await?;
        for need in &self.needs {
            need::open(batch, need).await?;
        }
        if self.pause {
            // As a shadow run it ran in shadow.
            let from = if row.shadow.is_some() { Mode::Shadow } else { Mode::Active };
            pause(batch, automation, from).await?;
        }
        let phase = row.phase.parse().map_err(|error| Error::unreadable("phase", error))?;
        approval::forget_run(batch, self.progress.run).await?;
        sleep::wake_waiting_for_run(batch, self.progress.run).await?;
        batch.end_run(self.progress.run, row, tail);
        batch.touch_runs();
        Ok(Finished::Over(phase))
    }
}

impl Finish {
    /// Takes what the run wrote, in its shadow if it is of one, unless another has changed what it saw.
    async fn write_state(
        &self,
        batch: &Batch<'_>,
        automation: AutomationId,
        shadow: Option<&str>,
    ) -> Result<bool, Error> {
        match shadow::of(shadow)? {
            None => state::write(batch, automation, &self.state, &self.labels).await,
            Some(shadow) => shadow::write_memory(batch, automation, shadow, &self.state, &self.labels).await,
        }
    }
}

async fn pause(batch: &mut Batch<'_>, automation: AutomationId, from: Mode) -> Result<(), Error> {
    let changed = batch
        .tx
        .change(
            automation::Entity::update_many()
                .col_expr(automation::Column::Mode, sea_orm::sea_query::Expr::value(Mode::Paused.as_str()))
                .filter(automation::Column::Id.eq(automation.to_string()))
                .filter(automation::Column::Mode.eq(from.as_str())),
        )
        .await?;
    if changed > 0 {
        batch.automation_changed(automation);
        let data = json!({ "automation": automation.to_string(), "from": from.as_str(), "to": "paused" });
        batch.automation_event("automation.paused", automation, "executor", data).await?;
    }
    Ok(())
}

impl Store {
    /// Ends a run.
    pub async fn finish(&self, finish: Finish) -> Result<Finished, Error> {
        self.commit(finish).await
    }
}
