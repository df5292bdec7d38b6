//! Settings that the user changes while the server runs.

use std::sync::Arc;

use intents::Timestamp;
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};

use super::batch::Batch;
use super::db::Queries;
use super::event::{NewEvent, WORKSPACE_ROOM};
use super::rows::setting as row;
use super::writer::Command;
use super::{Error, Store};

/// The settings that grant folders start so: `folders.statements`.
pub const FOLDER_PREFIX: &str = "folders.";
/// The setting that names private hosts which automations may call.
pub const ALLOW_PRIVATE: &str = "egress.allow_private";

/// The setting that names the models which are asked, in order: a list of `PROVIDER/PROFILE`.
pub const MODEL_CHAIN: &str = "models.chain";
/// The setting that says what models may cost in any 24 hours, such as `5 USD`.
pub const MODEL_BUDGET_DAY: &str = "models.budget_per_day";
/// The setting that says what models may cost in any 30 days, such as `50 USD`.
pub const MODEL_BUDGET_MONTH: &str = "models.budget_per_month";
/// The setting that says what one turn of a conversation may cost, such as `1 USD`.
pub const MODEL_BUDGET_TURN: &str = "models.budget_per_turn";

/// The setting that says whether failures are repaired at all.
pub const REPAIR_ON: &str = "repair.on";
/// The setting that says how often one automation may be repaired in seven days, where its contract does not say so.
pub const REPAIRS_PER_WEEK: &str = "repair.per_week";
/// The setting that says what the repair of one failure may cost, such as `0.50 USD`.
pub const REPAIR_BUDGET_FAILURE: &str = "repair.budget_per_failure";
/// The setting that says what all repairs may cost in any 24 hours, such as `2 USD`.
pub const REPAIR_BUDGET_DAY: &str = "repair.budget_per_day";
/// The settings that say how the user is told start so: `notifications.mail_to`.
pub const NOTIFICATIONS_PREFIX: &str = "notifications.";

/// One setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Its name, dotted: `folders.statements`.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// When it was set.
    pub updated_at: Timestamp,
}

struct Set {
    name: String,
    value: Option<Value>,
    by: String,
}

impl Command for Set {
    type Reply = ();

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        match &self.value {
            Some(value) => {
                let model =
                    row::Model { name: self.name.clone(), value: value.to_string(), updated_at: batch.now.as_millis() };
                batch.tx.put(&model).await?;
            }
            None => {
                let removed = batch.tx.change(row::Entity::delete_by_id(self.name.clone())).await?;
                if removed == 0 {
                    return Err(Error::NotFound { what: "setting", which: self.name.clone() });
                }
            }
        }
        batch.settings_changed();
        let kind = if self.value.is_some() { "setting.changed" } else { "setting.removed" };
        let data = json!({ "setting": self.name });
        let room = WORKSPACE_ROOM;
        batch.touch_timers();
        batch.event(NewEvent { room, kind, actor: self.by.clone(), run: None, cause: None, data }).await
    }
}

impl Store {
    /// Sets a setting.
    pub async fn set_setting(&self, name: &str, value: Value, by: &str) -> Result<(), Error> {
        self.commit(Set { name: name.to_owned(), value: Some(value), by: by.to_owned() }).await
    }

    /// Removes a setting.
    pub async fn remove_setting(&self, name: &str, by: &str) -> Result<(), Error> {
        self.commit(Set { name: name.to_owned(), value: None, by: by.to_owned() }).await
    }

    /// All settings, by name.
    pub async fn settings(&self) -> Result<Arc<Vec<Setting>>, Error> {
        let since = match self.shared().settings.get(&()) {
            Ok(settings) => return Ok(settings),
            Err(since) => since,
        };
        let rows = self.reader().all(row::Entity::find().order_by_asc(row::Column::Name)).await?;
        let settings: Result<Vec<_>, Error> = rows
            .into_iter()
            .map(|row| {
                Ok(Setting {
                    value: serde_json::from_str(&row.value).map_err(|error| Error::unreadable("setting", error))?,
                    name: row.name,
                    updated_at: Timestamp::from_millis(row.updated_at),
                })
            })
            .collect();
        let settings = Arc::new(settings?);
        self.shared().settings.keep((), Arc::clone(&settings), since);
        Ok(settings)
    }
}
