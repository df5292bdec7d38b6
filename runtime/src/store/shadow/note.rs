//! A row of what a shadow run would have done, and what it is called.

use intents::canonical::Digest;
use intents::effect::{Claim, Key, Prior, State};
use intents::id::{AutomationId, ShadowId};
use intents::outcome::Outcome;
use intents::tool::Name;
use intents::{Timestamp, shadow};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::foresee::NoteSubject;
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::rows::{automation, shadow_note as row};
use crate::store::{Error, Mode, inbox, run};

/// What a note says, sealed with the content of its item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Body {
    /// The key in words; none for a message.
    pub(super) key: Option<String>,
    /// What it would have been done with.
    pub(super) arguments: Value,
    /// What the script was given.
    pub(super) outcome: Option<Outcome>,
    /// The clauses that would have kept it, in plain words.
    pub(super) clauses: Vec<String>,
    /// Until when it would have waited.
    pub(super) until: Option<Timestamp>,
}

/// The shadow that a row names.
pub(in crate::store) fn of(text: Option<&str>) -> Result<Option<ShadowId>, Error> {
    text.map(|text| text.parse().map_err(|error| Error::unreadable("shadow", error))).transpose()
}

pub(super) fn would_of(row: &row::Model) -> Result<shadow::Would, Error> {
    row.would.parse().map_err(|error| Error::unreadable("shadow note", error))
}

/// What a note is called under which an effect counts as done, in its shadow. Keyed, as the ledger is.
pub(super) fn identity(batch: &Batch<'_>, shadow: ShadowId, claim: &Claim, tool: &Name, what: &NoteSubject) -> Digest {
    let shadow = shadow.to_string();
    let plain = match what {
        NoteSubject::Key(key) => Digest::of_parts(
            "steward shadow effect 1",
            &[shadow.as_bytes(), tool.as_str().as_bytes(), key.canonical().as_bytes()],
        ),
        NoteSubject::Message(digest) => {
            Digest::of_parts("steward shadow message 1", &[shadow.as_bytes(), digest.as_bytes()])
        }
        NoteSubject::Call { generation } => Digest::of_parts(
            "steward shadow call 1",
            &[
                shadow.as_bytes(),
                claim.run.to_string().as_bytes(),
                &generation.to_be_bytes(),
                &claim.call.to_be_bytes(),
            ],
        ),
    };
    Digest::from_bytes(*blake3::keyed_hash(&batch.shared.keys.ledger, plain.as_bytes()).as_bytes())
}

/// A note as the decision on a key sees it: in its shadow it was done.
pub(super) fn prior(row: &row::Model) -> Result<Prior, Error> {
    let at = Timestamp::from_millis(row.at);
    Ok(Prior {
        state: State::Applied,
        claim: Claim {
            run: run::parse(&row.run_id)?,
            call: u32::try_from(row.call).map_err(|error| Error::unreadable("shadow note", error))?,
            item: inbox::parse_item(&row.item_id)?,
            arguments: row.arguments.parse().map_err(|error| Error::unreadable("shadow note", error))?,
        },
        started_at: at,
        settled_at: Some(at),
    })
}

/// Takes the content of some notes away.
pub(in crate::store) async fn empty_notes(batch: &Batch<'_>, which: Expr) -> Result<u64, Error> {
    let emptied = row::Entity::update_many()
        .col_expr(row::Column::Body, Expr::value(Option::<Vec<u8>>::None))
        .filter(which)
        .filter(row::Column::Body.is_not_null());
    batch.tx.change(emptied).await
}

/// The notes of an automation under one key, in all of its shadows.
pub(in crate::store) async fn notes_under(
    batch: &Batch<'_>,
    automation: AutomationId,
    tool: &Name,
    key: &Key,
) -> Result<Vec<row::Model>, Error> {
    let shadows = row::Entity::find()
        .select_only()
        .column(row::Column::Shadow)
        .distinct()
        .filter(row::Column::AutomationId.eq(automation.to_string()));
    let mut found = Vec::new();
    for shadow in batch.tx.tuples::<String>(shadows).await? {
        let shadow: ShadowId = shadow.parse().map_err(|error| Error::unreadable("shadow", error))?;
        // The claim names calls, not keys.
        let nobody = Claim {
            run: intents::id::RunId::ZERO,
            call: 0,
            item: intents::id::ItemId::ZERO,
            arguments: Digest::of(b""),
        };
        let identity = identity(batch, shadow, &nobody, tool, &NoteSubject::Key(key.clone()));
        found.extend(batch.tx.one(row::Entity::find_by_id(identity.as_bytes().to_vec())).await?);
    }
    Ok(found)
}

/// Removes notes from before a time, of shadows that are over.
pub(in crate::store) async fn sweep(batch: &Batch<'_>, before: i64) -> Result<u64, Error> {
    let current = Query::select()
        .column(automation::Column::Shadow)
        .from(automation::Entity)
        .and_where(automation::Column::Shadow.is_not_null())
        .and_where(automation::Column::Mode.ne(Mode::Removed.as_str()))
        .to_owned();
    let old = row::Entity::delete_many()
        .filter(row::Column::At.lt(before))
        .filter(row::Column::Shadow.not_in_subquery(current));
    batch.tx.change(old).await
}
