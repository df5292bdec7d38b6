//! What was answered already, looked up and used in the transaction that starts the effect.

use std::collections::BTreeSet;

use intents::approval::{Binding, Content, Event, Status};
use intents::canonical::Digest;
use intents::id::{ApprovalId, RunId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use super::ask::Body;
use super::entry::{advance, call_binding, envelope_binding, grounds_of, last_of, parse, status_of};
use crate::store::Error;
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::rows::{approval as row, approval_use, run as run_row};

/// Why an effect may not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// A person said no.
    Refused,
    /// Nobody answered in time.
    Expired,
}

impl Because {
    /// The stable name, which scripts see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Expired => "expired",
        }
    }
}

/// A no to an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct No {
    /// The approval.
    pub approval: ApprovalId,
    /// Why.
    pub because: Because,
    /// What the person said.
    pub reason: Option<String>,
}

/// What has been answered about one effect.
#[derive(Default)]
pub(in crate::store) struct Standing {
    call: Option<Yes>,
    envelopes: Vec<(Digest, Yes)>,
    no: Option<row::Model>,
}

/// A yes that counts.
struct Yes {
    row: row::Model,
    /// Whether the very same call has used it before, and makes itself again.
    used_by_it: bool,
}

impl Standing {
    /// Looks up what was answered about this effect, and about the envelopes that may cover it.
    pub(in crate::store) async fn look(
        batch: &Batch<'_>,
        automation: &str,
        binding: &Binding,
        envelopes: &[Digest],
        by: &str,
    ) -> Result<Self, Error> {
        let mut standing = Self::default();
        let bindings = envelopes
            .iter()
            .map(|subject| (Some(*subject), envelope_binding(batch, binding, automation, *subject)))
            .chain([(None, call_binding(batch, binding))]);
        for (subject, bound) in bindings {
            let Some(row) = last_of(batch, bound).await? else { continue };
            let yes = match status_of(&row)? {
                Status::Approved if row.expires_at > batch.now.as_millis() => {
                    Some(Yes { used_by_it: used_by(batch, &row, by).await?, row })
                }
                Status::Approved | Status::Used if used_by(batch, &row, by).await? => {
                    Some(Yes { row, used_by_it: true })
                }
                Status::Refused | Status::Expired if answers(batch, &row, binding.run).await? => {
                    standing.no = Some(row);
                    None
                }
                Status::Approved
                | Status::Used
                | Status::Refused
                | Status::Expired
                | Status::Pending
                | Status::Held
                | Status::Void => None,
            };
            match (yes, subject) {
                (Some(yes), Some(subject)) => standing.envelopes.push((subject, yes)),
                (Some(yes), None) => standing.call = Some(yes),
                (None, _) => {}
            }
        }
        Ok(standing)
    }

    /// The clauses for which there is a yes to this very effect.
    pub(in crate::store) fn grounds(&self) -> Result<BTreeSet<Digest>, Error> {
        self.call.as_ref().map(|yes| grounds_of(&yes.row)).transpose().map(Option::unwrap_or_default)
    }

    /// The envelopes that have room.
    pub(in crate::store) fn envelopes(&self) -> BTreeSet<Digest> {
        self.envelopes.iter().map(|(subject, _)| *subject).collect()
    }

    /// The no, if there is one.
    pub(in crate::store) async fn no(&self, batch: &mut Batch<'_>) -> Result<Option<No>, Error> {
        let Some(row) = &self.no else { return Ok(None) };
        let because = if row.answer.is_some() { Because::Refused } else { Because::Expired };
        let reason = match &row.note {
            None => None,
            Some(note) => {
                let run: run_row::Model = batch.run(crate::store::run::parse(&row.run_id)?).await?;
                match batch.key_of_run(&run).await {
                    Ok(key) => Some(key.open_value("approval", &note_place(&row.id), note)?),
                    // Erased content is gone for good; that it was a no is not.
                    Err(Error::Sealed { .. } | Error::NotFound { .. }) => None,
                    Err(error) => return Err(error),
                }
            }
        };
        Ok(Some(No { approval: parse(&row.id)?, because, reason }))
    }

    /// Uses the yes, for the effect that starts in this commit.
    pub(in crate::store) async fn use_for(
        self,
        batch: &mut Batch<'_>,
        effect: &str,
        envelopes: &BTreeSet<Digest>,
    ) -> Result<(), Error> {
        let covering = self.envelopes.into_iter().filter(|(subject, _)| envelopes.contains(subject));
        let yeses = self.call.into_iter().chain(covering.map(|(_, yes)| yes));
        for Yes { mut row, .. } in yeses.filter(|yes| !yes.used_by_it) {
            row.used += 1;
            let last = row.used >= row.at_most;
            let data = json!({ "effect": effect, "used": row.used, "at_most": row.at_most });
            advance(batch, &mut row, Event::Use { last }, "executor", data).await?;
            let used =
                approval_use::Model { approval_id: row.id, effect: effect.to_owned(), at: batch.now.as_millis() };
            batch.tx.put(&used).await?;
        }
        Ok(())
    }
}

async fn used_by(batch: &Batch<'_>, row: &row::Model, by: &str) -> Result<bool, Error> {
    let used = approval_use::Entity::find_by_id((row.id.clone(), by.to_owned()));
    Ok(batch.tx.one(used).await?.is_some())
}

/// The content of files that a person said yes to when an effect was started; none when nobody was asked.
pub(in crate::store) async fn contents_of(batch: &mut Batch<'_>, effect: &str) -> Result<Option<Vec<Content>>, Error> {
    let uses = batch.tx.all(approval_use::Entity::find().filter(approval_use::Column::Effect.eq(effect))).await?;
    for used in uses {
        let Some(row) = batch.tx.one(row::Entity::find_by_id(&used.approval_id)).await? else { continue };
        let (0, Some(sealed)) = (row.envelope, &row.body) else { continue };
        let run = batch.run(crate::store::run::parse(&row.run_id)?).await?;
        let body: Body = batch.key_of_run(&run).await?.open_value("approval", &row.id, sealed)?;
        return Ok(Some(body.binding.contents));
    }
    Ok(None)
}

/// Where a person's words are sealed.
pub(super) fn note_place(approval: &str) -> String {
    format!("{approval}/note")
}

/// Whether a no, or the end of a question, stands for a run. A no to one effect stands for ever. A no to an envelope is
/// for the runs that there were then: a later one asks anew.
pub(super) async fn answers(batch: &Batch<'_>, row: &row::Model, run: RunId) -> Result<bool, Error> {
    if row.answer.as_deref() == Some(Status::Approved.as_str()) {
        // The yes was not used in time; that is no no.
        return Ok(false);
    }
    if row.envelope == 0 {
        return Ok(true);
    }
    let began = batch.run(run).await?.created_at;
    Ok(row.decided_at.is_some_and(|at| at >= began))
}

/// It is proven that an effect did not happen: it took nothing of the yes.
pub(in crate::store) async fn give_back(batch: &mut Batch<'_>, effect: &str) -> Result<(), Error> {
    let uses = batch.tx.all(approval_use::Entity::find().filter(approval_use::Column::Effect.eq(effect))).await?;
    for used in uses {
        let found = batch.tx.one(row::Entity::find_by_id(&used.approval_id)).await?;
        let mut row = found.ok_or_else(|| Error::NotFound { what: "approval", which: used.approval_id.clone() })?;
        row.used -= 1;
        let data = json!({ "effect": effect, "used": row.used, "at_most": row.at_most });
        advance(batch, &mut row, Event::GiveBack, "executor", data).await?;
        batch
            .tx
            .change(
                approval_use::Entity::delete_many()
                    .filter(approval_use::Column::ApprovalId.eq(used.approval_id))
                    .filter(approval_use::Column::Effect.eq(used.effect)),
            )
            .await?;
        batch.set_asking(crate::store::run::parse(&row.run_id)?, true);
    }
    Ok(())
}
