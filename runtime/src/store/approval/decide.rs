//! What a person does with a question: yes, no, later; and a yes taken back.

use std::time::Duration;

use intents::approval::{Event, Status, held_until};
use intents::id::ApprovalId;
use intents::need::{Choice, unsnoozed};
use intents::{Timestamp, run::Phase};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use super::consent::note_place;
use super::entry::{advance, decided, status_of};
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::rows::approval as row;
use crate::store::writer::Command;
use crate::store::{Approval, Error, Store, need, run};

/// Takes the answer to the question behind a need.
pub(in crate::store) async fn decide(
    batch: &mut Batch<'_>,
    need: &str,
    yes: bool,
    by: &str,
    note: Option<&str>,
) -> Result<(), Error> {
    let mut row = of_need(batch, need).await?;
    if !status_of(&row)?.is_open() {
        return Err(decided(&row));
    }
    if row.expires_at <= batch.now.as_millis() && row.status == Status::Pending.as_str() {
        // Its time is over, although nobody has said so yet.
        row.status = Status::Expired.as_str().to_owned();
        return Err(decided(&row));
    }
    let run = batch.run(run::parse(&row.run_id)?).await?;
    let phase: Phase = run.phase.parse().map_err(|error| Error::unreadable("phase", error))?;
    if phase.is_over() && row.envelope == 0 {
        row.status = Status::Void.as_str().to_owned();
        return Err(decided(&row));
    }
    let (event, answer) = if yes { (Event::Approve, Status::Approved) } else { (Event::Refuse, Status::Refused) };
    row.answer = Some(answer.as_str().to_owned());
    row.decided_by = Some(by.to_owned());
    row.decided_at = Some(batch.now.as_millis());
    row.held_until = None;
    if yes {
        row.expires_at = row.life_ms.saturating_add(batch.now.as_millis());
    }
    if let Some(note) = note {
        let key = batch.key_of_run(&run).await?;
        row.note = Some(key.seal_value(&batch.shared.env, &note_place(&row.id), &note));
    }
    advance(batch, &mut row, event, by, json!({ "need": need })).await
}

/// The question behind a need.
pub(super) async fn of_need(batch: &Batch<'_>, need: &str) -> Result<row::Model, Error> {
    let found = batch.tx.one(row::Entity::find().filter(row::Column::NeedId.eq(need))).await?;
    found.ok_or_else(|| Error::NotFound { what: "approval", which: need.to_owned() })
}

async fn by_id(batch: &Batch<'_>, id: ApprovalId) -> Result<row::Model, Error> {
    let found = batch.tx.one(row::Entity::find_by_id(id.to_string())).await?;
    found.ok_or_else(|| Error::NotFound { what: "approval", which: id.to_string() })
}

/// A person's yes or no: the same as the answer to its need.
struct Decide {
    approval: ApprovalId,
    yes: bool,
    note: Option<String>,
    by: String,
}

impl Command for Decide {
    type Reply = ();
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let row = by_id(batch, self.approval).await?;
        let choice = if self.yes { Choice::Approve } else { Choice::Refuse };
        need::take_answer(batch, &row.need_id, choice, &self.by, self.note.as_deref()).await
    }
}

/// A person puts a question off.
struct Hold {
    approval: ApprovalId,
    length: Duration,
    by: String,
}

impl Command for Hold {
    type Reply = ();
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let row = by_id(batch, self.approval).await?;
        hold(batch, row, self.length, &self.by).await
    }
}

/// Puts a question off, and its need with it.
async fn hold(batch: &mut Batch<'_>, mut row: row::Model, length: Duration, by: &str) -> Result<(), Error> {
    // What is put off again has left what was left of it before.
    let now = row.held_until.map_or(batch.now, |until| Timestamp::from_millis(until).max(batch.now));
    let left = Timestamp::from_millis(row.expires_at).since(now);
    let created = Timestamp::from_millis(row.created_at);
    let (until, expires) = held_until(created, batch.now + left, length, batch.now);
    row.held_until = Some(until.as_millis());
    row.expires_at = expires.as_millis();
    advance(batch, &mut row, Event::Hold, by, json!({ "until": until.to_string() })).await?;
    need::put_off(batch, &row.need_id, until, None, by).await
}

/// Puts the question behind a need off.
pub(in crate::store) async fn hold_need(
    batch: &mut Batch<'_>,
    need: &str,
    length: Duration,
    by: &str,
) -> Result<(), Error> {
    let row = of_need(batch, need).await?;
    hold(batch, row, length, by).await
}

/// Asks the question behind a need again before its time; what was left of its time is left.
pub(in crate::store) async fn release_need(batch: &mut Batch<'_>, need: &str, by: &str) -> Result<(), Error> {
    let mut row = of_need(batch, need).await?;
    if status_of(&row)? == Status::Held {
        let until = row.held_until.take().map_or(batch.now, Timestamp::from_millis);
        let expires = unsnoozed(Some(Timestamp::from_millis(row.expires_at)), until, batch.now);
        row.expires_at = expires.map_or(row.expires_at, Timestamp::as_millis);
        advance(batch, &mut row, Event::Release, by, json!({})).await?;
    }
    need::come_back(batch, need, None, by).await
}

/// A person takes a yes back. What happened under it stands.
struct TakeBack {
    approval: ApprovalId,
    by: String,
}

impl Command for TakeBack {
    type Reply = ();
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let mut row = by_id(batch, self.approval).await?;
        match status_of(&row)? {
            Status::Approved => {
                let data = json!({ "why": "a person took it back", "used": row.used });
                advance(batch, &mut row, Event::Void, &self.by, data).await
            }
            // A question is answered with a no.
            Status::Pending | Status::Held | Status::Refused | Status::Expired | Status::Used | Status::Void => {
                Err(decided(&row))
            }
        }
    }
}

impl Store {
    /// Takes a person's yes or no, and sets going what waited for it.
    pub async fn decide_approval(
        &self,
        approval: ApprovalId,
        yes: bool,
        note: Option<&str>,
        by: &str,
    ) -> Result<Approval, Error> {
        self.commit(Decide { approval, yes, note: note.map(str::to_owned), by: by.to_owned() }).await?;
        self.approval(approval).await
    }

    /// Puts a question off: it does not expire meanwhile, and may be answered at any time.
    pub async fn hold_approval(&self, approval: ApprovalId, length: Duration, by: &str) -> Result<Approval, Error> {
        self.commit(Hold { approval, length, by: by.to_owned() }).await?;
        self.approval(approval).await
    }

    /// Takes a yes back that has room for a use.
    pub async fn take_back_approval(&self, approval: ApprovalId, by: &str) -> Result<Approval, Error> {
        self.commit(TakeBack { approval, by: by.to_owned() }).await?;
        self.approval(approval).await
    }
}
