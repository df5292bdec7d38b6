//! The inbox: durable messages on their way to an automation, each taken once under its dedupe key.

use intents::Timestamp;
use intents::canonical;
use intents::id::{AutomationId, ItemId, RunId, TriggerId};
use intents::label::Labels;
use intents::run::Phase;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use super::batch::{Batch, Shared};
use super::payload::PayloadKey;
use super::rows::{automation, item as row, run};
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
        let item = parse_item(&known.id)?;
        return Ok(Delivered::Known { item, run: runs::last_of_item(batch, item).await? });
    }
    let automation = automation::Entity::find_by_id(&automation_id).one(batch.tx).await?;
    let automation = automation
        .filter(|automation| automation.mode != Mode::Removed.as_str())
        .ok_or_else(|| Error::NotFound { what: "automation", which: automation_id.clone() })?;
    let busy = delivery.skip_if_busy && is_busy(batch, &automation_id).await?;

    let env = &batch.shared.env;
    let item = env.item_id();
    let key = PayloadKey::fresh(env);
    let model = row::Model {
        id: item.to_string(),
        automation_id: automation_id.clone(),
        trigger_id: delivery.trigger.map(|trigger| trigger.to_string()),
        dedupe_key: delivery.dedupe_key.clone(),
        payload: Some(key.seal_value(env, &item.to_string(), &delivery.input)),
        wrapped_key: Some(key.wrapped(&batch.shared.payload, env, &item.to_string())),
        labels: serde_json::to_string(&delivery.labels).expect("labels are texts"),
        useful_until: delivery.useful_until.map(Timestamp::as_millis),
        created_at: batch.now.as_millis(),
    };
    batch.add_item(model, item, key);
    if busy {
        let data = json!({ "item": item.to_string(), "reason": "overlap" });
        batch.automation_event("item.skipped", delivery.automation, "router", data).await?;
        return Ok(Delivered::Skipped { item });
    }
    let run = runs::create(batch, &automation, item).await?;
    Ok(Delivered::New { item, run })
}

async fn is_busy(batch: &Batch<'_>, automation: &str) -> Result<bool, Error> {
    let under_way = [Phase::Queued, Phase::Running, Phase::Waiting].map(Phase::as_str);
    if batch.changed_runs().any(|run| run.automation_id == automation && under_way.contains(&run.phase.as_str())) {
        return Ok(true);
    }
    // Those that this commit changes are over, as was just seen, whatever their rows still say.
    let found = run::Entity::find()
        .filter(run::Column::AutomationId.eq(automation))
        .filter(run::Column::Phase.is_in(under_way))
        .filter(run::Column::Id.is_not_in(batch.changed_runs().map(|run| run.id.as_str())))
        .one(batch.tx)
        .await?;
    Ok(found.is_some())
}

pub(super) fn parse_item(text: &str) -> Result<ItemId, Error> {
    text.parse().map_err(|error| Error::unreadable("item id", error))
}

pub(super) async fn key_of<C: ConnectionTrait>(
    connection: &C,
    shared: &Shared,
    item: ItemId,
) -> Result<PayloadKey, Error> {
    let row = row::Entity::find_by_id(item.to_string()).one(connection).await?;
    let row = row.ok_or_else(|| Error::NotFound { what: "item", which: item.to_string() })?;
    unwrapped(&row, shared)
}

fn unwrapped(row: &row::Model, shared: &Shared) -> Result<PayloadKey, Error> {
    let wrapped = row.wrapped_key.as_ref().ok_or(Error::Sealed { what: "item" })?;
    PayloadKey::unwrap(wrapped, &shared.payload, &row.id)
}

impl Store {
    /// Takes a message in. Acknowledged, it is never lost, and never taken twice.
    pub async fn deliver(&self, delivery: Delivery) -> Result<Delivered, Error> {
        self.commit(delivery).await
    }

    /// Takes many messages in, in one commit: all or none.
    pub async fn deliver_all(&self, deliveries: Vec<Delivery>) -> Result<Vec<Delivered>, Error> {
        self.commit(DeliverAll(deliveries)).await
    }

    /// What a run is about.
    pub async fn item(&self, id: ItemId) -> Result<Item, Error> {
        let row = row::Entity::find_by_id(id.to_string()).one(self.reader()).await?;
        let row = row.ok_or_else(|| Error::NotFound { what: "item", which: id.to_string() })?;
        let key = unwrapped(&row, self.shared())?;
        let payload = row.payload.as_ref().ok_or(Error::Sealed { what: "item" })?;
        Ok(Item {
            id,
            input: key.open_value("item", &row.id, payload)?,
            labels: serde_json::from_str(&row.labels).map_err(|error| Error::unreadable("labels", error))?,
            useful_until: row.useful_until.map(Timestamp::from_millis),
            created_at: Timestamp::from_millis(row.created_at),
        })
    }
}
