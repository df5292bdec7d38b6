//! A repair begins, in the commit that ends the run which failed.

use std::time::Duration;

use intents::Timestamp;
use intents::canonical::Digest;
use intents::id::RepairId;
use intents::repair::{Admission, Earlier, Limits, State, Why, admit};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::row::{digest, unreadable};
use crate::maintainer::{NewRepair, RepairBody};
use crate::store::Error;
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::payload::PayloadKey;
use crate::store::rows::{provider, repair as row, repair_run, run, setting};
use crate::store::setting::{REPAIR_ON, REPAIRS_PER_WEEK};

/// Repairs of one automation in a week when nobody says anything.
const PER_WEEK: u32 = 5;
/// How long a failure is left alone after a repair of it did not help: what a person does about it takes as long.
const COOLDOWN: Duration = Duration::from_secs(3600);
/// Repairs of one automation that are looked at: more than may begin in a week.
const EARLIER_MAX: u64 = 200;

/// What is done about a failure of logic.
pub(in crate::store) enum Routed {
    /// The run waits for a repair.
    Repair,
    /// A person is asked.
    Ask(Why),
}

/// Begins a repair for a run that failed, or has it wait for the one that goes on.
pub(in crate::store) async fn begin(
    batch: &mut Batch<'_>,
    failed: &run::Model,
    new: &NewRepair,
) -> Result<Routed, Error> {
    let limits = limits(batch, new.per_week).await?;
    let earlier = earlier(batch, &failed.automation_id).await?;
    let repair = match admit(&new.cause, &earlier, &limits, batch.now) {
        Admission::Ask(why) => return Ok(Routed::Ask(why)),
        Admission::Join(id) => id,
        Admission::Begin => {
            let id = batch.shared.env.repair_id();
            insert(batch, id, failed, new, State::Queued, None).await?;
            id
        }
    };
    wait_for(batch, failed, repair.to_string()).await?;
    batch.repairs_changed();
    Ok(Routed::Repair)
}

/// Keeps what is known about a failure that is not repaired, with the need that asks about it: the answer may be that it is
/// to be repaired after all. The repair that did not help is the one that goes on then.
pub(in crate::store) async fn attach(
    batch: &mut Batch<'_>,
    failed: &run::Model,
    new: &NewRepair,
    taken_back: Option<&str>,
    need: &str,
    why: &str,
) -> Result<(), Error> {
    let asked = batch.tx.one(row::Entity::find().filter(row::Column::NeedId.eq(need))).await?;
    let known = match (asked, taken_back) {
        (Some(asked), _) => Some(asked),
        (None, Some(taken_back)) => batch.tx.one(row::Entity::find_by_id(taken_back)).await?,
        (None, None) => {
            let ended = [State::GivenUp, State::RolledBack, State::Undone].map(State::as_str);
            let same = row::Entity::find()
                .filter(row::Column::AutomationId.eq(&failed.automation_id))
                .filter(row::Column::Cause.eq(new.cause.as_bytes().to_vec()))
                .filter(row::Column::State.is_in(ended))
                .order_by_desc(row::Column::Id);
            batch.tx.one(same).await?
        }
    };
    let repair = match known {
        Some(mut known) => {
            known.need_id = Some(need.to_owned());
            batch.tx.update(&known).await?;
            known.id
        }
        None => {
            let id = batch.shared.env.repair_id();
            let body = RepairBody { ended: Some(why.to_owned()), ..new.body.clone() };
            let new = NewRepair { body, ..new.clone() };
            insert(batch, id, failed, &new, State::Dropped, Some(need)).await?;
            id.to_string()
        }
    };
    wait_for(batch, failed, repair).await
}

async fn wait_for(batch: &Batch<'_>, failed: &run::Model, repair_id: String) -> Result<(), Error> {
    let (run_id, created_at) = (failed.id.clone(), batch.now.as_millis());
    batch.tx.put(&repair_run::Model { run_id, repair_id, resumed: None, created_at }).await
}

async fn insert(
    batch: &mut Batch<'_>,
    id: RepairId,
    failed: &run::Model,
    new: &NewRepair,
    state: State,
    need: Option<&str>,
) -> Result<(), Error> {
    let (env, now) = (&batch.shared.env, batch.now.as_millis());
    let key = PayloadKey::fresh(env);
    let id = id.to_string();
    let model = row::Model {
        automation_id: failed.automation_id.clone(),
        state: state.as_str().to_owned(),
        cause: new.cause.as_bytes().to_vec(),
        storm: new.storm.as_bytes().to_vec(),
        run_id: failed.id.clone(),
        script_id: failed.script_id.clone(),
        new_script_id: None,
        need_id: need.map(str::to_owned),
        step: 0,
        attempt: 0,
        allowance_step: 0,
        allowance_at: now,
        watch_left: 0,
        cost: 0,
        wrapped_key: key.wrapped(&batch.shared.payload, env, &id),
        body: key.seal_value(env, &id, &new.body),
        created_at: now,
        updated_at: now,
        id,
    };
    batch.tx.insert(&model).await?;
    let data = json!({
        "repair": model.id, "code": new.body.failure.code, "cause": new.cause.to_string(), "script": model.script_id,
    });
    let kind = if state == State::Queued { "repair.queued" } else { "repair.dropped" };
    batch.run_event(kind, failed, data).await
}

async fn limits(batch: &Batch<'_>, of_contract: Option<u32>) -> Result<Limits, Error> {
    let settings = batch.tx.all(setting::Entity::find()).await?;
    let value = |name: &str| {
        let found = settings.iter().find(|setting| setting.name == name);
        found.and_then(|setting| serde_json::from_str::<serde_json::Value>(&setting.value).ok())
    };
    let per_week = value(REPAIRS_PER_WEEK).and_then(|value| u32::try_from(value.as_u64()?).ok()).unwrap_or(PER_WEEK);
    Ok(Limits {
        on: value(REPAIR_ON).and_then(|value| value.as_bool()).unwrap_or(true),
        has_model: batch.tx.count(provider::Entity::find()).await? > 0,
        per_week: of_contract.unwrap_or(per_week),
        cooldown: COOLDOWN,
    })
}

async fn earlier(batch: &Batch<'_>, automation: &str) -> Result<Vec<Earlier<RepairId>>, Error> {
    let rows: Vec<(String, String, Vec<u8>, i64, i64)> = batch
        .tx
        .tuples(
            row::Entity::find()
                .select_only()
                .column(row::Column::Id)
                .column(row::Column::State)
                .column(row::Column::Cause)
                .column(row::Column::CreatedAt)
                .column(row::Column::UpdatedAt)
                .filter(row::Column::AutomationId.eq(automation))
                .order_by_desc(row::Column::Id)
                .limit(EARLIER_MAX),
        )
        .await?;
    let earlier = |(id, state, cause, began, changed): (String, String, Vec<u8>, i64, i64)| {
        let cause: Digest = digest(&cause)?;
        Ok(Earlier {
            id: id.parse().map_err(unreadable)?,
            state: state.parse().map_err(unreadable)?,
            cause,
            began_at: Timestamp::from_millis(began),
            ended_at: Timestamp::from_millis(changed),
        })
    };
    rows.into_iter().map(earlier).collect()
}
