//! What runs sleep on, and what wakes them. Nothing waits in memory.

use intents::Timestamp;
use intents::id::RunId;
use intents::need::Kind;
use intents::run::{Event, Phase, WaitsFor};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::approval::{self, NewApproval, Question};
use super::batch::Batch;
use super::db::Queries;
use super::need::{self, NewNeed, NewQuestion};
use super::rows::{run as run_row, wait as row};
use super::run::{self, Progress};
use super::writer::Command;
use super::{Error, Store};

/// What one of a run's calls waits for.
#[derive(Debug, Clone, PartialEq)]
pub enum NewWait {
    /// A point in time.
    Time(Timestamp),
    /// An event, or a point in time.
    Event {
        /// The event's name.
        name: String,
        /// Events of this name that the run was given before.
        taken: u64,
        /// The latest time.
        until: Option<Timestamp>,
    },
    /// An answer of the person.
    Need(Box<NewNeed>),
    /// A person's choice among the options of a question.
    Question(Box<NewQuestion>),
    /// A person's yes or no to an effect.
    Approval(Box<NewApproval>),
    /// The end of another run that holds the effect key, or a time to look again.
    Run {
        /// The other run.
        run: RunId,
        /// When to look again.
        until: Timestamp,
    },
}

/// A run goes to sleep: its calls in flight have settled, and its sandbox is gone.
#[derive(Debug, Clone)]
pub struct Sleep {
    /// What happened since the last commit.
    pub progress: Progress,
    /// What ends the sleep; the first to come does.
    pub waits: Vec<NewWait>,
}

/// A wait as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The run that waits.
    pub run: RunId,
    /// `time`, `event`, `need` or `run`.
    pub kind: String,
    /// When it ends at the latest.
    pub until: Option<Timestamp>,
    /// The event that ends it.
    pub event: Option<String>,
    /// The need whose answer ends it.
    pub need: Option<String>,
}

/// Waits that are ended in one commit.
const WAKE_MAX: u64 = 500;

impl Command for Sleep {
    type Reply = ();

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let mut run = run::progress(batch, &self.progress).await?;
        run::refuse_overlong(&run)?;
        // For the machine it is enough that the run waits; on what is in the rows.
        run::advance(&mut run, Event::Slept(WaitsFor::Time(Timestamp::EPOCH)))?;
        let mut kinds = Vec::new();
        let mut missed = false;
        for wait in &self.waits {
            let mut model = row::Model {
                id: batch.shared.env.wait_id().to_string(),
                run_id: run.id.clone(),
                kind: String::new(),
                until_at: None,
                event: None,
                need_id: None,
                effect_run_id: None,
                created_at: batch.now.as_millis(),
            };
            match wait {
                NewWait::Time(until) => {
                    model.kind = "time".to_owned();
                    model.until_at = Some(until.as_millis());
                }
                NewWait::Event { name, taken, until } => {
                    model.kind = "event".to_owned();
                    model.event = Some(name.clone());
                    model.until_at = until.map(Timestamp::as_millis);
                    // It may have come between the executor's look and this commit.
                    missed |= super::signal::count_since(batch, name, self.progress.run).await? > *taken;
                }
                NewWait::Need(new) => {
                    // It was opened when its effect became uncertain, and the answer may have come since.
                    if new.kind == Kind::Settle && need::was_closed(batch, &new.dedupe_key).await? {
                        missed = true;
                        continue;
                    }
                    model.kind = "need".to_owned();
                    model.need_id = Some(need::open(batch, new).await?.to_string());
                }
                NewWait::Question(new) => match need::ask(batch, new).await? {
                    Some(need) => {
                        model.kind = "need".to_owned();
                        model.need_id = Some(need);
                    }
                    None => {
                        missed = true;
                        continue;
                    }
                },
                NewWait::Approval(new) => match approval::ask(batch, new).await? {
                    Question::Open(need) => {
                        model.kind = "need".to_owned();
                        model.need_id = Some(need);
                    }
                    Question::Answered => {
                        missed = true;
                        continue;
                    }
                },
                NewWait::Run { run: other, until } => {
                    model.kind = "run".to_owned();
                    model.effect_run_id = Some(other.to_string());
                    model.until_at = Some(until.as_millis());
                }
            }
            kinds.push(model.kind.clone());
            batch.tx.insert(&model).await?;
        }
        run::tell_start(batch, self.progress.run, &run).await?;
        batch.run_event("run.waiting", &run, json!({ "on": kinds })).await?;
        batch.put_run(self.progress.run, run);
        batch.touch_timers();
        batch.touch_runs();
        if missed {
            wake(batch, self.progress.run).await?;
        }
        Ok(())
    }
}

/// Ends the sleep of a run, whatever it slept on.
pub(super) async fn wake(batch: &mut Batch<'_>, id: RunId) -> Result<(), Error> {
    forget(batch, id).await?;
    let mut run = batch.run(id).await?;
    if run.phase != Phase::Waiting.as_str() {
        return Ok(());
    }
    run::advance(&mut run, Event::Woken)?;
    batch.run_event("run.woken", &run, json!({})).await?;
    batch.put_run(id, run);
    batch.touch_runs();
    Ok(())
}

/// Removes what a run waits for.
pub(super) async fn forget(batch: &Batch<'_>, id: RunId) -> Result<(), Error> {
    batch.tx.change(row::Entity::delete_many().filter(row::Column::RunId.eq(id.to_string()))).await?;
    Ok(())
}

/// Wakes the runs that one of the given conditions holds for.
async fn wake_where(batch: &mut Batch<'_>, condition: sea_orm::sea_query::SimpleExpr) -> Result<u64, Error> {
    let runs: Vec<String> = batch
        .tx
        .tuples(
            row::Entity::find()
                .select_only()
                .column(row::Column::RunId)
                .filter(condition)
                .order_by_asc(row::Column::Id)
                .limit(WAKE_MAX),
        )
        .await?;
    let count = runs.len() as u64;
    for run in runs {
        wake(batch, run::parse(&run)?).await?;
    }
    Ok(count)
}

pub(super) async fn wake_waiting_for_run(batch: &mut Batch<'_>, run: RunId) -> Result<(), Error> {
    wake_where(batch, row::Column::EffectRunId.eq(run.to_string())).await.map(|_| ())
}

pub(super) async fn wake_waiting_for_event(batch: &mut Batch<'_>, name: &str) -> Result<(), Error> {
    while wake_where(batch, row::Column::Event.eq(name)).await? == WAKE_MAX {}
    Ok(())
}

/// The runs that wait for an answer.
pub(super) async fn waiting_for_need(batch: &Batch<'_>, need: &str) -> Result<Vec<RunId>, Error> {
    let runs: Vec<String> = batch
        .tx
        .tuples(row::Entity::find().select_only().column(row::Column::RunId).filter(row::Column::NeedId.eq(need)))
        .await?;
    runs.iter().map(|run| run::parse(run)).collect()
}

/// Wakes what is due.
struct WakeDue;

impl Command for WakeDue {
    type Reply = u64;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<u64, Error> {
        let now = batch.now.as_millis();
        let woken = wake_where(batch, row::Column::UntilAt.lte(now)).await?;
        Ok(woken + approval::expire_due(batch).await? + need::expire_due(batch).await?)
    }
}

impl Store {
    /// Puts a run to sleep.
    pub async fn sleep(&self, sleep: Sleep) -> Result<(), Error> {
        self.commit(sleep).await
    }

    /// Wakes the runs whose time has come, and moves the approvals and needs whose time is over; says how many.
    pub async fn wake_due(&self) -> Result<u64, Error> {
        self.commit(WakeDue).await
    }

    /// When the next sleep, approval or need ends by time.
    pub async fn next_wake(&self) -> Result<Option<Timestamp>, Error> {
        let next: Option<Option<i64>> = self
            .reader()
            .tuple(
                row::Entity::find()
                    .select_only()
                    .column_as(row::Column::UntilAt.min(), "next")
                    .filter(row::Column::UntilAt.is_not_null()),
            )
            .await?;
        let sleep = next.flatten().map(Timestamp::from_millis);
        let approval = approval::next_change(self.reader()).await?;
        let need = need::next_change(self.reader()).await?;
        Ok(sleep.into_iter().chain(approval).chain(need).min())
    }

    /// What a run waits for.
    pub async fn waits_of(&self, id: RunId) -> Result<Vec<Wait>, Error> {
        let rows = self.reader().all(row::Entity::find().filter(row::Column::RunId.eq(id.to_string()))).await?;
        rows.into_iter()
            .map(|row| {
                Ok(Wait {
                    run: run::parse(&row.run_id)?,
                    kind: row.kind,
                    until: row.until_at.map(Timestamp::from_millis),
                    event: row.event,
                    need: row.need_id,
                })
            })
            .collect()
    }

    /// Whether any run waits at all.
    pub async fn waiting_runs(&self) -> Result<u64, Error> {
        self.reader().count(run_row::Entity::find().filter(run_row::Column::Phase.eq(Phase::Waiting.as_str()))).await
    }
}
