//! The end of a run: its last records, what it wrote, and who is told.

use intents::id::AutomationId;
use intents::label::Labels;
use intents::outcome::Failure;
use intents::run::{Event, Phase};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use super::batch::Batch;
use super::repair::Routed;
use super::rows::{automation, run as run_row};
use super::run::{Progress, advance, last_progress, refuse_overlong, tell_start};
use super::state::StateWrite;
use super::writer::Command;
use super::{Error, Mode, NewNeed, Store, approval, incident, need, repair, shadow, sleep, state};
use crate::maintainer::NewRepair;

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
    /// What is to be repaired, rather than asked about.
    pub repair: Option<Box<NewRepair>>,
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
        self.note_incident(batch, &row).await?;
        // What a repair brought and does not hold is taken back first: the failure is then one of the script before it.
        let taken_back = repair::watch(batch, &row, self.failure.as_ref().map(|failure| failure.class)).await?;
        self.ask_or_repair(batch, &row, taken_back.as_deref()).await?;
        if self.pause {
            // As a shadow run it ran in shadow.
            let from = if row.shadow.is_some() { Mode::Shadow } else { Mode::Active };
            pause(batch, automation, from).await?;
        }
        let phase = row.phase.parse().map_err(|error| Error::unreadable("phase", error))?;
        approval::forget_run(batch, self.progress.run).await?;
        // Whoever asked has slept, and began again.
        if row.attempts > 1 {
            need::forget_run(batch, self.progress.run).await?;
        }
        sleep::wake_waiting_for_run(batch, self.progress.run).await?;
        batch.end_run(self.progress.run, row, tail);
        batch.touch_runs();
        Ok(Finished::Over(phase))
    }
}

impl Finish {
    /// Failures that have one cause are an incident, until those that failed are well again.
    async fn note_incident(&self, batch: &mut Batch<'_>, row: &run_row::Model) -> Result<(), Error> {
        if row.shadow.is_some() {
            return Ok(());
        }
        let Some(failure) = &self.failure else { return incident::succeeded(batch, row).await };
        let (cause, title) = match &self.repair {
            Some(new) => (new.storm, new.body.broke.clone()),
            None => (incident::cause_of(&row.automation_id, failure), failure.message.clone()),
        };
        incident::failed(batch, row, &cause, &failure.code, &title).await
    }

    /// Has what failed repaired where it may be, and asks the person about the rest.
    async fn ask_or_repair(
        &self,
        batch: &mut Batch<'_>,
        row: &run_row::Model,
        taken_back: Option<&str>,
    ) -> Result<(), Error> {
        let why = match &self.repair {
            None => None,
            Some(_) if taken_back.is_some() => Some("a repair of it failed, and was taken back".to_owned()),
            Some(new) => match repair::begin(batch, row, new).await? {
                Routed::Repair => return Ok(()),
                Routed::Ask(why) => Some(why.to_string()),
            },
        };
        for need in &self.needs {
            let mut need = need.clone();
            if let Some(why) = &why {
                need.evidence["not_repaired"] = json!(why);
            }
            let id = need::open(batch, &need).await?;
            if let (Some(why), Some(new)) = (&why, &self.repair) {
                repair::attach(batch, row, new, taken_back, &id.to_string(), why).await?;
            }
        }
        Ok(())
    }

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
