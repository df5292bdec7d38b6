//! The first change of a store that was restored from a backup.

use intents::Timestamp;
use intents::effect::Gap;
use intents::id::AutomationId;
use intents::need::Kind;
use intents::run::Phase;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::json;

use super::batch::Batch;
use super::db::Queries;
use super::event::{NewEvent, WORKSPACE_ROOM};
use super::need::{self, NewNeed};
use super::rows::{automation, caution, run};
use super::writer::Command;
use super::{Error, Mode, Store};

/// What a store was restored from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The backup.
    pub backup: String,
    /// When it was taken: what happened later is lost.
    pub taken_at: Timestamp,
    /// The position of the last event that it holds.
    pub position: i64,
}

/// What the restore did beside bringing back what was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AfterRestore {
    /// The names of the automations that were active and are paused now.
    pub paused: Vec<String>,
    /// Runs that were under way.
    pub under_way: u64,
}

impl Command for Restored {
    type Reply = AfterRestore;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<AfterRestore, Error> {
        let automations = batch.tx.all(automation::Entity::find().order_by_asc(automation::Column::Name)).await?;
        let under_way = [Phase::Queued, Phase::Running, Phase::Waiting].map(Phase::as_str);
        let under_way = batch.tx.count(run::Entity::find().filter(run::Column::Phase.is_in(under_way))).await?;
        let mut paused = Vec::new();
        for mut automation in automations {
            let id = automation.id.parse().map_err(|error| Error::unreadable("automation id", error))?;
            self.doubt(batch, id).await?;
            if !automation.works() {
                continue;
            }
            let from = automation.mode;
            automation.mode = Mode::Paused.as_str().to_owned();
            automation.updated_at = batch.now.as_millis();
            paused.push(automation.name.clone());
            batch.tx.update(&automation).await?;
            batch.automation_changed(id);
            let data = json!({ "automation": id.to_string(), "from": from, "to": "paused", "reason": "restored" });
            batch.automation_event("automation.paused", id, "steward", data).await?;
        }
        self.tell(batch, &paused, under_way).await?;
        batch.touch_runs();
        batch.touch_timers();
        Ok(AfterRestore { paused, under_way })
    }
}

impl Restored {
    /// What the ledger does not know of an automation may have happened between the backup and now. A doubt from an
    /// earlier restore reaches further back.
    async fn doubt(&self, batch: &mut Batch<'_>, automation: AutomationId) -> Result<(), Error> {
        let earlier = batch.caution(automation).map_or(self.taken_at, |gap| gap.from);
        let gap = Gap { from: earlier.min(self.taken_at), until: batch.now };
        let model = caution::Model {
            automation_id: automation.to_string(),
            from_at: gap.from.as_millis(),
            until_at: gap.until.as_millis(),
        };
        batch.tx.put(&model).await?;
        batch.set_caution(automation, Some(gap));
        Ok(())
    }

    /// Says in the record, and to the person, what is lost and what to do.
    async fn tell(&self, batch: &mut Batch<'_>, paused: &[String], under_way: u64) -> Result<(), Error> {
        let data = json!({
            "backup": self.backup, "taken_at": self.taken_at.to_string(), "position": self.position,
            "restored_at": batch.now.to_string(), "paused": paused.len(), "runs_under_way": under_way,
            "lost": "everything after the backup",
        });
        let (room, kind) = (WORKSPACE_ROOM, "system.restored");
        batch.event(NewEvent { room, kind, actor: "steward".to_owned(), run: None, cause: None, data }).await?;
        let need = NewNeed {
            kind: Kind::Internal,
            dedupe_key: format!("restored:{}", batch.now.as_millis()),
            automation: None,
            run: None,
            call: None,
            effect: None,
            title: format!(
                "Steward was restored from a backup of {}: what happened after it is lost, and everything is paused",
                self.taken_at
            ),
            evidence: json!({
                "backup": self.backup, "taken_at": self.taken_at.to_string(), "paused": paused,
                "runs_under_way": under_way,
                "what_to_do": "look at each automation and resume it; before an effect that Steward does not know, it \
                               asks the service, or you; `steward automations trust NAME` ends that",
            }),
        };
        need::open(batch, &need).await.map(|_| ())
    }
}

impl Store {
    /// Pauses everything after a restore, and remembers of which time the ledger knows nothing.
    pub async fn restored(&self, restored: Restored) -> Result<AfterRestore, Error> {
        self.commit(restored).await
    }
}
