//! A repair goes live, or a person is asked whether it may: its script takes the place of the failed one, and what waited
//! for it goes on, all in one commit.

use intents::id::{AutomationId, RepairId, RunId};
use intents::label::Labels;
use intents::need::Kind;
use intents::repair::State;
use intents::run::Phase;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::json;

use super::row::{automation, body, change_state, domain, set_body, state, unreadable};
use super::step::{ACTOR, add_steps, expect};
use crate::maintainer::{Candidate, Repair, RepairBody};
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::rows::{automation as automation_row, fingerprint, repair as row, repair_run, script};
use crate::store::writer::Command;
use crate::store::{Error, GoldenKind, GoldenVerdict, NewGolden, NewNeed, NewStep, Store, golden, need, notice, run};

/// Runs under a repair that are watched: a regression shows in the first ones.
const WATCH_RUNS: i64 = 3;

/// A candidate passed its trial.
#[derive(Debug, Clone, PartialEq)]
pub struct DeployRepair {
    /// The repair.
    pub repair: RepairId,
    /// The last step that is known to whoever goes on.
    pub after: i64,
    /// What the call came to that proposed it.
    pub steps: Vec<NewStep>,
    /// What goes live, unless it does something else than past runs did: then a person is asked.
    pub candidate: Candidate,
}

impl Command for DeployRepair {
    type Reply = Repair;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Repair, Error> {
        let mut row = expect(batch, self.repair, self.after).await?;
        add_steps(batch, &mut row, &self.steps).await?;
        let mut said = body(&row, &batch.shared.payload)?;
        said.candidate = Some(self.candidate.clone());
        if self.candidate.differences.is_empty() {
            deploy(batch, &mut row, &mut said, ACTOR).await?;
        } else {
            ask(batch, &mut row, &said, &self.candidate).await?;
        }
        set_body(batch, &mut row, &said)?;
        batch.tx.update(&row).await?;
        domain(row, &batch.shared.payload)
    }
}

/// Asks a person whether a candidate may go live that does something else than past runs did.
async fn ask(
    batch: &mut Batch<'_>,
    row: &mut row::Model,
    said: &RepairBody,
    candidate: &Candidate,
) -> Result<(), Error> {
    let title = title_of(batch, row).await?;
    let asked = NewNeed {
        kind: Kind::Confirm,
        dedupe_key: format!("confirm:{}", row.id),
        automation: Some(automation(row)?),
        run: Some(row.run_id.parse().map_err(unreadable)?),
        call: None,
        effect: None,
        title: format!("{title}: a repair does something else than past runs did; may it go live?"),
        evidence: json!({
            "repair": row.id, "broke": said.broke, "differences": candidate.differences, "reason": candidate.reason,
            "diff": candidate.diff, "proof": candidate.proof,
        }),
    };
    row.need_id = Some(need::open(batch, &asked).await?.to_string());
    change_state(batch, row, State::Confirming, ACTOR, json!({ "differences": candidate.differences.len() })).await
}

async fn title_of(batch: &Batch<'_>, row: &row::Model) -> Result<String, Error> {
    let found = batch.automation(automation(row)?).await?;
    Ok(found.map_or_else(|| "An automation".to_owned(), |found| found.title.clone()))
}

/// Puts the candidate of a repair in force, and lets what waited go on; the caller stores the row.
pub(super) async fn deploy(
    batch: &mut Batch<'_>,
    row: &mut row::Model,
    said: &mut RepairBody,
    by: &str,
) -> Result<(), Error> {
    let id = automation(row)?;
    let found = batch.automation(id).await?;
    let (Some(found), Some(candidate)) = (found, said.candidate.clone()) else {
        return drop_it(batch, row, said, "the automation is gone").await;
    };
    if found.script_id != row.script_id {
        return drop_it(batch, row, said, "the automation got another script meanwhile").await;
    }
    let old = batch.tx.one(script::Entity::find_by_id(&row.script_id)).await?;
    let old = old.ok_or_else(|| Error::NotFound { what: "script", which: row.script_id.clone() })?;
    let new = script::Model {
        id: batch.shared.env.script_id().to_string(),
        minor: last_minor(batch, &old).await? + 1,
        digest: candidate.digest().to_string(),
        source: candidate.source.clone(),
        adapters: Some(serde_json::to_string(&candidate.adapters).map_err(unreadable)?),
        created_at: batch.now.as_millis(),
        ..old.clone()
    };
    batch.tx.insert(&new).await?;
    // Each call site of a new script has the shape from now on that it was proven with; an adapter leaves the old one.
    if !candidate.is_adapter && !candidate.sites.is_empty() {
        let old_shapes = fingerprint::Entity::delete_many()
            .filter(fingerprint::Column::AutomationId.eq(&row.automation_id))
            .filter(fingerprint::Column::Site.is_in(&candidate.sites));
        batch.tx.change(old_shapes).await?;
        batch.fingerprints_changed(id);
    }
    put_in_force(batch, &found, &new, by, &row.id).await?;
    row.new_script_id = Some(new.id.clone());
    row.watch_left = WATCH_RUNS;
    let version = format!("{}.{}", new.major, new.minor);
    let data = json!({ "script": new.id, "script_version": version, "script_digest": new.digest });
    change_state(batch, row, State::Watching, by, data).await?;
    let resumed = resume(batch, row).await?;
    let line = line(said, &candidate, &version, row, resumed);
    said.ended = Some(line.clone());
    keep_golden(batch, row, &candidate, by).await?;
    let headline = format!("{}: repaired as version {version}", found.title);
    notice::tell(batch, Some(id), "info", &headline, &line, &Labels::new()).await
}

/// The failing run becomes a golden run, as the repair brought it to its end, and as one that must not fail again.
async fn keep_golden(batch: &mut Batch<'_>, row: &row::Model, candidate: &Candidate, by: &str) -> Result<(), Error> {
    let Some(body) = &candidate.golden else { return Ok(()) };
    for kind in [GoldenKind::Failure, GoldenKind::Repair] {
        let mut body = body.clone();
        body["must_end"] = (kind == GoldenKind::Failure).into();
        let new = NewGolden {
            automation: automation(row)?,
            run: Some(row.run_id.parse().map_err(unreadable)?),
            kind,
            body,
            checked: Some((GoldenVerdict::Verified, crate::golden::pins())),
            by: by.to_owned(),
        };
        match golden::keep(batch, &new).await {
            // What is too long to be replayed in any time is proven as it is.
            Ok(_) | Err(Error::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What a person reads in the morning: what broke, what changed, what proved it, what it cost, how to undo it.
fn line(said: &RepairBody, candidate: &Candidate, version: &str, row: &row::Model, resumed: usize) -> String {
    let runs = if resumed == 1 { "the run went on".to_owned() } else { format!("{resumed} runs went on") };
    let cost = intents::model::Cost::from_parts(row.cost);
    format!(
        "What broke: {}. What changed: {} ({}), live as {version}; {runs}. Proof: {}. Cost: {cost}. Undo: `steward repairs undo {}`.",
        said.broke,
        candidate.kind(),
        candidate.reason.trim_end_matches('.'),
        candidate.proof,
        row.id,
    )
}

/// Puts another script of the same major version in force.
pub(super) async fn put_in_force(
    batch: &mut Batch<'_>,
    found: &automation_row::Model,
    new: &script::Model,
    by: &str,
    repair: &str,
) -> Result<(), Error> {
    let id: AutomationId = found.id.parse().map_err(unreadable)?;
    let mut changed = found.clone();
    changed.script_id = new.id.clone();
    changed.updated_at = batch.now.as_millis();
    batch.tx.update(&changed).await?;
    batch.automation_changed(id);
    let data = json!({
        "automation": found.id, "script": new.id, "script_version": format!("{}.{}", new.major, new.minor),
        "script_digest": new.digest, "repair": repair,
    });
    batch.automation_event("automation.changed", id, by, data).await?;
    batch.touch_runs();
    Ok(())
}

/// A version number is never given twice, whatever was taken back.
async fn last_minor(batch: &Batch<'_>, old: &script::Model) -> Result<i64, Error> {
    let last = script::Entity::find()
        .filter(script::Column::AutomationId.eq(&old.automation_id))
        .filter(script::Column::Major.eq(old.major))
        .order_by_desc(script::Column::Minor);
    Ok(batch.tx.one(last).await?.map_or(old.minor, |last| last.minor))
}

/// Has each run that waits for a repair go on: a new run takes its item, gets back what the failed one read, and finds in
/// the ledger what it did. Says how many.
pub(super) async fn resume(batch: &mut Batch<'_>, row: &row::Model) -> Result<usize, Error> {
    let waiting = repair_run::Entity::find()
        .filter(repair_run::Column::RepairId.eq(&row.id))
        .filter(repair_run::Column::Resumed.is_null())
        .order_by_asc(repair_run::Column::RunId);
    let waiting = batch.tx.all(waiting).await?;
    let id = automation(row)?;
    let mut count = 0;
    for mut waits in waiting {
        let failed: RunId = waits.run_id.parse().map_err(unreadable)?;
        let Some(again) = again(batch, id, failed).await? else { continue };
        waits.resumed = Some(again.to_string());
        batch.tx.update(&waits).await?;
        count += 1;
    }
    Ok(count)
}

/// A new run takes the item of one that failed, unless another did already.
async fn again(batch: &mut Batch<'_>, id: AutomationId, failed: RunId) -> Result<Option<RunId>, Error> {
    let failed = batch.run(failed).await?;
    let item = failed.item()?;
    let last = run::last_of_item(batch, item).await?;
    if last.to_string() != failed.id {
        return Ok(None);
    }
    let Some(found) = batch.automation(id).await? else { return Ok(None) };
    let new = batch.shared.env.run_id();
    let mut again = run::new(batch, &found, new, Phase::Queued);
    (again.item_id, again.trigger_id) = (Some(item.to_string()), failed.trigger_id);
    run::create(batch, again, None).await?;
    Ok(Some(new))
}

/// There is nothing to repair any more.
pub(super) async fn drop_it(
    batch: &mut Batch<'_>,
    row: &mut row::Model,
    said: &mut RepairBody,
    why: &str,
) -> Result<(), Error> {
    said.ended = Some(why.to_owned());
    change_state(batch, row, State::Dropped, ACTOR, json!({ "why": why })).await?;
    // What waited goes on with the script that there is now.
    resume(batch, row).await.map(|_| ())
}

/// There is nothing to repair any more: the automation is another.
struct Drop {
    repair: RepairId,
    why: String,
}

impl Command for Drop {
    type Reply = Repair;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Repair, Error> {
        let mut row = super::row::find(batch, self.repair).await?;
        if state(&row)?.is_open() {
            let mut said = body(&row, &batch.shared.payload)?;
            drop_it(batch, &mut row, &mut said, &self.why).await?;
            set_body(batch, &mut row, &said)?;
            batch.tx.update(&row).await?;
        }
        domain(row, &batch.shared.payload)
    }
}

impl Store {
    /// Puts a candidate in force that passed its trial, or asks a person where it does something else than past runs did.
    pub async fn deploy_repair(&self, deploy: DeployRepair) -> Result<Repair, Error> {
        self.commit(deploy).await
    }

    /// Ends a repair for which there is nothing to repair any more.
    pub async fn drop_repair(&self, repair: RepairId, why: &str) -> Result<Repair, Error> {
        self.commit(Drop { repair, why: why.to_owned() }).await
    }
}
