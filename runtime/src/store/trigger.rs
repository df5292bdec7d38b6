//! Triggers and their next slots.

use intents::Timestamp;
use intents::id::{AutomationId, TriggerId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::batch::Batch;
use super::db::Queries;
use super::inbox::{self, Delivered, Delivery};
use super::rows::{automation, trigger as row};
use super::writer::Command;
use super::{Error, Mode, Store};

/// A trigger as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTrigger {
    /// Its id.
    pub id: TriggerId,
    /// Whose it is.
    pub automation: AutomationId,
    /// Whether its automation works.
    pub active: bool,
    /// `schedule`, `file`, `webhook`, `event` or `manual`.
    pub kind: String,
    /// The trigger as JSON.
    pub body: String,
    /// The next slot of a schedule.
    pub next_at: Option<Timestamp>,
    /// The last slot that was looked at.
    pub last_at: Timestamp,
}

/// Fires the due slots of a schedule and moves it on, in one commit, so that no slot fires twice or not at all.
#[derive(Debug, Clone)]
pub struct Advance {
    /// The trigger.
    pub trigger: TriggerId,
    /// The last slot that the decision was taken from.
    pub expected_last: Timestamp,
    /// What to deliver.
    pub deliveries: Vec<Delivery>,
    /// Slots that are left out, as `catch_up` says: how many, and the last.
    pub missed: Option<(usize, Timestamp)>,
    /// The last slot that is now looked at.
    pub last_at: Timestamp,
    /// The next slot.
    pub next_at: Option<Timestamp>,
}

/// Many schedules are moved on in one commit.
struct AdvanceAll(Vec<Advance>);

impl Command for AdvanceAll {
    type Reply = Vec<Delivered>;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Vec<Delivered>, Error> {
        let mut delivered = Vec::new();
        for advance in &self.0 {
            let Some(mut row) = batch.tx.one(row::Entity::find_by_id(advance.trigger.to_string())).await? else {
                continue;
            };
            // Somebody else has moved it on since the decision was taken.
            if row.live == 0 || row.last_at != advance.expected_last.as_millis() {
                continue;
            }
            let automation: AutomationId =
                row.automation_id.parse().map_err(|error| Error::unreadable("automation id", error))?;
            for delivery in &advance.deliveries {
                delivered.push(inbox::deliver(batch, delivery).await?);
            }
            if let Some((count, last)) = advance.missed {
                let data = json!({ "trigger": row.id, "missed": count, "last": last.to_string() });
                batch.automation_event("schedule.missed", automation, "scheduler", data).await?;
            }
            row.last_at = advance.last_at.as_millis();
            row.next_at = advance.next_at.map(Timestamp::as_millis);
            batch.tx.update(&row).await?;
        }
        Ok(delivered)
    }
}

fn domain(row: row::Model, mode: &str) -> Result<StoredTrigger, Error> {
    Ok(StoredTrigger {
        id: row.id.parse().map_err(|error| Error::unreadable("trigger id", error))?,
        automation: row.automation_id.parse().map_err(|error| Error::unreadable("automation id", error))?,
        active: mode.parse().is_ok_and(Mode::works),
        kind: row.kind,
        body: row.body,
        next_at: row.next_at.map(Timestamp::from_millis),
        last_at: Timestamp::from_millis(row.last_at),
    })
}

impl Store {
    /// Schedules whose next slot has come, soonest first, of automations that are not removed.
    pub async fn due_triggers(&self, now: Timestamp, most: u64) -> Result<Vec<StoredTrigger>, Error> {
        let rows = self
            .reader()
            .all(
                row::Entity::find()
                    .filter(row::Column::Live.eq(1))
                    .filter(row::Column::NextAt.lte(now.as_millis()))
                    .order_by_asc(row::Column::NextAt)
                    .limit(most),
            )
            .await?;
        self.with_modes(rows).await
    }

    /// When the next schedule is due.
    pub async fn next_slot(&self) -> Result<Option<Timestamp>, Error> {
        let next: Option<Option<i64>> = self
            .reader()
            .tuple(
                row::Entity::find()
                    .select_only()
                    .column_as(row::Column::NextAt.min(), "next")
                    .filter(row::Column::Live.eq(1)),
            )
            .await?;
        Ok(next.flatten().map(Timestamp::from_millis))
    }

    /// Fires due slots and moves schedules on.
    pub async fn advance_triggers(&self, advances: Vec<Advance>) -> Result<Vec<Delivered>, Error> {
        self.commit(AdvanceAll(advances)).await
    }

    /// The live triggers of a kind, of automations that are not removed.
    pub async fn triggers(&self, kind: &str) -> Result<Vec<StoredTrigger>, Error> {
        const PAGE: u64 = 1000;
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.triggers_after(kind, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(all) };
            after = Some(last.id);
            all.extend(page);
        }
    }

    /// The live triggers of a kind after one of them, in the order of their ids.
    pub async fn triggers_after(
        &self,
        kind: &str,
        after: Option<TriggerId>,
        most: u64,
    ) -> Result<Vec<StoredTrigger>, Error> {
        let mut query = row::Entity::find()
            .filter(row::Column::Kind.eq(kind))
            .filter(row::Column::Live.eq(1))
            .order_by_asc(row::Column::Id)
            .limit(most);
        if let Some(after) = after {
            query = query.filter(row::Column::Id.gt(after.to_string()));
        }
        let rows = self.reader().all(query).await?;
        self.with_modes(rows).await
    }

    /// Adds whether each trigger's automation is active.
    async fn with_modes(&self, rows: Vec<row::Model>) -> Result<Vec<StoredTrigger>, Error> {
        let automations: std::collections::BTreeSet<_> = rows.iter().map(|row| row.automation_id.as_str()).collect();
        let modes: Vec<(String, String)> = self
            .reader()
            .tuples(
                automation::Entity::find()
                    .select_only()
                    .column(automation::Column::Id)
                    .column(automation::Column::Mode)
                    .filter(automation::Column::Id.is_in(automations)),
            )
            .await?;
        let modes: std::collections::BTreeMap<_, _> = modes.into_iter().collect();
        let mode = |row: &row::Model| modes.get(&row.automation_id).cloned().unwrap_or_default();
        rows.into_iter()
            .map(|row| {
                let mode = mode(&row);
                domain(row, &mode)
            })
            .collect()
    }

    /// The live triggers of an automation, in the order of its contract.
    pub async fn triggers_of(&self, automation: AutomationId) -> Result<Vec<StoredTrigger>, Error> {
        let rows = self
            .reader()
            .all(
                row::Entity::find()
                    .filter(row::Column::AutomationId.eq(automation.to_string()))
                    .filter(row::Column::Live.eq(1))
                    .order_by_asc(row::Column::Position),
            )
            .await?;
        rows.into_iter().map(|row| domain(row, Mode::Active.as_str())).collect()
    }
}
