//! Approvals as people see them.

use intents::Timestamp;
use intents::approval::{Binding, Status};
use intents::id::{ApprovalId, AutomationId, NeedId, RunId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;

use super::ask::{Body, Ground};
use super::consent::note_place;
use super::entry::{parse, status_of};
use crate::store::db::Queries;
use crate::store::payload::PayloadKey;
use crate::store::rows::approval as row;
use crate::store::{Error, Store, inbox, run};

/// An approval as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// Where it stands.
    pub status: Status,
    /// Whose effect it is.
    pub automation: AutomationId,
    /// The run that asked.
    pub run: RunId,
    /// The number of the call.
    pub call: u32,
    /// The tool.
    pub tool: String,
    /// The need through which it is asked.
    pub need: NeedId,
    /// The envelope, where a yes covers more than one effect.
    pub envelope: Option<EnvelopeUse>,
    /// What is asked about; none when the content of its run was erased.
    pub asked: Option<Asked>,
    /// When the question, or the yes, expires.
    pub expires_at: Timestamp,
    /// Until when it is put off.
    pub held_until: Option<Timestamp>,
    /// Whether the answer was yes.
    pub answer: Option<bool>,
    /// Who answered.
    pub decided_by: Option<String>,
    /// When it was answered, or expired without an answer.
    pub decided_at: Option<Timestamp>,
    /// What the person said with the answer.
    pub note: Option<String>,
    /// When it was asked.
    pub created_at: Timestamp,
}

/// How much of an envelope is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnvelopeUse {
    /// How many effects it covers.
    pub at_most: u32,
    /// How many have begun under it.
    pub used: u32,
}

/// What is asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// In one line.
    pub title: String,
    /// The clauses that want a yes.
    pub grounds: Vec<Ground>,
    /// What the yes is for.
    pub binding: Binding,
    /// What the person must see.
    pub shown: Value,
    /// What is not as it was when the same was asked before.
    pub asked_again_for: Vec<String>,
}

/// Which approvals to list.
#[derive(Debug, Clone, Default)]
pub struct ApprovalFilter {
    /// In one of these.
    pub statuses: Vec<Status>,
    /// Only of this automation.
    pub automation: Option<AutomationId>,
    /// Only of this run.
    pub run: Option<RunId>,
    /// Only older than this one.
    pub before: Option<ApprovalId>,
}

impl Store {
    /// One approval.
    pub async fn approval(&self, id: ApprovalId) -> Result<Approval, Error> {
        let found = self.reader().one(row::Entity::find_by_id(id.to_string())).await?;
        self.approval_view(found.ok_or_else(|| Error::NotFound { what: "approval", which: id.to_string() })?).await
    }

    /// The approval that is asked through a need.
    pub async fn approval_of_need(&self, need: NeedId) -> Result<Approval, Error> {
        let found = self.reader().one(row::Entity::find().filter(row::Column::NeedId.eq(need.to_string()))).await?;
        self.approval_view(found.ok_or_else(|| Error::NotFound { what: "approval", which: need.to_string() })?).await
    }

    /// Approvals, newest first.
    pub async fn approvals(&self, filter: &ApprovalFilter, most: u64) -> Result<Vec<Approval>, Error> {
        let mut query = row::Entity::find().order_by_desc(row::Column::Id).limit(most);
        if !filter.statuses.is_empty() {
            query = query.filter(row::Column::Status.is_in(filter.statuses.iter().map(|status| status.as_str())));
        }
        if let Some(automation) = filter.automation {
            query = query.filter(row::Column::AutomationId.eq(automation.to_string()));
        }
        if let Some(run) = filter.run {
            query = query.filter(row::Column::RunId.eq(run.to_string()));
        }
        if let Some(before) = filter.before {
            query = query.filter(row::Column::Id.lt(before.to_string()));
        }
        let mut approvals = Vec::new();
        for row in self.reader().all(query).await? {
            approvals.push(self.approval_view(row).await?);
        }
        Ok(approvals)
    }

    async fn approval_view(&self, row: row::Model) -> Result<Approval, Error> {
        let count = |number: i64| u32::try_from(number).map_err(|error| Error::unreadable("approval", error));
        let run_id = run::parse(&row.run_id)?;
        let key = self.key_of_run(run_id).await?;
        let open = |key: &PayloadKey| -> Result<_, Error> {
            let body: Option<Body> =
                row.body.as_ref().map(|body| key.open_value("approval", &row.id, body)).transpose()?;
            let note: Option<String> =
                row.note.as_ref().map(|note| key.open_value("approval", &note_place(&row.id), note)).transpose()?;
            Ok((body, note))
        };
        let (body, note) = key.as_ref().map(open).transpose()?.unwrap_or_default();
        let asked = body.map(|body| Asked {
            title: body.title,
            grounds: body.grounds,
            binding: body.binding,
            shown: body.shown,
            asked_again_for: body.asked_again_for,
        });
        Ok(Approval {
            id: parse(&row.id)?,
            status: status_of(&row)?,
            automation: row.automation_id.parse().map_err(|error| Error::unreadable("automation id", error))?,
            run: run_id,
            call: count(row.call)?,
            tool: row.tool,
            need: row.need_id.parse().map_err(|error| Error::unreadable("need id", error))?,
            envelope: (row.envelope == 1)
                .then(|| Ok::<_, Error>(EnvelopeUse { at_most: count(row.at_most)?, used: count(row.used)? }))
                .transpose()?,
            asked,
            expires_at: Timestamp::from_millis(row.expires_at),
            held_until: row.held_until.map(Timestamp::from_millis),
            answer: row.answer.map(|answer| answer == Status::Approved.as_str()),
            decided_by: row.decided_by,
            decided_at: row.decided_at.map(Timestamp::from_millis),
            note,
            created_at: Timestamp::from_millis(row.created_at),
        })
    }

    /// The key of a run's content; none when it was erased.
    async fn key_of_run(&self, id: RunId) -> Result<Option<PayloadKey>, Error> {
        let run = self.run(id).await?;
        match inbox::key_of(self.reader(), self.shared(), run.item).await {
            Ok(key) => Ok(Some(key)),
            Err(Error::Sealed { .. } | Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
