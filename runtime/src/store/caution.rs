//! Cautions: for which automations the ledger may have forgotten something, since they were restored from a backup.

use std::collections::BTreeMap;

use intents::Timestamp;
use intents::effect::Gap;
use intents::id::AutomationId;
use sea_orm::EntityTrait;
use serde_json::json;

use super::batch::Batch;
use super::db::Queries;
use super::rows::caution as row;
use super::writer::Command;
use super::{Error, Store};

pub(super) fn gap_of(row: &row::Model) -> Gap {
    Gap { from: Timestamp::from_millis(row.from_at), until: Timestamp::from_millis(row.until_at) }
}

/// All cautions.
pub(super) async fn all(db: &impl Queries) -> Result<BTreeMap<AutomationId, Gap>, Error> {
    let rows = db.all(row::Entity::find()).await?;
    let parsed = rows.iter().map(|row| {
        let id = row.automation_id.parse().map_err(|error| Error::unreadable("automation id", error))?;
        Ok((id, gap_of(row)))
    });
    parsed.collect()
}

/// From now on, what the ledger does not know under an automation's keys did not happen.
struct Trust {
    automation: AutomationId,
    by: String,
}

impl Command for Trust {
    type Reply = bool;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<bool, Error> {
        if batch.tx.change(row::Entity::delete_by_id(self.automation.to_string())).await? == 0 {
            return Ok(false);
        }
        batch.set_caution(self.automation, None);
        let data = json!({ "automation": self.automation.to_string() });
        batch.automation_event("automation.trusted", self.automation, &self.by, data).await?;
        Ok(true)
    }
}

impl Store {
    /// Takes a person's word that nothing of an automation is missing in the ledger. Says whether there was a doubt.
    pub async fn trust(&self, automation: AutomationId, by: &str) -> Result<bool, Error> {
        self.commit(Trust { automation, by: by.to_owned() }).await
    }

    /// For which automations the ledger may have forgotten something, and of which time.
    pub async fn cautions(&self) -> Result<BTreeMap<AutomationId, Gap>, Error> {
        all(self.reader()).await
    }
}
