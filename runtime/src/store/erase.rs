//! Erasure: the content of runs goes with its key; what is left are ids, states, digests, and that it was erased.

use intents::canonical::Digest;
use intents::effect::Key;
use intents::id::{AutomationId, RunId};
use intents::run::Phase;
use intents::tool::Name;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::batch::Batch;
use super::db::Queries;
use super::need::erased_body;
use super::rows::{effect, need, notice, run, segment, shadow_note, signal, state, whole_run};
use super::writer::Command;
use super::{Error, NeedStatus, Store, artifact, golden, ledger, model_call, repair, shadow};

/// Runs whose content goes in one commit: short enough that nobody waits for it.
const RUNS_MAX: u64 = 100;

/// What is to be erased.
#[derive(Debug, Clone, PartialEq)]
pub enum Erasure {
    /// One item: the run, and all further runs of what it is about.
    Run(RunId),
    /// Every run of an automation that is over, and what the automation remembers.
    Automation(AutomationId),
    /// What is known under one effect key, and the item that it was done for.
    Key {
        /// Whose effect it is.
        automation: AutomationId,
        /// The tool.
        tool: Name,
        /// The key.
        key: Key,
    },
}

/// What was erased. A second time there is nothing left to erase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Runs whose input and journal are gone.
    pub runs: u64,
    /// Effects whose key in words and outcome are gone, those of shadow runs among them. That they happened stays known.
    pub effects: u64,
    /// Needs whose words are gone. One that is open stays, and can be answered.
    pub needs: u64,
    /// Notices and emitted events that are gone.
    pub messages: u64,
    /// What engines outside have made and left.
    pub artifacts: u64,
    /// Values that an automation remembered.
    pub values: u64,
    /// Runs that are not over: they keep what they have, until they are stopped and erased.
    pub under_way: u64,
}

/// Erases some runs of an automation, or all of one item.
struct EraseRuns {
    which: Which,
    by: String,
}

enum Which {
    ItemOf(RunId),
    Some(AutomationId),
}

const UNDER_WAY: [Phase; 3] = [Phase::Queued, Phase::Running, Phase::Waiting];

/// The runs that still have something to erase.
fn with_content() -> Expr {
    whole_run::Column::WrappedKey
        .is_not_null()
        .or(whole_run::Column::Payload.is_not_null())
        .or(whole_run::Column::Tail.is_not_null())
        .or(whole_run::Column::Segments.ne(0))
}

impl EraseRuns {
    /// The runs whose content goes, and how many are not over.
    async fn chosen(&self, batch: &Batch<'_>) -> Result<(Vec<run::Model>, u64), Error> {
        let runs = match &self.which {
            Which::ItemOf(run) => {
                let item = batch.run(*run).await?.item()?;
                let first = RunId::from_ulid(item.ulid()).to_string();
                let of_item = run::Column::ItemId.eq(item.to_string()).or(run::Column::Id.eq(first));
                let of_item = of_item.or(run::Column::Id.eq(run.to_string()));
                batch.tx.all(run::Entity::find().filter(of_item)).await?
            }
            Which::Some(automation) => {
                let mine = run::Entity::find()
                    .filter(run::Column::AutomationId.eq(automation.to_string()))
                    .filter(run::Column::Phase.is_not_in(UNDER_WAY.map(Phase::as_str)))
                    .filter(with_content())
                    .order_by_asc(run::Column::Id)
                    .limit(RUNS_MAX);
                batch.tx.all(mine).await?
            }
        };
        let mut over = Vec::with_capacity(runs.len());
        let mut under_way = 0;
        for run in runs {
            // What this commit did to a run is not in its row yet.
            let run = batch.run(super::run::parse(&run.id)?).await?;
            let phase: Phase = run.phase.parse().map_err(|error| Error::unreadable("phase", error))?;
            if phase.is_over() { over.push(run) } else { under_way += 1 }
        }
        // One content under one key: as long as a run of the item needs it, all of it stays.
        if matches!(self.which, Which::ItemOf(_)) && under_way > 0 {
            over.clear();
        }
        Ok((over, under_way))
    }
}

impl Command for EraseRuns {
    /// What was erased, and the files that nobody can open any more.
    type Reply = (Erased, Vec<Digest>);
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(Erased, Vec<Digest>), Error> {
        let (runs, under_way) = self.chosen(batch).await?;
        let mut erased = Erased { under_way, ..Erased::default() };
        if runs.is_empty() {
            return Ok((erased, Vec::new()));
        }
        let ids: Vec<_> = runs.iter().map(|run| run.id.clone()).collect();
        let still = with_content().and(whole_run::Column::Id.is_in(ids.clone()));
        erased.runs = batch.tx.count(whole_run::Entity::find().filter(still)).await?;
        batch.tx.change(segment::Entity::delete_many().filter(segment::Column::RunId.is_in(&ids))).await?;
        let none = || Expr::value(Option::<Vec<u8>>::None);
        let emptied = whole_run::Entity::update_many()
            .col_expr(whole_run::Column::Segments, Expr::value(0))
            .col_expr(whole_run::Column::Payload, none())
            .col_expr(whole_run::Column::WrappedKey, none())
            .col_expr(whole_run::Column::Tail, none())
            .filter(whole_run::Column::Id.is_in(ids.clone()));
        batch.tx.change(emptied).await?;
        erased.effects = effects(batch, effect::Column::RunId.is_in(ids.clone())).await?
            + shadow::empty_notes(batch, shadow_note::Column::RunId.is_in(&ids)).await?;
        erased.needs = self.needs(batch, &ids).await?;
        repair::forget_of(batch, &ids).await?;
        model_call::forget_of(batch, &ids).await?;
        golden::forget_of(batch, &ids).await?;
        let files = artifact::forget_of(batch, &ids).await?;
        erased.artifacts = files.len() as u64;
        let notices = notice::Entity::delete_many().filter(notice::Column::RunId.is_in(ids.clone()));
        let signals = signal::Entity::delete_many().filter(signal::Column::RunId.is_in(ids));
        erased.messages = batch.tx.change(notices).await? + batch.tx.change(signals).await?;
        if erased != (Erased { under_way, ..Erased::default() }) {
            for run in &runs {
                batch.run_event("run.erased", run, json!({ "by": self.by })).await?;
            }
        }
        Ok((erased, files))
    }
}

impl EraseRuns {
    /// Takes the words out of needs. What an open one asks stays clear from its kind.
    async fn needs(&self, batch: &Batch<'_>, runs: &[String]) -> Result<u64, Error> {
        let needs = batch.tx.all(need::Entity::find().filter(need::Column::RunId.is_in(runs))).await?;
        let mut count = 0;
        for mut need in needs {
            let open = need.status == NeedStatus::Open.as_str();
            if let Some(body) = erased_body(batch, &need, open)? {
                need.body = body;
                batch.tx.update(&need).await?;
                count += 1;
            }
        }
        Ok(count)
    }
}

/// Takes the keys in words and the outcomes of effects away.
async fn effects(batch: &Batch<'_>, which: Expr) -> Result<u64, Error> {
    let none = || Expr::value(Option::<Vec<u8>>::None);
    let with_content = effect::Column::KeyText.is_not_null().or(effect::Column::Outcome.is_not_null());
    let emptied = effect::Entity::update_many()
        .col_expr(effect::Column::KeyText, none())
        .col_expr(effect::Column::Outcome, none())
        .filter(which)
        .filter(with_content);
    batch.tx.change(emptied).await
}

/// Erases what is known under one key; gives the runs that it was done for, and those that would have done it.
struct EraseKey {
    automation: AutomationId,
    tool: Name,
    key: Key,
}

impl Command for EraseKey {
    type Reply = (u64, Vec<RunId>);
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(u64, Vec<RunId>), Error> {
        let identity: Digest = ledger::identity(batch, self.automation, &self.tool, &self.key);
        // The key itself is not said again: it is what is to be forgotten.
        let missing = || Error::NotFound { what: "effect", which: format!("under this key of {}", self.tool) };
        let notes = shadow::notes_under(batch, self.automation, &self.tool, &self.key).await?;
        let noted = notes.into_iter().map(|note| note.run_id);
        let runs: Vec<_> = batch.effect(identity).await?.map(|effect| effect.run_id).into_iter().chain(noted).collect();
        if runs.is_empty() {
            return Err(missing());
        }
        let count = effects(batch, effect::Column::Identity.eq(identity.as_bytes().to_vec())).await?;
        Ok((count, runs.iter().map(|run| super::run::parse(run)).collect::<Result<_, _>>()?))
    }
}

/// Erases what an automation remembers.
struct EraseState {
    automation: AutomationId,
    by: String,
}

impl Command for EraseState {
    type Reply = u64;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<u64, Error> {
        let emptied = state::Entity::update_many()
            .col_expr(state::Column::Value, Expr::value(Option::<Vec<u8>>::None))
            .col_expr(state::Column::Version, Expr::col(state::Column::Version).add(1))
            .filter(state::Column::AutomationId.eq(self.automation.to_string()))
            .filter(state::Column::Value.is_not_null());
        let mut values = batch.tx.change(emptied).await?;
        golden::forget_all(batch, self.automation).await?;
        if let Some(shadow) = batch.automation(self.automation).await?.and_then(|row| row.shadow.clone()) {
            values += shadow::empty_memory(batch, &shadow).await?;
        }
        if values > 0 {
            let data = json!({ "automation": self.automation.to_string(), "values": values });
            batch.automation_event("automation.erased", self.automation, &self.by, data).await?;
        }
        Ok(values)
    }
}

impl Erased {
    fn add(&mut self, more: Self) {
        self.runs += more.runs;
        self.effects += more.effects;
        self.needs += more.needs;
        self.messages += more.messages;
        self.artifacts += more.artifacts;
        self.values += more.values;
        self.under_way += more.under_way;
    }
}

impl Store {
    /// Erases, and brings what is left of it in the database's log out of it.
    pub async fn erase(&self, erasure: Erasure, by: &str) -> Result<Erased, Error> {
        let by = by.to_owned();
        let mut erased = Erased::default();
        match erasure {
            Erasure::Run(run) => erased = self.erase_runs(Which::ItemOf(run), by).await?,
            Erasure::Key { automation, tool, key } => {
                let (effects, runs) = self.commit(EraseKey { automation, tool, key }).await?;
                for run in runs {
                    erased.add(self.erase_runs(Which::ItemOf(run), by.clone()).await?);
                }
                erased.effects += effects;
            }
            Erasure::Automation(automation) => {
                loop {
                    let some = self.erase_runs(Which::Some(automation), by.clone()).await?;
                    if some.runs == 0 {
                        break;
                    }
                    erased.add(some);
                    tokio::task::yield_now().await;
                }
                erased.values = self.commit(EraseState { automation, by }).await?;
                let under_way = run::Entity::find()
                    .filter(run::Column::AutomationId.eq(automation.to_string()))
                    .filter(run::Column::Phase.is_in(UNDER_WAY.map(Phase::as_str)));
                erased.under_way = self.reader().count(under_way).await?;
            }
        }
        self.scrub().await?;
        Ok(erased)
    }
    /// Erases what is in the database, then the files: one that is left behind is sweepings without a key.
    async fn erase_runs(&self, which: Which, by: String) -> Result<Erased, Error> {
        let (erased, files) = self.commit(EraseRuns { which, by }).await?;
        self.remove_files(files).await?;
        Ok(erased)
    }
}
