//! Notices: what an automation tells its user.

use intents::Timestamp;
use intents::id::{AutomationId, RunId};
use intents::label::Labels;
use sea_orm::{EntityTrait, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::batch::{Batch, Shared};
use super::db::Queries;
use super::event::{NewEvent, WORKSPACE_ROOM};
use super::ledger::{self, Message};
use super::rows::notice as row;
use super::run::{self, Progress};
use super::writer::{Command, Ticket};
use super::{Error, Store, room_of};

/// A notice about to be stored, in the commit that holds the call's outcome.
#[derive(Debug, Clone)]
pub struct NewNotice {
    /// What happened since the last commit, the call and its outcome included.
    pub progress: Progress,
    /// What makes it one notice, however often its run begins afresh.
    pub message: Message,
    /// Who tells it.
    pub automation: AutomationId,
    /// `info`, `warn` or `urgent`.
    pub level: String,
    /// The headline.
    pub title: String,
    /// The text.
    pub text: String,
    /// Where it came from: everything that the run has read.
    pub labels: Labels,
}

/// A notice as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its id.
    pub id: String,
    /// Who tells it.
    pub automation: Option<String>,
    /// The run that told it.
    pub run: Option<RunId>,
    /// `info`, `warn` or `urgent`.
    pub level: String,
    /// The headline.
    pub title: String,
    /// The text.
    pub text: String,
    /// Where it came from: everything that its run had read.
    pub labels: Labels,
    /// When.
    pub created_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Body {
    title: String,
    text: String,
    #[serde(default)]
    labels: Labels,
}

impl Command for NewNotice {
    type Reply = ();

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let mut run = run::progress(batch, &self.progress).await?;
        run::refuse_shadow(&run)?;
        run::refuse_stopped(batch, &run)?;
        if !ledger::claim_message(batch, &mut run, "notify.user", &self.message).await? {
            batch.put_run(self.progress.run, run);
            return Ok(());
        }
        let id = batch.shared.env.event_id().ulid().to_string();
        let body = Body { title: self.title.clone(), text: self.text.clone(), labels: self.labels.clone() };
        let model = row::Model {
            id: id.clone(),
            automation_id: Some(self.automation.to_string()),
            run_id: Some(run.id.clone()),
            level: self.level.clone(),
            body: batch.shared.payload.seal_value(&batch.shared.env, &id, &body),
            created_at: batch.now.as_millis(),
        };
        batch.tx.insert(&model).await?;
        batch.run_event("notice.given", &run, json!({ "notice": id, "level": self.level })).await?;
        batch.put_run(self.progress.run, run);
        Ok(())
    }
}

/// Tells the user something that the host itself found or did.
pub(super) async fn tell(
    batch: &mut Batch<'_>,
    automation: Option<AutomationId>,
    level: &str,
    title: &str,
    text: &str,
    labels: &Labels,
) -> Result<(), Error> {
    let id = batch.shared.env.event_id().ulid().to_string();
    let body = Body { title: title.to_owned(), text: text.to_owned(), labels: labels.clone() };
    let model = row::Model {
        id: id.clone(),
        automation_id: automation.map(|id| id.to_string()),
        run_id: None,
        level: level.to_owned(),
        body: batch.shared.payload.seal_value(&batch.shared.env, &id, &body),
        created_at: batch.now.as_millis(),
    };
    batch.tx.insert(&model).await?;
    let room = automation.map_or(WORKSPACE_ROOM, room_of);
    let data = json!({ "notice": id, "level": level });
    batch
        .event(NewEvent { room, kind: "notice.given", actor: "steward".to_owned(), run: None, cause: None, data })
        .await
}

impl Store {
    /// Stores a notice, with the outcome of the call that gives it.
    pub async fn notify(&self, new: NewNotice) -> Result<Ticket<()>, Error> {
        self.enqueue(new).await
    }

    /// The newest notices.
    pub async fn notices(&self, most: u64) -> Result<Vec<Notice>, Error> {
        let rows = self.reader().all(row::Entity::find().order_by_desc(row::Column::Id).limit(most)).await?;
        rows.into_iter().map(|row| view(self.shared(), row)).collect()
    }
}

/// A notice as people see it.
pub(super) fn view(shared: &Shared, row: row::Model) -> Result<Notice, Error> {
    let body: Body = shared.payload.open_value("notice", &row.id, &row.body)?;
    Ok(Notice {
        id: row.id,
        automation: row.automation_id,
        run: row.run_id.map(|id| run::parse(&id)).transpose()?,
        level: row.level,
        title: body.title,
        text: body.text,
        labels: body.labels,
        created_at: Timestamp::from_millis(row.created_at),
    })
}
