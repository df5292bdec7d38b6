//! Looking repairs up.

use intents::Timestamp;
use intents::id::{AutomationId, RepairId, RunId};
use intents::model::{Cost, Tokens};
use intents::repair::State;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::row::{digest, domain, key_of, place, unreadable};
use crate::chat::StepRow;
use crate::maintainer::Repair;
use crate::store::db::Queries;
use crate::store::rows::{repair as row, repair_run, repair_step, script};
use crate::store::{Error, Run, Store};

/// Steps of a repair that are read: more than its bounds allow.
const STEPS_MAX: u64 = 1_000;
/// Repairs that are looked at when the next one is chosen.
const LOOK_MAX: u64 = 10_000;
/// How far back those that were given up matter.
const LOOK_BACK: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// A repair as the maintainer chooses among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its id.
    pub id: RepairId,
    /// Where it stands.
    pub state: State,
    /// What it shares with failures of other automations.
    pub storm: intents::canonical::Digest,
    /// When it changed last.
    pub updated_at: Timestamp,
}

impl Store {
    /// One repair.
    pub async fn repair(&self, id: RepairId) -> Result<Repair, Error> {
        let found = self.reader().one(row::Entity::find_by_id(id.to_string())).await?;
        let row = found.ok_or_else(|| Error::NotFound { what: "repair", which: id.to_string() })?;
        domain(row, &self.shared().payload)
    }

    /// Repairs, newest first; of one automation, when asked so.
    pub async fn repairs(
        &self,
        automation: Option<AutomationId>,
        before: Option<RepairId>,
        most: u64,
    ) -> Result<Vec<Repair>, Error> {
        let mut query = row::Entity::find().order_by_desc(row::Column::Id).limit(most);
        if let Some(automation) = automation {
            query = query.filter(row::Column::AutomationId.eq(automation.to_string()));
        }
        if let Some(before) = before {
            query = query.filter(row::Column::Id.lt(before.to_string()));
        }
        let rows = self.reader().all(query).await?;
        rows.into_iter().map(|row| domain(row, &self.shared().payload)).collect()
    }

    /// The steps of a repair, oldest first.
    pub async fn repair_steps(&self, id: RepairId) -> Result<Vec<StepRow>, Error> {
        let found = self.reader().one(row::Entity::find_by_id(id.to_string())).await?;
        let row = found.ok_or_else(|| Error::NotFound { what: "repair", which: id.to_string() })?;
        let key = key_of(&row, &self.shared().payload)?;
        let query = repair_step::Entity::find()
            .filter(repair_step::Column::RepairId.eq(&row.id))
            .order_by_asc(repair_step::Column::Step)
            .limit(STEPS_MAX);
        let rows = self.reader().all(query).await?;
        let steps = rows.into_iter().map(|step| {
            Ok(StepRow {
                number: step.step,
                step: key.open_value("step", &place(&row.id, step.step), &step.body)?,
                cost: Cost::from_parts(step.cost),
                tokens: Tokens { input: step.tokens_in.unsigned_abs(), output: step.tokens_out.unsigned_abs() },
            })
        });
        steps.collect()
    }

    /// The runs of a repair: each that failed, with the one that went on for it.
    pub async fn runs_of_repair(&self, id: RepairId) -> Result<Vec<(RunId, Option<RunId>)>, Error> {
        let query = repair_run::Entity::find()
            .filter(repair_run::Column::RepairId.eq(id.to_string()))
            .order_by_asc(repair_run::Column::RunId)
            .limit(LOOK_MAX);
        let rows = self.reader().all(query).await?;
        let runs = rows.into_iter().map(|row| {
            let resumed = row.resumed.as_deref().map(str::parse).transpose().map_err(unreadable)?;
            Ok((row.run_id.parse().map_err(unreadable)?, resumed))
        });
        runs.collect()
    }

    /// The failed run in whose place a run goes on under the script that repaired it. One that only begins again, since a
    /// person said so, reads everything anew.
    pub async fn resumed_from(&self, run: &Run) -> Result<Option<RunId>, Error> {
        let query = repair_run::Entity::find().filter(repair_run::Column::Resumed.eq(run.id.to_string()));
        let Some(found) = self.reader().one(query).await? else { return Ok(None) };
        let repaired = row::Entity::find()
            .select_only()
            .column(row::Column::NewScriptId)
            .filter(row::Column::Id.eq(&found.repair_id));
        let script: Option<Option<String>> = self.reader().tuple(repaired).await?;
        let same = script.flatten().is_some_and(|script| script == run.script.to_string());
        same.then(|| found.run_id.parse().map_err(unreadable)).transpose()
    }

    /// The repairs among which the maintainer chooses: open ones, and those that were given up lately; oldest first.
    pub async fn repair_choices(&self) -> Result<Vec<Choice>, Error> {
        let since = (self.shared().env.now() - LOOK_BACK).as_millis();
        let open = [State::Queued, State::Working, State::Confirming].map(State::as_str);
        let given_up = row::Column::State.eq(State::GivenUp.as_str()).and(row::Column::UpdatedAt.gte(since));
        let query = row::Entity::find()
            .select_only()
            .column(row::Column::Id)
            .column(row::Column::State)
            .column(row::Column::Storm)
            .column(row::Column::UpdatedAt)
            .filter(row::Column::State.is_in(open).or(given_up))
            .order_by_asc(row::Column::Id)
            .limit(LOOK_MAX);
        let rows: Vec<(String, String, Vec<u8>, i64)> = self.reader().tuples(query).await?;
        let choice = |(id, state, storm, at): (String, String, Vec<u8>, i64)| {
            Ok(Choice {
                id: id.parse().map_err(unreadable)?,
                state: state.parse().map_err(unreadable)?,
                storm: digest(&storm)?,
                updated_at: Timestamp::from_millis(at),
            })
        };
        rows.into_iter().map(choice).collect()
    }

    /// What the steps of repairs since a time have cost.
    pub async fn repairs_cost_since(&self, since: Timestamp) -> Result<Cost, Error> {
        let query = repair_step::Entity::find()
            .select_only()
            .column(repair_step::Column::Cost)
            .filter(repair_step::Column::CreatedAt.gte(since.as_millis()))
            .filter(repair_step::Column::Cost.gt(0));
        let costs: Vec<i64> = self.reader().tuples(query).await?;
        Ok(costs.into_iter().map(Cost::from_parts).fold(Cost::ZERO, Cost::plus))
    }

    /// A live repair of another automation with the same storm, whose adapter may help here, too.
    pub async fn sibling_repair(&self, repair: &Repair) -> Result<Option<Repair>, Error> {
        let query = row::Entity::find()
            .filter(row::Column::Storm.eq(repair.storm.as_bytes().to_vec()))
            .filter(row::Column::AutomationId.ne(repair.automation.to_string()))
            .filter(row::Column::State.is_in([State::Watching, State::Kept].map(State::as_str)))
            .order_by_desc(row::Column::Id)
            .limit(1);
        let found = self.reader().one(query).await?;
        found.map(|row| domain(row, &self.shared().payload)).transpose()
    }

    /// The version of a script, as people write it.
    pub async fn script_version(&self, id: intents::id::ScriptId) -> Result<String, Error> {
        let found = self.reader().one(script::Entity::find_by_id(id.to_string())).await?;
        let row = found.ok_or_else(|| Error::NotFound { what: "script", which: id.to_string() })?;
        Ok(format!("{}.{}", row.major, row.minor))
    }
}
