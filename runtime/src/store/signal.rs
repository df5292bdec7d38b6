//! Signals: events that automations emit for each other.

use intents::id::RunId;
use intents::label::{Label, Labels};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Value, json};

use super::batch::Batch;
use super::db::Queries;
use super::inbox::{self, Delivery};
use super::ledger::{self, Message};
use super::rows::{signal as row, trigger};
use super::run::{self, Progress};
use super::writer::{Command, Ticket};
use super::{Error, Store, label, sleep};

/// A signal about to be emitted, in the commit that holds the call's outcome.
#[derive(Debug, Clone)]
pub struct Signal {
    /// What happened since the last commit, the call and its outcome included.
    pub progress: Progress,
    /// What makes it one signal, however often its run begins afresh.
    pub message: Message,
    /// Its name.
    pub name: String,
    /// What it says.
    pub data: Value,
    /// Where the data came from: everything the run has read.
    pub labels: Labels,
}

impl Command for Signal {
    type Reply = ();

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let mut run = run::progress(batch, &self.progress).await?;
        run::refuse_shadow(&run)?;
        run::refuse_stopped(batch, &run)?;
        if !ledger::claim_message(batch, &mut run, "events.emit", &self.message).await? {
            batch.put_run(self.progress.run, run);
            return Ok(());
        }
        let id = batch.shared.env.event_id().ulid().to_string();
        let model = row::Model {
            id: id.clone(),
            name: self.name.clone(),
            payload: batch.shared.payload.seal_value(&batch.shared.env, &id, &self.data),
            run_id: Some(run.id.clone()),
            at: batch.now.as_millis(),
            labels: Some(label::written(&self.labels)),
        };
        batch.tx.insert(&model).await?;
        batch.run_event("signal.emitted", &run, json!({ "signal": id, "name": self.name })).await?;
        let automation = run.automation_id.clone();
        batch.put_run(self.progress.run, run);
        sleep::wake_waiting_for_event(batch, &self.name).await?;

        let listeners = batch
            .tx
            .all(trigger::Entity::find().filter(trigger::Column::Kind.eq("event")).filter(trigger::Column::Live.eq(1)))
            .await?;
        for listener in listeners {
            let body: Value =
                serde_json::from_str(&listener.body).map_err(|error| Error::unreadable("trigger", error))?;
            // An automation does not set itself going.
            if body["event"] != json!(self.name) || listener.automation_id == automation {
                continue;
            }
            let delivery = Delivery {
                automation: listener
                    .automation_id
                    .parse()
                    .map_err(|error| Error::unreadable("automation id", error))?,
                trigger: Some(listener.id.parse().map_err(|error| Error::unreadable("trigger id", error))?),
                dedupe_key: format!("event:{id}:{}", listener.id),
                input: json!({ "trigger": "event", "event": self.name, "data": self.data }),
                labels: self.labels.iter().cloned().chain([Label(format!("event:{}", self.name))]).collect(),
                useful_until: None,
                skip_if_busy: body["overlap"] == json!("skip"),
            };
            inbox::deliver(batch, &delivery).await?;
        }
        Ok(())
    }
}

/// How many signals of this name have come since a run was made. Identifiers tell, not the clock: it may be set back.
pub(super) async fn count_since(batch: &Batch<'_>, name: &str, run: RunId) -> Result<u64, Error> {
    batch
        .tx
        .count(
            row::Entity::find().filter(row::Column::Name.eq(name)).filter(row::Column::Id.gt(run.ulid().to_string())),
        )
        .await
}

impl Store {
    /// Emits a signal: wakes who waits for it, and delivers it to who listens.
    pub async fn emit(&self, signal: Signal) -> Result<Ticket<()>, Error> {
        self.enqueue(signal).await
    }

    /// The signal of this name after `taken` others since a run was made, with where its data came from.
    pub async fn signal_since(&self, name: &str, run: RunId, taken: u64) -> Result<Option<(Value, Labels)>, Error> {
        let found = self
            .reader()
            .one(
                row::Entity::find()
                    .filter(row::Column::Name.eq(name))
                    .filter(row::Column::Id.gt(run.ulid().to_string()))
                    .order_by_asc(row::Column::Id)
                    .offset(taken),
            )
            .await?;
        found
            .map(|row| {
                let data = self.shared().payload.open_value("signal", &row.id, &row.payload)?;
                Ok((data, label::read(row.labels.as_deref())?))
            })
            .transpose()
    }
}
