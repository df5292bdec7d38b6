//! The stop of everything: acknowledged, no effect starts any more until it is lifted.

use serde_json::json;

use super::batch::Batch;
use super::event::{NewEvent, WORKSPACE_ROOM};
use super::open::STOPPED_SETTING;
use super::rows::setting;
use super::writer::Command;
use super::{Error, Store};

struct StopAll {
    stopped: bool,
    by: String,
}

impl Command for StopAll {
    type Reply = ();
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let model = setting::Model {
            name: STOPPED_SETTING.to_owned(),
            value: self.stopped.to_string(),
            updated_at: batch.now.as_millis(),
        };
        batch.tx.put(&model).await?;
        batch.settings_changed();
        batch.set_stopped(None, self.stopped);
        batch.touch_runs();
        let kind = if self.stopped { "steward.stopped" } else { "steward.resumed" };
        let room = WORKSPACE_ROOM;
        batch.event(NewEvent { room, kind, actor: self.by.clone(), run: None, cause: None, data: json!({}) }).await
    }
}

impl Store {
    /// Stops everything, or lifts the stop.
    pub async fn stop_all(&self, stopped: bool, by: &str) -> Result<(), Error> {
        self.commit(StopAll { stopped, by: by.to_owned() }).await
    }

    /// Whether everything is stopped.
    pub async fn all_stopped(&self) -> Result<bool, Error> {
        Ok(self.shared().is_all_stopped())
    }
}
