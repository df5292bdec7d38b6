//! A row of the approvals, what it is called, and what it is moved by.

use std::collections::BTreeSet;

use intents::approval::{Binding, Event, Status, step};
use intents::canonical::Digest;
use intents::id::{ApprovalId, RunId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Value, json};

use super::ask::Envelope;
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::event::NewEvent;
use crate::store::rows::approval as row;
use crate::store::{Error, need, room_of, run, sleep};

/// The statuses of which something may still come.
pub(super) const LIVE: [&str; 3] = [Status::Pending.as_str(), Status::Held.as_str(), Status::Approved.as_str()];

/// A digest as rows hold it: keyed, so that a copy of the database does not tell what was asked.
fn keyed(batch: &Batch<'_>, digest: Digest) -> Vec<u8> {
    blake3::keyed_hash(&batch.shared.keys.ledger, digest.as_bytes()).as_bytes().to_vec()
}

/// What a yes to one effect is for.
pub(super) fn call_binding(batch: &Batch<'_>, binding: &Binding) -> Vec<u8> {
    keyed(batch, binding.digest())
}

/// What a yes to an envelope is for: the clause, under these contracts and with this script.
pub(super) fn envelope_binding(batch: &Batch<'_>, binding: &Binding, automation: &str, subject: Digest) -> Vec<u8> {
    let (script, definition) = (binding.script.to_string(), binding.definition);
    let contracts: Vec<_> = binding.contracts.iter().map(ToString::to_string).collect();
    let connection = binding.connection.clone().unwrap_or_default();
    let contracts = contracts.join(" ");
    let parts = [
        automation.as_bytes(),
        subject.as_bytes().as_slice(),
        script.as_bytes(),
        definition.as_bytes(),
        contracts.as_bytes(),
        connection.as_bytes(),
    ];
    keyed(batch, Digest::of_parts("steward envelope 1", &parts))
}

/// The binding that a question has: of its envelope, where it is about one.
pub(super) fn binding_of(
    batch: &Batch<'_>,
    binding: &Binding,
    automation: &str,
    envelope: Option<&Envelope>,
) -> Vec<u8> {
    match envelope {
        Some(envelope) => envelope_binding(batch, binding, automation, envelope.subject),
        None => call_binding(batch, binding),
    }
}

/// One effect of one run: a later question about it takes the place of an earlier one.
pub(super) fn place(batch: &Batch<'_>, binding: &Binding) -> Vec<u8> {
    let run = binding.run.to_string();
    keyed(batch, Digest::of_parts("steward approval place 1", &[run.as_bytes(), binding.effect.as_bytes()]))
}

pub(super) fn parse(text: &str) -> Result<ApprovalId, Error> {
    text.parse().map_err(|error| Error::unreadable("approval id", error))
}

pub(super) fn status_of(row: &row::Model) -> Result<Status, Error> {
    row.status.parse().map_err(|error| Error::unreadable("approval", error))
}

/// The clauses that a yes was asked for.
pub(super) fn grounds_of(row: &row::Model) -> Result<BTreeSet<Digest>, Error> {
    serde_json::from_str(&row.grounds).map_err(|error| Error::unreadable("approval", error))
}

/// The last question about something.
pub(super) async fn last_of(batch: &Batch<'_>, binding: Vec<u8>) -> Result<Option<row::Model>, Error> {
    batch.tx.one(row::Entity::find().filter(row::Column::Binding.eq(binding)).order_by_desc(row::Column::Id)).await
}

/// Moves a row as the rules say; an event tells it.
pub(super) async fn advance(
    batch: &mut Batch<'_>,
    row: &mut row::Model,
    event: Event,
    by: &str,
    data: Value,
) -> Result<(), Error> {
    let next = step(status_of(row)?, event).map_err(|_| decided(row))?;
    row.status = next.as_str().to_owned();
    batch.tx.update(row).await?;
    tell(batch, row, kind_of(event), by, data).await?;
    batch.touch_timers();
    Ok(())
}

const fn kind_of(event: Event) -> &'static str {
    match event {
        Event::Hold => "approval.held",
        Event::Release => "approval.released",
        Event::Approve => "approval.approved",
        Event::Refuse => "approval.refused",
        Event::Expire => "approval.expired",
        Event::Use { .. } => "approval.used",
        Event::GiveBack => "approval.given_back",
        Event::Void => "approval.void",
    }
}

/// Appends an event about an approval.
pub(super) async fn tell(
    batch: &mut Batch<'_>,
    row: &row::Model,
    kind: &'static str,
    by: &str,
    mut data: Value,
) -> Result<(), Error> {
    let automation = row.automation_id.parse().map_err(|error| Error::unreadable("automation id", error))?;
    data["approval"] = json!(row.id);
    data["status"] = json!(row.status);
    let (run, cause) = (Some(row.run_id.clone()), Some(row.need_id.clone()));
    batch.event(NewEvent { room: room_of(automation), kind, actor: by.to_owned(), run, cause, data }).await
}

/// Says what became of an approval that can be answered no more.
pub(super) fn decided(row: &row::Model) -> Error {
    let by = row.decided_by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    let answer = match row.answer.as_deref() {
        Some(answer) if answer != row.status => format!(", after it was {answer}{by}"),
        Some(_) => by,
        None => String::new(),
    };
    let reason = format!("the approval {} is {}{answer}; nothing was changed", row.id, row.status);
    Error::Conflict { code: "APPROVAL_DECIDED", reason }
}

/// Ends what is asked, or was said yes to, for nothing any more.
pub(super) async fn void(batch: &mut Batch<'_>, mut row: row::Model, why: &str) -> Result<(), Error> {
    let open = status_of(&row)?.is_open();
    advance(batch, &mut row, Event::Void, "steward", json!({ "why": why })).await?;
    if open {
        need::withdraw(batch, &row.need_id).await?;
    }
    Ok(())
}

/// At the end of a run nothing is asked for it any more, and no yes waits for it.
pub(in crate::store) async fn forget_run(batch: &mut Batch<'_>, run: RunId) -> Result<(), Error> {
    if !batch.is_asking(run) {
        return Ok(());
    }
    let rows =
        row::Entity::find().filter(row::Column::RunId.eq(run.to_string())).filter(row::Column::Status.is_in(LIVE));
    let rows = batch.tx.all(rows).await?;
    for row in rows {
        if row.envelope == 1 {
            // A yes to an envelope is for all runs, and others may wait for the answer.
            let others = sleep::waiting_for_need(batch, &row.need_id).await?.into_iter().any(|other| other != run);
            if others || !status_of(&row)?.is_open() {
                continue;
            }
        }
        void(batch, row, "its run has ended").await?;
    }
    batch.set_asking(run, false);
    Ok(())
}

/// The runs with an approval of which something may still come.
pub(in crate::store) async fn asking_runs(db: &impl Queries) -> Result<BTreeSet<RunId>, Error> {
    let runs = row::Entity::find().select_only().column(row::Column::RunId).distinct();
    let runs: Vec<String> = db.tuples(runs.filter(row::Column::Status.is_in(LIVE))).await?;
    runs.iter().map(|id| run::parse(id)).collect()
}
