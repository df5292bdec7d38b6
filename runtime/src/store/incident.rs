//! Incidents: opened by failures that have one cause, told once, and closed by runs that succeed.

use std::sync::atomic::Ordering;

use intents::Timestamp;
use intents::canonical::Digest;
use intents::id::{AutomationId, IncidentId, RunId};
use intents::incident::{Mark, WINDOW, closes, opens};
use intents::label::Labels;
use intents::outcome::Failure;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::batch::Batch;
use super::db::Queries;
use super::event::{NewEvent, WORKSPACE_ROOM, digest_of};
use super::rows::{incident as row, incident_mark as mark_row, run as run_row};
use super::{Error, Store, notice, run};

/// Marks of one cause that are looked at: those of the largest storm.
const MARKS_MAX: u64 = 10_000;
/// Marks of an incident that are shown, the newest of them.
const SHOWN_MAX: u64 = 500;
/// Open incidents that a run which succeeds may close.
const OPEN_MAX: u64 = 100;

/// An incident as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// What fails, in one line.
    pub title: String,
    /// When the first failure came that it is made of.
    pub opened_at: Timestamp,
    /// When the last one came.
    pub last_at: Timestamp,
    /// When all that failed were well again.
    pub closed_at: Option<Timestamp>,
    /// What happened, oldest first.
    pub timeline: Vec<IncidentMark>,
}

/// Something that happened in an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentMark {
    /// Whose run it was.
    pub automation: AutomationId,
    /// The run.
    pub run: RunId,
    /// Whether it succeeded, after others had failed.
    pub recovered: bool,
    /// The code of the failure.
    pub code: String,
    /// When.
    pub at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Body {
    title: String,
}

fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::unreadable("incident", error)
}

/// What makes failures one incident, where nothing better is known: the automation, and what failed in which words.
pub(super) fn cause_of(automation: &str, failure: &Failure) -> Digest {
    let parts = [automation.as_bytes(), failure.code.as_bytes(), failure.message.as_bytes()];
    Digest::of_parts("steward incident 1", &parts)
}

/// Notes that a run has failed; opens an incident when it is one of several.
pub(super) async fn failed(
    batch: &mut Batch<'_>,
    failed: &run_row::Model,
    cause: &Digest,
    code: &str,
    title: &str,
) -> Result<(), Error> {
    mark(batch, failed, cause, false, code).await?;
    let known = open_one(batch, cause).await?;
    if let Some(mut known) = known {
        known.last_at = batch.now.as_millis();
        return batch.tx.update(&known).await;
    }
    let failures = marks(batch, cause, false, batch.now - WINDOW).await?;
    if !opens(&failures, batch.now) {
        return Ok(());
    }
    let id = batch.shared.env.incident_id().to_string();
    let first = failures.iter().map(|mark| mark.at).min().unwrap_or(batch.now);
    let body = Body { title: title.to_owned() };
    let model = row::Model {
        cause: cause.as_bytes().to_vec(),
        open: 1,
        body: batch.shared.payload.seal_value(&batch.shared.env, &id, &body),
        opened_at: first.as_millis(),
        last_at: batch.now.as_millis(),
        closed_at: None,
        id,
    };
    batch.tx.insert(&model).await?;
    batch.shared.incidents_open.store(true, Ordering::Relaxed);
    event(batch, "incident.opened", json!({ "incident": model.id, "code": code, "failures": failures.len() })).await?;
    let text = format!("{} failures so far; `steward incidents show {}` has the timeline.", failures.len(), model.id);
    notice::tell(batch, None, "warn", &format!("Incident: {title}"), &text, &Labels::new()).await
}

/// Notes that a run has succeeded; closes the incidents in which its automation was the last that had failed.
pub(super) async fn succeeded(batch: &mut Batch<'_>, ended: &run_row::Model) -> Result<(), Error> {
    // Most runs succeed while nothing is wrong, and look no further.
    if !batch.shared.incidents_open.load(Ordering::Relaxed) {
        return Ok(());
    }
    let open = row::Entity::find().filter(row::Column::Open.eq(1)).order_by_asc(row::Column::Id).limit(OPEN_MAX);
    let open = batch.tx.all(open).await?;
    batch.shared.incidents_open.store(!open.is_empty(), Ordering::Relaxed);
    for mut known in open {
        let cause = digest_of(&known.cause)?;
        let since = Timestamp::from_millis(known.opened_at);
        let failures = marks(batch, &cause, false, since).await?;
        let automation: AutomationId = ended.automation_id.parse().map_err(unreadable)?;
        if failures.iter().all(|mark| mark.automation != automation) {
            continue;
        }
        mark(batch, ended, &cause, true, "").await?;
        if !closes(&failures, &marks(batch, &cause, true, since).await?) {
            continue;
        }
        known.open = 0;
        known.closed_at = Some(batch.now.as_millis());
        batch.tx.update(&known).await?;
        event(batch, "incident.closed", json!({ "incident": known.id, "run": ended.id })).await?;
        let body: Body = batch.shared.payload.open_value("incident", &known.id, &known.body)?;
        let text = "Every automation that failed has had a run since that succeeded.";
        notice::tell(batch, None, "info", &format!("Over: {}", body.title), text, &Labels::new()).await?;
    }
    Ok(())
}

async fn open_one(batch: &Batch<'_>, cause: &Digest) -> Result<Option<row::Model>, Error> {
    let same =
        row::Entity::find().filter(row::Column::Open.eq(1)).filter(row::Column::Cause.eq(cause.as_bytes().to_vec()));
    batch.tx.one(same).await
}

async fn mark(
    batch: &Batch<'_>,
    run: &run_row::Model,
    cause: &Digest,
    recovered: bool,
    code: &str,
) -> Result<(), Error> {
    let model = mark_row::Model {
        id: batch.shared.env.event_id().ulid().to_string(),
        cause: cause.as_bytes().to_vec(),
        automation_id: run.automation_id.clone(),
        run_id: run.id.clone(),
        recovered: recovered.into(),
        code: code.to_owned(),
        at: batch.now.as_millis(),
    };
    batch.tx.insert(&model).await
}

async fn marks(
    batch: &Batch<'_>,
    cause: &Digest,
    recovered: bool,
    since: Timestamp,
) -> Result<Vec<Mark<AutomationId>>, Error> {
    let query = mark_row::Entity::find()
        .select_only()
        .column(mark_row::Column::AutomationId)
        .column(mark_row::Column::At)
        .filter(mark_row::Column::Cause.eq(cause.as_bytes().to_vec()))
        .filter(mark_row::Column::Recovered.eq(i64::from(recovered)))
        .filter(mark_row::Column::At.gte(since.as_millis()))
        .limit(MARKS_MAX);
    let rows: Vec<(String, i64)> = batch.tx.tuples(query).await?;
    let of = |(automation, at): (String, i64)| {
        Ok(Mark { automation: automation.parse().map_err(unreadable)?, at: Timestamp::from_millis(at) })
    };
    rows.into_iter().map(of).collect()
}

async fn event(batch: &mut Batch<'_>, kind: &'static str, data: serde_json::Value) -> Result<(), Error> {
    let (room, actor) = (WORKSPACE_ROOM, "steward".to_owned());
    batch.event(NewEvent { room, kind, actor, run: None, cause: None, data }).await
}

/// Removes incidents that were closed before a time, and marks from before it that belong to none that is open.
pub(super) async fn sweep(batch: &Batch<'_>, before: i64) -> Result<u64, Error> {
    let closed = row::Entity::delete_many().filter(row::Column::Open.eq(0)).filter(row::Column::LastAt.lt(before));
    let gone = batch.tx.change(closed).await?;
    let open = row::Entity::find().select_only().column(row::Column::Cause).filter(row::Column::Open.eq(1));
    let open: Vec<Vec<u8>> = batch.tx.tuples(open).await?;
    let old = mark_row::Entity::delete_many()
        .filter(mark_row::Column::At.lt(before))
        .filter(mark_row::Column::Cause.is_not_in(open));
    Ok(gone + batch.tx.change(old).await?)
}

impl Store {
    /// One incident.
    pub async fn incident(&self, id: IncidentId) -> Result<Incident, Error> {
        let found = self.reader().one(row::Entity::find_by_id(id.to_string())).await?;
        let found = found.ok_or_else(|| Error::NotFound { what: "incident", which: id.to_string() })?;
        self.incident_view(found).await
    }

    /// Incidents, newest first, from before one of them on.
    pub async fn incidents(&self, before: Option<IncidentId>, most: u64) -> Result<Vec<Incident>, Error> {
        let mut query = row::Entity::find().order_by_desc(row::Column::Id).limit(most);
        if let Some(before) = before {
            query = query.filter(row::Column::Id.lt(before.to_string()));
        }
        let mut incidents = Vec::new();
        for row in self.reader().all(query).await? {
            incidents.push(self.incident_view(row).await?);
        }
        Ok(incidents)
    }

    async fn incident_view(&self, row: row::Model) -> Result<Incident, Error> {
        let body: Body = self.shared().payload.open_value("incident", &row.id, &row.body)?;
        let mut query = mark_row::Entity::find()
            .filter(mark_row::Column::Cause.eq(row.cause.clone()))
            .filter(mark_row::Column::At.gte(row.opened_at))
            .order_by_desc(mark_row::Column::Id)
            .limit(SHOWN_MAX);
        if let Some(closed) = row.closed_at {
            query = query.filter(mark_row::Column::At.lte(closed));
        }
        let mut timeline = Vec::new();
        for mark in self.reader().all(query).await?.into_iter().rev() {
            timeline.push(IncidentMark {
                automation: mark.automation_id.parse().map_err(unreadable)?,
                run: run::parse(&mark.run_id)?,
                recovered: mark.recovered != 0,
                code: mark.code,
                at: Timestamp::from_millis(mark.at),
            });
        }
        Ok(Incident {
            id: row.id.parse().map_err(unreadable)?,
            title: body.title,
            opened_at: Timestamp::from_millis(row.opened_at),
            last_at: Timestamp::from_millis(row.last_at),
            closed_at: row.closed_at.map(Timestamp::from_millis),
            timeline,
        })
    }
}
