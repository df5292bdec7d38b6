//! The inbox: durable messages on their way to an automation, each taken once under its dedupe key.
//!
//! An item is held by the row of its first run, also when it was left out and never ran.

use std::sync::Arc;

use intents::Timestamp;
use intents::canonical;
use intents::id::{AutomationId, ItemId, RunId, TriggerId};
use intents::label::Labels;
use intents::run::Phase;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use super::batch::{Arrival, Batch, Shared};
use super::db::Queries;
use super::payload::PayloadKey;
use super::rows::{item as row, run};
use super::writer::Command;
use super::{Error, Mode, Store, run as runs};

/// A message for an automation.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// For whom.
    pub automation: AutomationId,
    /// What sent it, unless a person did.
    pub trigger: Option<TriggerId>,
    /// A second message under the same key changes nothing.
    pub dedupe_key: String,
    /// What the script gets as its input.
    pub input: Value,
    /// Where the input came from.
    pub labels: Labels,
    /// After this it is of no use.
    pub useful_until: Option<Timestamp>,
    /// Leave it out while a run of the automation is under way.
    pub skip_if_busy: bool,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// It is stored, with a run for it.
    New {
        /// The item.
        item: ItemId,
        /// Its run.
        run: RunId,
    },
    /// It was here before.
    Known {
        /// The item.
        item: ItemId,
        /// The last run for it, unless it was left out.
        run: Option<RunId>,
    },
    /// A run of the automation is under way, and the contract says to leave this one out.
    Skipped {
        /// The item.
        item: ItemId,
    },
}

/// An inbox item as a run sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its id.
    pub id: ItemId,
    /// What the script gets.
    pub input: Value,
    /// Where the input came from.
    pub labels: Labels,
    /// After this it is of no use.
    pub useful_until: Option<Timestamp>,
    /// When it came.
    pub created_at: Timestamp,
}

impl Command for Delivery {
    type Reply = Delivered;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Delivered, Error> {
        deliver(batch, self).await
    }
}

/// Delivers, and names the run that comes of it before it can begin.
struct DeliverTelling<F>(Delivery, F);

impl<F: Fn(RunId) + Send + Sync + 'static> Command for DeliverTelling<F> {
    type Reply = Delivered;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Delivered, Error> {
        let Self(delivery, tell) = self;
        let delivered = deliver(batch, delivery).await?;
        match delivered {
            Delivered::New { run, .. } => tell(run),
            Delivered::Known { .. } | Delivered::Skipped { .. } => {}
        }
        Ok(delivered)
    }
}

/// Delivers many at once, in one commit.
struct DeliverAll(Vec<Delivery>);

impl Command for DeliverAll {
    type Reply = Vec<Delivered>;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Vec<Delivered>, Error> {
        let mut delivered = Vec::with_capacity(self.0.len());
        for delivery in &self.0 {
            delivered.push(deliver(batch, delivery).await?);
        }
        Ok(delivered)
    }
}

pub(super) async fn deliver(batch: &mut Batch<'_>, delivery: &Delivery) -> Result<Delivered, Error> {
    if let Some(place) = canonical::first_inexact(&delivery.input) {
        let reason = format!("the number at {place} is held exactly by no double; send it as a text");
        return Err(Error::Conflict { code: "NUMBER_INEXACT", reason });
    }
    let automation_id = delivery.automation.to_string();
    if let Some(known) = batch.item_by_dedupe(&automation_id, &delivery.dedupe_key).await? {
        let item = known.item()?;
        let left_out = known.phase == Phase::Skipped.as_str();
        let run = if left_out { None } else { Some(runs::last_of_item(batch, item).await?) };
        return Ok(Delivered::Known { item, run });
    }
    let automation = batch
        .automation(delivery.automation)
        .await?
        .filter(|automation| automation.mode != Mode::Removed.as_str())
        .ok_or_else(|| Error::NotFound { what: "automation", which: automation_id.clone() })?;
    let busy = delivery.skip_if_busy && is_busy(batch, &automation_id).await?;

    let env = &batch.shared.env;
    // The first run of an item and the item are one row, and have one name.
    let run = env.run_id();
    let item = ItemId::from_ulid(run.ulid());
    let key = PayloadKey::fresh(env);
    let arrival = Arrival {
        dedupe_key: delivery.dedupe_key.clone(),
        wrapped_key: key.wrapped(&batch.shared.payload, env, &item.to_string()),
        payload: key.seal_value(env, &item.to_string(), &delivery.input),
        key,
        item: Arc::new(Item {
            id: item,
            input: delivery.input.clone(),
            labels: delivery.labels.clone(),
            useful_until: delivery.useful_until,
            created_at: batch.now,
        }),
    };
    let mut model = runs::new(batch, &automation, run, if busy { Phase::Skipped } else { Phase::Queued });
    model.trigger_id = delivery.trigger.map(|trigger| trigger.to_string());
    if busy {
        model.code = Some(LEFT_OUT.to_owned());
        model.ended_at = Some(batch.now.as_millis());
        let data = json!({ "item": item.to_string(), "reason": "overlap" });
        batch.run_event("item.skipped", &model, data).await?;
        batch.make_run(run, model, Some(arrival));
        return Ok(Delivered::Skipped { item });
    }
    runs::create(batch, model, Some(arrival)).await?;
    Ok(Delivered::New { item, run })
}

/// What the row of an item says that was left out.
const LEFT_OUT: &str = "RUN_OVERLAP";

/// Whether a run of an automation is under way.
pub(super) async fn is_busy(batch: &Batch<'_>, automation: &str) -> Result<bool, Error> {
    let under_way = [Phase::Queued, Phase::Running, Phase::Waiting].map(Phase::as_str);
    if batch.changed_runs().any(|run| run.automation_id == automation && under_way.contains(&run.phase.as_str())) {
        return Ok(true);
    }
    // Those that this commit changes are over, as was just seen, whatever their rows still say.
    let found = batch
        .tx
        .one(
            run::Entity::find()
                .filter(run::Column::AutomationId.eq(automation))
                // The condition of an index, as a database recognises it.
                .filter(Expr::cust("phase IN ('queued', 'running', 'waiting')"))
                .filter(run::Column::Id.is_not_in(batch.changed_runs().map(|run| run.id.as_str()))),
        )
        .await?;
    Ok(found.is_some())
}

pub(super) fn parse_item(text: &str) -> Result<ItemId, Error> {
    text.parse().map_err(|error| Error::unreadable("item id", error))
}

/// The row that holds an item: its first run's, or the one that names it.
async fn row_of(connection: &impl Queries, item: ItemId) -> Result<row::Model, Error> {
    let own = RunId::from_ulid(item.ulid()).to_string();
    if let Some(row) = connection.one(row::Entity::find_by_id(own).filter(row::Column::ItemId.is_null())).await? {
        return Ok(row);
    }
    let named = connection
        .one(
            row::Entity::find()
                .filter(row::Column::ItemId.eq(item.to_string()))
                .filter(row::Column::DedupeKey.is_not_null()),
        )
        .await?;
    named.ok_or_else(|| Error::NotFound { what: "item", which: item.to_string() })
}

pub(super) async fn key_of(connection: &impl Queries, shared: &Shared, item: ItemId) -> Result<PayloadKey, Error> {
    unwrapped(&row_of(connection, item).await?, shared, item)
}

fn unwrapped(row: &row::Model, shared: &Shared, item: ItemId) -> Result<PayloadKey, Error> {
    let wrapped = row.wrapped_key.as_ref().ok_or(Error::Sealed { what: "item" })?;
    PayloadKey::unwrap(wrapped, &shared.payload, &item.to_string())
}

impl Store {
    /// Takes a message in. Acknowledged, it is never lost, and never taken twice.
    pub async fn deliver(&self, delivery: Delivery) -> Result<Delivered, Error> {
        self.commit(delivery).await
    }

    /// Takes a message in, and tells which run comes of it before that run can begin. What was told is void where the
    /// commit fails.
    pub async fn deliver_telling(
        &self,
        delivery: Delivery,
        tell: impl Fn(RunId) + Send + Sync + 'static,
    ) -> Result<Delivered, Error> {
        self.commit(DeliverTelling(delivery, tell)).await
    }

    /// Takes many messages in, in one commit: all or none.
    pub async fn deliver_all(&self, deliveries: Vec<Delivery>) -> Result<Vec<Delivered>, Error> {
        self.commit(DeliverAll(deliveries)).await
    }

    /// What a run is about.
    pub async fn item(&self, id: ItemId) -> Result<Item, Error> {
        let row = row_of(self.reader(), id).await?;
        let key = unwrapped(&row, self.shared(), id)?;
        let payload = row.payload.as_ref().ok_or(Error::Sealed { what: "item" })?;
        let labels = row.labels.as_ref().map(|labels| serde_json::from_str(labels)).transpose();
        Ok(Item {
            id,
            input: key.open_value("item", &id.to_string(), payload)?,
            labels: labels.map_err(|error| Error::unreadable("labels", error))?.unwrap_or_default(),
            useful_until: row.useful_until.map(Timestamp::from_millis),
            created_at: Timestamp::from_millis(row.created_at),
        })
    }
}
