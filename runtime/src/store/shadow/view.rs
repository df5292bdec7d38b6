//! What shadow runs would have done, as people see it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use intents::Timestamp;
use intents::id::{AutomationId, ItemId, NoteId, RunId, ShadowId};
use intents::shadow::Would;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;

use super::note::{self, Body, would_of};
use crate::store::db::Queries;
use crate::store::payload::PayloadKey;
use crate::store::rows::{run as run_row, shadow_note as row};
use crate::store::{Automation, Error, Store, inbox, run};

/// Something that a shadow run would have done.
#[derive(Debug, Clone, PartialEq)]
pub struct ShadowNote {
    /// Its id.
    pub id: NoteId,
    /// The run.
    pub run: RunId,
    /// The number of the call in that run.
    pub call: i64,
    /// The tool.
    pub tool: String,
    /// What would have become of it.
    pub would: Would,
    /// The key in words; none for a message, or when erased.
    pub key: Option<String>,
    /// What it would have been done with; none when erased.
    pub arguments: Option<Value>,
    /// The clauses that would have kept it, in plain words.
    pub clauses: Vec<String>,
    /// Until when it would have waited.
    pub until: Option<Timestamp>,
    /// How often another item asked for the same.
    pub suppressions: i64,
    /// When.
    pub at: Timestamp,
}

/// What there is in a shadow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShadowCounts {
    /// Its runs.
    pub runs: u64,
    /// Its notes, by what would have become of them.
    pub notes: BTreeMap<Would, u64>,
    /// How often another item asked for the same.
    pub suppressions: u64,
}

impl Store {
    /// The shadow that an automation is in, or the last one of which there are notes.
    pub async fn last_shadow(&self, automation: &Automation) -> Result<Option<ShadowId>, Error> {
        if automation.shadow.is_some() {
            return Ok(automation.shadow);
        }
        let last = row::Entity::find()
            .select_only()
            .column(row::Column::Shadow)
            .filter(row::Column::AutomationId.eq(automation.id.to_string()))
            .order_by_desc(row::Column::Id);
        let last: Option<String> = self.reader().tuple(last).await?;
        note::of(last.as_deref())
    }

    /// What the runs of a shadow would have done, newest first.
    pub async fn shadow_notes(
        &self,
        automation: AutomationId,
        shadow: ShadowId,
        before: Option<NoteId>,
        most: u64,
    ) -> Result<Vec<ShadowNote>, Error> {
        let mut query = notes_of(automation, shadow).order_by_desc(row::Column::Id).limit(most);
        if let Some(before) = before {
            query = query.filter(row::Column::Id.lt(before.to_string()));
        }
        let mut keys = BTreeMap::new();
        let mut notes = Vec::new();
        for row in self.reader().all(query).await? {
            let item = inbox::parse_item(&row.item_id)?;
            let key = match keys.entry(item) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(self.key_of_notes(item).await?),
            };
            notes.push(view(row, key.as_ref())?);
        }
        Ok(notes)
    }

    /// How much there is in a shadow.
    pub async fn shadow_counts(&self, automation: AutomationId, shadow: ShadowId) -> Result<ShadowCounts, Error> {
        let runs = run_row::Entity::find()
            .filter(run_row::Column::AutomationId.eq(automation.to_string()))
            .filter(run_row::Column::Shadow.eq(shadow.to_string()));
        let mut counts = ShadowCounts { runs: self.reader().count(runs).await?, ..ShadowCounts::default() };
        let notes = notes_of(automation, shadow)
            .select_only()
            .column(row::Column::Would)
            .column_as(row::Column::Id.count(), "count")
            .group_by(row::Column::Would);
        for (would, count) in self.reader().tuples::<(String, i64)>(notes).await? {
            let would = would.parse().map_err(|error| Error::unreadable("shadow note", error))?;
            counts.notes.insert(would, count.unsigned_abs());
        }
        let again = notes_of(automation, shadow)
            .select_only()
            .column(row::Column::Suppressions)
            .filter(row::Column::Suppressions.gt(0));
        counts.suppressions = self.reader().tuples::<i64>(again).await?.into_iter().map(i64::unsigned_abs).sum();
        Ok(counts)
    }

    /// The key of an item; none when it was erased.
    async fn key_of_notes(&self, item: ItemId) -> Result<Option<PayloadKey>, Error> {
        match inbox::key_of(self.reader(), self.shared(), item).await {
            Ok(key) => Ok(Some(key)),
            Err(Error::Sealed { .. } | Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn notes_of(automation: AutomationId, shadow: ShadowId) -> sea_orm::Select<row::Entity> {
    row::Entity::find()
        .filter(row::Column::AutomationId.eq(automation.to_string()))
        .filter(row::Column::Shadow.eq(shadow.to_string()))
}

fn view(row: row::Model, key: Option<&PayloadKey>) -> Result<ShadowNote, Error> {
    let would = would_of(&row)?;
    let body = match (&row.body, key) {
        (Some(sealed), Some(key)) => Some(key.open_value::<Body>("shadow note", &row.id, sealed)?),
        (None, _) | (_, None) => None,
    };
    let (key, arguments, clauses, until) = match body {
        Some(body) => (body.key, Some(body.arguments), body.clauses, body.until),
        None => (None, None, Vec::new(), None),
    };
    Ok(ShadowNote {
        id: row.id.parse().map_err(|error| Error::unreadable("shadow note", error))?,
        run: run::parse(&row.run_id)?,
        call: row.call,
        tool: row.tool,
        would,
        key,
        arguments,
        clauses,
        until,
        suppressions: row.suppressions,
        at: Timestamp::from_millis(row.at),
    })
}
