//! Runs: their rows, their progress, and their end.

use std::collections::{HashMap, HashSet};

use intents::Timestamp;
use intents::failure::Class;
use intents::id::{AutomationId, ContractId, ItemId, RunId, ScriptId};
use intents::journal::Record;
use intents::run::{Event, Phase, State, step};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::batch::{Arrival, Batch, Shared, overlaps};
use super::db::Queries;
use super::ready::WINDOW;
use super::rows::{automation, run as row, script};
use super::writer::{Command, Ticket};
use super::{Error, Mode, Store, approval, inbox, ledger, sleep};
use crate::engine::EngineName;

/// A run as people and the executor see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Whose run it is.
    pub automation: AutomationId,
    /// What it is about.
    pub item: ItemId,
    /// The script it executes.
    pub script: ScriptId,
    /// The contract it began under.
    pub contract: ContractId,
    /// Where it stands.
    pub phase: Phase,
    /// Attempts so far.
    pub attempts: u32,
    /// How often it began afresh.
    pub generation: u32,
    /// Why it failed.
    pub class: Option<Class>,
    /// The stable code of the failure.
    pub code: Option<String>,
    /// Calls so far.
    pub calls: u32,
    /// Effects that happened.
    pub effects: u32,
    /// Effects that another run had done before.
    pub suppressed: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its first attempt began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// A run that waits for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Runnable {
    /// The run.
    pub run: RunId,
    /// Whose run it is.
    pub automation: AutomationId,
    /// Whether its trigger lets it run beside others of its automation.
    pub overlaps: bool,
}

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Only of this automation.
    pub automation: Option<AutomationId>,
    /// Only in this phase.
    pub phase: Option<Phase>,
    /// Only older than this one.
    pub before: Option<RunId>,
}

/// What an attempt has to add to its journal with its next commit.
#[derive(Debug, Clone)]
pub struct Progress {
    /// The run.
    pub run: RunId,
    /// The attempt that reports.
    pub attempt: u32,
    /// The generation of the journal.
    pub generation: u32,
    /// What has happened since the last commit.
    pub records: Vec<Record>,
    /// Calls so far.
    pub calls: u32,
}

/// Journal bytes a run may have on disk; a run that needs more is not one automation step.
const JOURNAL_BYTES_MAX: i64 = 64 * 1024 * 1024;

pub(super) fn domain(row: row::Model) -> Result<Run, Error> {
    let count = |number: i64| u32::try_from(number).map_err(|error| Error::unreadable("run", error));
    Ok(Run {
        id: parse(&row.id)?,
        automation: row.automation_id.parse().map_err(|error| Error::unreadable("automation id", error))?,
        item: row.item()?,
        script: row.script_id.parse().map_err(|error| Error::unreadable("script id", error))?,
        contract: row.contract_id.parse().map_err(|error| Error::unreadable("contract id", error))?,
        phase: row.phase.parse().map_err(|error| Error::unreadable("phase", error))?,
        attempts: count(row.attempts)?,
        generation: count(row.generation)?,
        class: row.class.map(|class| class.parse().map_err(|error| Error::unreadable("class", error))).transpose()?,
        code: row.code,
        calls: count(row.calls)?,
        effects: count(row.effects)?,
        suppressed: count(row.suppressed)?,
        created_at: Timestamp::from_millis(row.created_at),
        started_at: row.started_at.map(Timestamp::from_millis),
        ended_at: row.ended_at.map(Timestamp::from_millis),
    })
}

pub(super) fn parse(text: &str) -> Result<RunId, Error> {
    text.parse().map_err(|error| Error::unreadable("run id", error))
}

impl row::Model {
    /// What the run is about. An item is called as the first run of it; only further runs, and those of old, name it.
    pub(super) fn item(&self) -> Result<ItemId, Error> {
        match &self.item_id {
            Some(item) => inbox::parse_item(item),
            None => parse(&self.id).map(|run| ItemId::from_ulid(run.ulid())),
        }
    }
}

/// A run that is about to be made, under the contract and script in force.
pub(super) fn new(batch: &Batch<'_>, automation: &automation::Model, id: RunId, phase: Phase) -> row::Model {
    row::Model {
        id: id.to_string(),
        automation_id: automation.id.clone(),
        script_id: automation.script_id.clone(),
        contract_id: automation.contract_id.clone(),
        phase: phase.as_str().to_owned(),
        attempts: 0,
        generation: 0,
        segments: 0,
        journal_bytes: 0,
        class: None,
        code: None,
        calls: 0,
        effects: 0,
        suppressed: 0,
        created_at: batch.now.as_millis(),
        started_at: None,
        ended_at: None,
        item_id: None,
        trigger_id: None,
    }
}

/// Makes a run: the first of an item that has just arrived, or a further one.
pub(super) async fn create(batch: &mut Batch<'_>, model: row::Model, arrival: Option<Arrival>) -> Result<RunId, Error> {
    let id = parse(&model.id)?;
    let data = json!({ "item": model.item()?.to_string(), "script": model.script_id });
    batch.run_event("run.queued", &model, data).await?;
    batch.make_run(id, model, arrival);
    batch.touch_runs();
    Ok(id)
}

/// The last run of an item.
pub(super) async fn last_of_item(batch: &Batch<'_>, item: ItemId) -> Result<RunId, Error> {
    let first = RunId::from_ulid(item.ulid());
    let named = item.to_string();
    let fresh =
        batch.changed_runs().filter(|run| run.item_id.as_ref() == Some(&named)).map(|run| run.id.clone()).last();
    let stored: Option<String> = batch
        .tx
        .tuple(
            row::Entity::find()
                .select_only()
                .column(row::Column::Id)
                .filter(row::Column::ItemId.eq(named))
                .order_by_desc(row::Column::Id),
        )
        .await?;
    fresh.max(stored).map_or(Ok(first), |id| parse(&id))
}

/// The state of the machine that a row stands for.
fn state_of(row: &row::Model) -> Result<State, Error> {
    let phase: Phase = row.phase.parse().map_err(|error| Error::unreadable("phase", error))?;
    let attempts = u32::try_from(row.attempts).map_err(|error| Error::unreadable("run", error))?;
    Ok(match phase {
        Phase::Queued => State::Queued { attempts },
        Phase::Running => State::Running { attempt: attempts },
        // What the run waits for is in its rows; for the machine it is enough that it waits.
        Phase::Waiting => State::Waiting { attempts, on: intents::run::WaitsFor::Time(Timestamp::EPOCH) },
        Phase::Succeeded => State::Succeeded,
        Phase::Failed => State::Failed { class: Class::Unknown },
        // It never began, and never will.
        Phase::Stopped | Phase::Skipped => State::Stopped,
    })
}

/// Moves a row as the machine says.
pub(super) fn advance(row: &mut row::Model, event: Event) -> Result<State, Error> {
    let next = step(state_of(row)?, event).map_err(|refused| Error::Conflict {
        code: "RUN_TRANSITION",
        reason: format!("{refused}; the report is late or of another attempt"),
    })?;
    row.phase = next.phase().as_str().to_owned();
    match &next {
        State::Queued { attempts } | State::Waiting { attempts, .. } => row.attempts = i64::from(*attempts),
        State::Running { attempt } => row.attempts = i64::from(*attempt),
        State::Failed { class } => row.class = Some(class.as_str().to_owned()),
        State::Succeeded | State::Stopped => {}
    }
    Ok(next)
}

/// Appends what an attempt reports to the journal, and returns the row to be changed and put back.
pub(super) async fn progress(batch: &mut Batch<'_>, progress: &Progress) -> Result<row::Model, Error> {
    let mut row = reported(batch, progress).await?;
    if !progress.records.is_empty() {
        let records = seal(batch, &row, &progress.records).await?;
        row.journal_bytes += records.len() as i64;
        batch.add_segment(&row, records);
        row.segments += 1;
    }
    Ok(row)
}

/// As `progress`, for the last report of a run: the end of the journal goes into the row itself.
pub(super) async fn last_progress(
    batch: &mut Batch<'_>,
    progress: &Progress,
) -> Result<(row::Model, Option<Vec<u8>>), Error> {
    let mut row = reported(batch, progress).await?;
    if progress.records.is_empty() {
        return Ok((row, None));
    }
    let tail = seal(batch, &row, &progress.records).await?;
    row.journal_bytes += tail.len() as i64;
    Ok((row, Some(tail)))
}

/// Checks that an attempt may report, and takes its claim.
async fn reported(batch: &mut Batch<'_>, progress: &Progress) -> Result<row::Model, Error> {
    let mut row = batch.run(progress.run).await?;
    let late = || Error::Conflict {
        code: "RUN_TRANSITION",
        reason: format!("attempt {} of {} is no longer the one that runs", progress.attempt, progress.run),
    };
    if row.generation != i64::from(progress.generation) {
        return Err(late());
    }
    // A claim lives in memory until the first commit of its attempt.
    if row.phase == Phase::Queued.as_str() && row.attempts < i64::from(progress.attempt) {
        row.attempts = i64::from(progress.attempt) - 1;
        advance(&mut row, Event::Claimed)?;
        if row.started_at.is_none() {
            row.started_at = Some(batch.now.as_millis());
            batch.leave_start_untold(progress.run);
        }
    }
    if row.phase != Phase::Running.as_str() || row.attempts != i64::from(progress.attempt) {
        return Err(late());
    }
    row.calls = i64::from(progress.calls);
    Ok(row)
}

/// Tells that a run has begun. It is told with what becomes of the attempt, in the commit that writes the run's row.
pub(super) async fn tell_start(batch: &mut Batch<'_>, id: RunId, row: &row::Model) -> Result<(), Error> {
    if !batch.take_untold_start(id) {
        return Ok(());
    }
    let at = row.started_at.map(|at| Timestamp::from_millis(at).to_string());
    batch.run_event("run.started", row, json!({ "attempt": row.attempts, "at": at })).await
}

/// Seals records for the place after the last segment of a journal.
async fn seal(batch: &mut Batch<'_>, row: &row::Model, records: &[Record]) -> Result<Vec<u8>, Error> {
    let key = batch.key_of_run(row).await?;
    let place = place(row, row.segments);
    Ok(key.seal_value(&batch.shared.env, &place, &records))
}

/// The place that a part of a journal is sealed for.
pub(super) fn place(row: &row::Model, segment: i64) -> String {
    format!("{}/{}/{segment}", row.id, row.generation)
}

/// Refuses to go on with a journal that is too long. Asked only where nothing has happened yet: what did happen is
/// recorded, however long it is.
pub(super) fn refuse_overlong(run: &row::Model) -> Result<(), Error> {
    if run.journal_bytes <= JOURNAL_BYTES_MAX {
        return Ok(());
    }
    let reason = format!("the journal of {} is longer than {JOURNAL_BYTES_MAX} bytes", run.id);
    Err(Error::Conflict { code: "LIMIT_JOURNAL", reason })
}

/// Refuses what would start an effect of a stopped automation.
pub(super) fn refuse_stopped(batch: &Batch<'_>, run: &row::Model) -> Result<(), Error> {
    let automation = run.automation_id.parse().map_err(|error| Error::unreadable("automation id", error))?;
    if batch.is_stopped(automation) {
        return Err(Error::Conflict {
            code: "AUTOMATION_STOPPED",
            reason: format!("the automation of {} is stopped; resume it, and the run goes on", run.id),
        });
    }
    Ok(())
}

/// Stores what has happened so far.
struct Append(Progress);

impl Command for Append {
    type Reply = ();

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let row = progress(batch, &self.0).await?;
        refuse_overlong(&row)?;
        batch.put_run(self.0.run, row);
        Ok(())
    }
}

/// Ends a run by a person's wish, wherever it stands.
struct StopRun {
    run: RunId,
    by: String,
}

impl Command for StopRun {
    type Reply = Run;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Run, Error> {
        let row = stop(batch, self.run, &self.by).await?;
        domain(row)
    }
}

pub(super) async fn stop(batch: &mut Batch<'_>, run: RunId, by: &str) -> Result<row::Model, Error> {
    let mut row = batch.run(run).await?;
    // A live attempt tells by itself how its effects ended; without one nobody would.
    let alive = row.phase == Phase::Running.as_str();
    advance(&mut row, Event::StopRequested)?;
    if !alive {
        ledger::ask_about_unsettled(batch, &row).await?;
    }
    row.ended_at = Some(batch.now.as_millis());
    tell_start(batch, run, &row).await?;
    batch.run_event("run.stopped", &row, json!({ "by": by })).await?;
    sleep::forget(batch, run).await?;
    approval::forget_run(batch, run).await?;
    sleep::wake_waiting_for_run(batch, run).await?;
    batch.put_run(run, row.clone());
    batch.touch_runs();
    Ok(row)
}

/// After a start, no attempt of an earlier life is alive: what ran waits for its turn again.
struct Recover;

impl Command for Recover {
    type Reply = u64;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<u64, Error> {
        let mut lost = batch.shared.under_way.running();
        let written = batch
            .tx
            .all(
                row::Entity::find()
                    .filter(row::Column::Phase.eq(Phase::Running.as_str()))
                    .filter(row::Column::Id.is_not_in(lost.iter().map(|row| row.id.as_str()))),
            )
            .await?;
        lost.extend(written);
        let count = lost.len() as u64;
        for mut row in lost {
            let id = parse(&row.id)?;
            let next = advance(&mut row, Event::Lost)?;
            tell_start(batch, id, &row).await?;
            if next.phase().is_over() {
                row.ended_at = Some(batch.now.as_millis());
                row.code = Some("RUN_ATTEMPTS".to_owned());
                batch.run_event("run.failed", &row, json!({ "class": "internal", "code": "RUN_ATTEMPTS" })).await?;
                approval::forget_run(batch, id).await?;
            }
            batch.put_run(id, row);
        }
        batch.touch_runs();
        Ok(count)
    }
}

/// One attempt died; its run waits for its turn again.
struct Lose {
    run: RunId,
    attempt: u32,
}

impl Command for Lose {
    type Reply = ();
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let mut row = batch.run(self.run).await?;
        if row.phase == Phase::Running.as_str() && row.attempts == i64::from(self.attempt) {
            advance(&mut row, Event::Lost)?;
            tell_start(batch, self.run, &row).await?;
            batch.put_run(self.run, row);
            batch.touch_runs();
        }
        Ok(())
    }
}

impl Store {
    /// Stores what has happened so far; ordered after what was handed in before.
    pub async fn append(&self, progress: Progress) -> Result<Ticket<()>, Error> {
        self.enqueue(Append(progress)).await
    }

    /// Ends a run by a person's wish.
    pub async fn stop_run(&self, run: RunId, by: &str) -> Result<Run, Error> {
        self.commit(StopRun { run, by: by.to_owned() }).await
    }

    /// Queues again what ran when the last server died. Called once, before any attempt starts.
    pub async fn recover_runs(&self) -> Result<u64, Error> {
        self.commit(Recover).await
    }

    /// Queues a run again whose attempt died.
    pub async fn lose_attempt(&self, run: RunId, attempt: u32) -> Result<(), Error> {
        self.commit(Lose { run, attempt }).await
    }

    /// Runs that wait for their turn in the jail, of automations that are active and not among those left out: those
    /// that have waited longest first, and of each automation as many as may be under way at once. Some of them may have
    /// an attempt already, which has stored nothing yet.
    pub async fn runnable(&self, most: usize, left_out: &[AutomationId]) -> Result<Vec<Runnable>, Error> {
        let shared = self.shared();
        if shared.is_all_stopped() {
            return Ok(Vec::new());
        }
        let mut active = HashMap::new();
        loop {
            let mut unknown = Vec::new();
            let look = shared.ready.look(most, left_out, |id| match (active.get(&id), shared.automations.get(&id)) {
                (Some(active), _) => *active,
                (None, Ok(automation)) => automation.mode == Mode::Active.as_str(),
                (None, Err(_)) => {
                    unknown.push(id);
                    false
                }
            });
            if unknown.is_empty() && look.unread.is_empty() {
                return Ok(look.runs);
            }
            for id in unknown {
                let is_active = match self.automation_row(id).await {
                    Ok(row) => row.mode == Mode::Active.as_str(),
                    Err(Error::NotFound { .. }) => false,
                    Err(error) => return Err(error),
                };
                active.insert(id, is_active);
            }
            for id in look.unread {
                self.read_on(id).await?;
            }
        }
    }

    /// Reads the oldest waiting runs of an automation.
    async fn read_on(&self, automation: AutomationId) -> Result<(), Error> {
        let oldest = row::Entity::find()
            .select_only()
            .column(row::Column::Id)
            .column(row::Column::TriggerId)
            .filter(row::Column::Phase.eq(Phase::Queued.as_str()))
            .filter(Expr::cust(index_condition(Phase::Queued)))
            .filter(row::Column::AutomationId.eq(automation.to_string()))
            .join(JoinType::InnerJoin, run_script())
            .filter(script::Column::Engine.is_null())
            .order_by_asc(row::Column::Id)
            .limit(WINDOW as u64);
        let rows = self.reader().tuples::<(String, Option<String>)>(oldest).await?;
        let more = rows.len() == WINDOW;
        let mut runs = Vec::with_capacity(rows.len());
        for (run, trigger) in rows {
            let run = parse(&run)?;
            // The row of one that has an attempt still says that it waits.
            let has_attempt = self.shared().under_way.row(run).is_some_and(|row| row.phase != Phase::Queued.as_str());
            if !has_attempt {
                let overlaps = overlaps(self.reader(), self.shared(), trigger.as_deref()).await?;
                runs.push(Runnable { run, automation, overlaps });
            }
        }
        self.shared().ready.fill(automation, runs, more);
        Ok(())
    }

    /// Notes which automations have runs that wait for their turn, from the database: a hint that was lost costs time and
    /// nothing else.
    pub async fn look_for_runnable(&self) -> Result<(), Error> {
        expect_ready(self.reader(), self.shared()).await
    }

    /// Looks whether a run that was not to run still waits for its turn.
    pub async fn look_again(&self, id: RunId) -> Result<(), Error> {
        let row = self.run_row(id).await?;
        if row.phase != Phase::Queued.as_str() {
            let automation = row.automation_id.parse().map_err(|error| Error::unreadable("automation id", error))?;
            self.shared().ready.remove(automation, id);
        }
        Ok(())
    }

    /// Runs that wait for an engine outside, oldest first, of automations that are active and not among those left out.
    pub async fn claimable(
        &self,
        engine: &EngineName,
        automation: Option<AutomationId>,
        most: u64,
        left_out: &[AutomationId],
    ) -> Result<Vec<Runnable>, Error> {
        if self.shared().is_all_stopped() {
            return Ok(Vec::new());
        }
        // The rows of those that have an attempt still say that they wait for their turn.
        let running: HashSet<_> = self.shared().under_way.running().into_iter().map(|row| row.id).collect();
        let waiting = row::Entity::find()
            .select_only()
            .column(row::Column::Id)
            .column(row::Column::AutomationId)
            .column(row::Column::TriggerId)
            .join(JoinType::InnerJoin, run_automation())
            .join(JoinType::InnerJoin, run_script())
            .filter(row::Column::Phase.eq(Phase::Queued.as_str()))
            .filter(Expr::cust(index_condition(Phase::Queued)))
            .filter(automation::Column::Mode.eq(Mode::Active.as_str()))
            .filter(script::Column::Engine.eq(engine.as_str()))
            .filter(row::Column::AutomationId.is_not_in(left_out.iter().map(ToString::to_string)))
            .filter(Condition::all().add_option(automation.map(|id| row::Column::AutomationId.eq(id.to_string()))))
            .order_by_asc(row::Column::Id)
            .limit(most + running.len() as u64);
        let rows = self.reader().tuples::<(String, String, Option<String>)>(waiting).await?;
        let mut runs = Vec::new();
        for (run, automation, trigger) in rows.into_iter().filter(|(run, _, _)| !running.contains(run)) {
            let automation = automation.parse().map_err(|error| Error::unreadable("automation id", error))?;
            let overlaps = overlaps(self.reader(), self.shared(), trigger.as_deref()).await?;
            runs.push(Runnable { run: parse(&run)?, automation, overlaps });
        }
        runs.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(runs)
    }

    /// One run.
    pub async fn run(&self, id: RunId) -> Result<Run, Error> {
        self.run_row(id).await.and_then(domain)
    }

    pub(super) async fn run_row(&self, id: RunId) -> Result<row::Model, Error> {
        if let Some(row) = self.shared().under_way.row(id) {
            return Ok(row);
        }
        let found = self.reader().one(row::Entity::find_by_id(id.to_string())).await?;
        found.ok_or_else(|| Error::NotFound { what: "run", which: id.to_string() })
    }

    /// Runs, newest first.
    pub async fn runs(&self, filter: &RunFilter, most: u64) -> Result<Vec<Run>, Error> {
        let live = self.shared().under_way.running();
        // The rows of those that have an attempt still say that they wait for their turn.
        if filter.phase == Some(Phase::Running) {
            let mut live: Vec<_> = live.into_iter().map(domain).collect::<Result<_, _>>()?;
            live.retain(|run| {
                filter.automation.is_none_or(|automation| run.automation == automation)
                    && filter.before.is_none_or(|before| run.id < before)
            });
            live.sort_by_key(|run| std::cmp::Reverse(run.id));
            live.truncate(usize::try_from(most).unwrap_or(usize::MAX));
            return Ok(live);
        }
        let mut query = row::Entity::find().order_by_desc(row::Column::Id).limit(most);
        if let Some(automation) = filter.automation {
            query = query.filter(row::Column::AutomationId.eq(automation.to_string()));
        }
        if let Some(phase) = filter.phase {
            query = query.filter(row::Column::Phase.eq(phase.as_str())).filter(Expr::cust(index_condition(phase)));
            if phase == Phase::Queued {
                query = query.filter(row::Column::Id.is_not_in(live.iter().map(|row| row.id.as_str())));
            }
        }
        if let Some(before) = filter.before {
            query = query.filter(row::Column::Id.lt(before.to_string()));
        }
        let live: HashMap<_, _> = live.into_iter().map(|row| (row.id.clone(), row)).collect();
        let rows = self.reader().all(query).await?;
        rows.into_iter().map(|row| domain(live.get(&row.id).cloned().unwrap_or(row))).collect()
    }

    /// When runs of an automation began since a time, for what it is expected to do.
    pub async fn runs_since(&self, automation: AutomationId, since: Timestamp) -> Result<Vec<Timestamp>, Error> {
        let at: Vec<i64> = self
            .reader()
            .tuples(
                row::Entity::find()
                    .select_only()
                    .column(row::Column::CreatedAt)
                    .filter(row::Column::AutomationId.eq(automation.to_string()))
                    .filter(row::Column::CreatedAt.gte(since.as_millis()))
                    // What was left out did not run.
                    .filter(row::Column::Phase.ne(Phase::Skipped.as_str())),
            )
            .await?;
        Ok(at.into_iter().map(Timestamp::from_millis).collect())
    }
}

/// The condition of the index that has the runs of a phase, as a database recognises it. Those that succeeded are found
/// among all, since most do.
const fn index_condition(phase: Phase) -> &'static str {
    match phase {
        Phase::Queued | Phase::Running | Phase::Waiting => "phase IN ('queued', 'running', 'waiting')",
        Phase::Failed | Phase::Stopped | Phase::Skipped => "phase IN ('failed', 'stopped', 'skipped')",
        Phase::Succeeded => "phase = 'succeeded'",
    }
}

/// Has the oldest waiting runs of each automation read when there is room for them.
pub(super) async fn expect_ready(db: &impl Queries, shared: &Shared) -> Result<(), Error> {
    let waiting = row::Entity::find()
        .select_only()
        .column(row::Column::AutomationId)
        .column_as(row::Column::Id.min(), "oldest")
        .filter(row::Column::Phase.eq(Phase::Queued.as_str()))
        .filter(Expr::cust(index_condition(Phase::Queued)))
        .join(JoinType::InnerJoin, run_script())
        .filter(script::Column::Engine.is_null())
        .group_by(row::Column::AutomationId);
    for (automation, oldest) in db.tuples::<(String, String)>(waiting).await? {
        let automation = automation.parse().map_err(|error| Error::unreadable("automation id", error))?;
        shared.ready.expect(automation, parse(&oldest)?);
    }
    Ok(())
}

fn run_script() -> sea_orm::RelationDef {
    row::Entity::belongs_to(script::Entity).from(row::Column::ScriptId).to(script::Column::Id).into()
}

fn run_automation() -> sea_orm::RelationDef {
    row::Entity::belongs_to(automation::Entity).from(row::Column::AutomationId).to(automation::Column::Id).into()
}
