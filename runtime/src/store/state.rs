//! The small memory of an automation: written when a run succeeds, by compare-and-set per place.

use intents::id::AutomationId;
use intents::label::Labels;
use sea_orm::EntityTrait;
use serde_json::Value;

use super::batch::Batch;
use super::db::Queries;
use super::rows::state as row;
use super::{Error, Store, label};

/// A value with its version; version 0 is nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Versioned {
    /// The value.
    pub value: Option<Value>,
    /// Counts the changes of this place.
    pub version: u64,
    /// Where the value came from: everything that the run which wrote it had read.
    pub labels: Labels,
}

/// One place that a run changes.
#[derive(Debug, Clone, PartialEq)]
pub struct StateWrite {
    /// The place.
    pub name: String,
    /// The new value, or its removal; none when the run only relied on what is there.
    pub value: Option<Option<Value>>,
    /// The version that the run saw, if it looked.
    pub seen: Option<u64>,
}

fn place(automation: &str, name: &str) -> String {
    format!("{automation}/{name}")
}

/// Takes the changes of a run, unless another has changed what it saw.
pub(super) async fn write(
    batch: &Batch<'_>,
    automation: AutomationId,
    writes: &[StateWrite],
    labels: &Labels,
) -> Result<bool, Error> {
    let automation = automation.to_string();
    let mut changes = Vec::new();
    for write in writes {
        let known = batch.tx.one(row::Entity::find_by_id((automation.clone(), write.name.clone()))).await?;
        let version = known.map_or(0, |row| row.version);
        if write.seen.is_some_and(|seen| seen != version.unsigned_abs()) {
            return Ok(false);
        }
        let Some(value) = &write.value else { continue };
        let sealed = value
            .as_ref()
            .map(|value| batch.shared.payload.seal_value(&batch.shared.env, &place(&automation, &write.name), value));
        changes.push(row::Model {
            automation_id: automation.clone(),
            name: write.name.clone(),
            value: sealed,
            version: version + 1,
            updated_at: batch.now.as_millis(),
            labels: Some(label::written(labels)),
        });
    }
    for change in changes {
        batch.tx.put(&change).await?;
    }
    Ok(true)
}

impl Store {
    /// One place of an automation's memory.
    pub async fn state(&self, automation: AutomationId, name: &str) -> Result<Versioned, Error> {
        let automation = automation.to_string();
        let Some(row) = self.reader().one(row::Entity::find_by_id((automation.clone(), name.to_owned()))).await? else {
            return Ok(Versioned::default());
        };
        let open = |sealed: &Vec<u8>| self.shared().payload.open_value("state", &place(&automation, name), sealed);
        Ok(Versioned {
            value: row.value.as_ref().map(open).transpose()?,
            version: row.version.unsigned_abs(),
            labels: label::read(row.labels.as_deref())?,
        })
    }
}
