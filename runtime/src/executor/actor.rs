//! The executor: admits runs, watches their attempts, and stops them.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use actix::prelude::*;
use futures_util::FutureExt;
use intents::failure::Class;
use intents::id::{AutomationId, RunId};
use intents::label::Labels;
use intents::need::Kind as NeedKind;
use intents::outcome::Failure;
use serde_json::json;
use tokio::sync::watch;

use super::attempt::{Ending, Seat, carry_out_at};
use super::context::Trouble;
use super::in_flight::{InFlight, Table};
use super::outside::Holder;
use super::{Services, wording};
use crate::env::Env;
use crate::retry::RetryPolicy;
use crate::router::{Places, pick, room_of};
use crate::store::{self, Finish, NewNeed, Progress, Runnable};

/// Runs that engines outside hold at once: each keeps what it was given in memory.
const OUTSIDE_MAX: usize = 256;
/// How long the end of a server waits for attempts to give their runs back; what is left goes on at the next start.
const END_WITHIN: Duration = Duration::from_secs(5);
/// How often it looks.
const END_LOOK: Duration = Duration::from_millis(20);
/// After trouble with the store or the jail a run waits, each time twice as long.
const TROUBLE: RetryPolicy = RetryPolicy { first: Duration::from_millis(250), longest: Duration::from_secs(60) };
/// Tries to give a run back before it is left to the next start: most of a day of a full disk.
const GIVE_BACK_TRIES_MAX: usize = 1000;

/// Admits runs and watches their attempts.
pub struct Executor {
    services: Services,
    attempts_max: usize,
    running: BTreeMap<RunId, Running>,
    troubles: BTreeMap<RunId, u32>,
    changed: watch::Sender<u64>,
}

struct Running {
    automation: AutomationId,
    overlaps: bool,
    /// Whether an engine outside holds it: it takes no place of the jail.
    outside: bool,
    stop: watch::Sender<bool>,
}

impl Executor {
    /// Makes an executor that has nothing to do yet, with places for so many attempts at once. `changed` counts up
    /// whenever a place becomes free.
    pub fn new(services: Services, attempts_max: usize, changed: watch::Sender<u64>) -> Self {
        Self { services, attempts_max, running: BTreeMap::new(), troubles: BTreeMap::new(), changed }
    }
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor").field("running", &self.running.len()).finish_non_exhaustive()
    }
}

impl Actor for Executor {
    type Context = Context<Self>;
}

impl Supervised for Executor {}

/// Carry the next of these runs out, as far as there are places. They come in the order of their age, and some may have
/// an attempt already.
#[derive(Debug, Message)]
#[rtype(result = "Admitted")]
pub struct Admit(pub Vec<Runnable>);

/// What became of the runs.
#[derive(Debug, Clone, Default, MessageResponse)]
pub struct Admitted {
    /// How many have an attempt now that had none.
    pub runs: usize,
    /// The automations that have no room for another.
    pub full: Vec<AutomationId>,
    /// How many more could be taken.
    pub free: usize,
}

impl Handler<Admit> for Executor {
    type Result = Admitted;

    fn handle(&mut self, Admit(mut waiting): Admit, context: &mut Context<Self>) -> Admitted {
        waiting.retain(|runnable| !self.running.contains_key(&runnable.run));
        let standing = self.standing();
        let picked = pick(&waiting, &Places { free: standing.free, taken: standing.automations });
        for runnable in &picked {
            self.admit(*runnable, Seat::Jail, context);
        }
        let Standing { full, free, .. } = self.standing();
        Admitted { runs: picked.len(), full, free }
    }
}

/// Give this run to an engine outside, if there is room for it.
#[derive(Message)]
#[rtype(result = "bool")]
pub struct AdmitOutside {
    /// The run.
    pub(crate) runnable: Runnable,
    /// Our end of the lease.
    pub(crate) holder: Holder,
}

impl std::fmt::Debug for AdmitOutside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AdmitOutside").field(&self.runnable).finish()
    }
}

impl Handler<AdmitOutside> for Executor {
    type Result = bool;

    fn handle(&mut self, admit: AdmitOutside, context: &mut Context<Self>) -> bool {
        let AdmitOutside { runnable, holder } = admit;
        let held = self.running.len() - self.jailed();
        let of_automation = self.running.values().filter(|running| running.automation == runnable.automation).count();
        if held >= OUTSIDE_MAX
            || of_automation >= room_of(runnable.overlaps)
            || self.running.contains_key(&runnable.run)
        {
            return false;
        }
        self.admit(runnable, Seat::Outside(holder), context);
        true
    }
}

impl Executor {
    fn admit(&mut self, runnable: Runnable, seat: Seat, context: &Context<Self>) {
        let (stop, stopped) = watch::channel(false);
        let outside = matches!(seat, Seat::Outside(_));
        let running = Running { automation: runnable.automation, overlaps: runnable.overlaps, outside, stop };
        self.running.insert(runnable.run, running);
        let troubles = self.troubles.get(&runnable.run).copied().unwrap_or(0);
        tokio::spawn(watched(self.services.clone(), runnable.run, seat, troubles, stopped, context.address()));
    }

    /// Attempts that have a place in the jail.
    fn jailed(&self) -> usize {
        self.running.values().filter(|running| !running.outside).count()
    }
}

/// An attempt has ended.
#[derive(Message)]
#[rtype(result = "()")]
struct Ended {
    run: RunId,
    troubled: bool,
}

impl Handler<Ended> for Executor {
    type Result = ();

    fn handle(&mut self, ended: Ended, _: &mut Context<Self>) {
        self.running.remove(&ended.run);
        if ended.troubled {
            *self.troubles.entry(ended.run).or_insert(0) += 1;
        } else {
            self.troubles.remove(&ended.run);
        }
        self.changed.send_modify(|count| *count += 1);
    }
}

/// Stop the attempts of one automation, of one run, or all.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Stop {
    automation: Option<AutomationId>,
    run: Option<RunId>,
}

impl Handler<Stop> for Executor {
    type Result = ();

    fn handle(&mut self, stop: Stop, _: &mut Context<Self>) {
        for (id, running) in &self.running {
            let meant = stop.automation.is_none_or(|automation| automation == running.automation)
                && stop.run.is_none_or(|run| run == *id);
            if meant {
                running.stop.send_replace(true);
            }
        }
    }
}

/// What is being carried out.
#[derive(Debug, Message)]
#[rtype(result = "Standing")]
pub struct Snapshot;

/// What is being carried out.
#[derive(Debug, Clone, Default, MessageResponse)]
pub struct Standing {
    /// The runs that have an attempt.
    pub runs: BTreeSet<RunId>,
    /// How many attempts each automation has.
    pub automations: BTreeMap<AutomationId, usize>,
    /// The automations that have no room for another.
    pub full: Vec<AutomationId>,
    /// How many more could be taken.
    pub free: usize,
}

impl Handler<Snapshot> for Executor {
    type Result = Standing;

    fn handle(&mut self, _: Snapshot, _: &mut Context<Self>) -> Standing {
        self.standing()
    }
}

impl Executor {
    fn standing(&self) -> Standing {
        let mut standing = Standing { free: self.attempts_max.saturating_sub(self.jailed()), ..Standing::default() };
        for (run, running) in &self.running {
            standing.runs.insert(*run);
            let taken = standing.automations.entry(running.automation).or_insert(0);
            *taken += 1;
            if *taken == room_of(running.overlaps) {
                standing.full.push(running.automation);
            }
        }
        standing
    }
}

/// Stops attempts from anywhere.
#[derive(Debug, Clone)]
pub struct Control {
    executor: Addr<Executor>,
    in_flight: Table,
    env: Env,
}

impl Control {
    /// Makes a control of an executor.
    pub fn new(executor: Addr<Executor>, services: &Services) -> Self {
        Self { executor, in_flight: services.in_flight.clone(), env: services.env.clone() }
    }

    /// Stops the attempts of an automation, or all, and lists the effects that are on their way.
    ///
    /// Called after the stop is stored: from then on no effect starts.
    pub async fn stop(&self, automation: Option<AutomationId>) -> Vec<InFlight> {
        // An executor that is just being restarted has no attempts that could start an effect past the store.
        self.executor.send(Stop { automation, run: None }).await.unwrap_or_default();
        self.in_flight.list(automation)
    }

    /// Stops the attempt of one run.
    pub async fn stop_run(&self, run: RunId) {
        self.executor.send(Stop { automation: None, run: Some(run) }).await.unwrap_or_default();
    }

    /// Stops all attempts and waits a little until they have given their runs back.
    pub async fn end(&self) {
        self.stop(None).await;
        let mut waited = Duration::ZERO;
        while waited < END_WITHIN && !self.standing().await.runs.is_empty() {
            self.env.sleep(END_LOOK).await;
            waited += END_LOOK;
        }
    }

    /// Whether the executor answers.
    pub async fn is_alive(&self) -> bool {
        self.executor.send(Snapshot).await.is_ok()
    }

    /// What is being carried out.
    pub async fn standing(&self) -> Standing {
        self.executor.send(Snapshot).await.unwrap_or_default()
    }

    /// The executor itself.
    pub fn executor(&self) -> &Addr<Executor> {
        &self.executor
    }
}

/// Carries a run out and tells the executor when its attempt has ended, however it ends.
async fn watched(
    services: Services,
    run: RunId,
    seat: Seat,
    troubles: u32,
    stop: watch::Receiver<bool>,
    executor: Addr<Executor>,
) {
    let began = services.env.clock.nanos();
    let carried = AssertUnwindSafe(carry_out_at(services.clone(), run, seat, stop)).catch_unwind().await;
    let ending = carried.as_ref().ok().and_then(|carried| carried.as_ref().ok()).copied();
    services.meter.attempt(ending, services.env.since(began));
    let troubled = match carried {
        Ok(Ok(ending)) => {
            tracing::debug!(%run, ?ending, "attempt ended");
            if ending == Ending::NotReady
                && let Err(error) = services.store.look_again(run).await
            {
                tracing::warn!(%run, %error, "it could not be looked at why a run was not to run");
            }
            false
        }
        Ok(Err(trouble)) => {
            troubled(&services, run, troubles, trouble).await;
            true
        }
        Err(_) => {
            let trouble = Trouble::Broken {
                code: "RUN_PANIC",
                reason: "the attempt ended abruptly; a fault of Steward".to_owned(),
            };
            troubled(&services, run, troubles, trouble).await;
            true
        }
    };
    services.in_flight.remove_run(run);
    // Without an executor nobody keeps a place for it.
    executor.send(Ended { run, troubled }).await.unwrap_or_default();
}

/// Whether trouble may go away by itself.
fn may_pass(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Store(error) => match error {
            store::Error::Full
            | store::Error::Busy
            | store::Error::Unreachable { .. }
            | store::Error::StandingBy
            | store::Error::Fenced
            | store::Error::Closed
            | store::Error::Database { .. }
            | store::Error::Conflict { .. } => true,
            store::Error::Locked { .. }
            | store::Error::Newer { .. }
            | store::Error::Moved { .. }
            | store::Error::LeftBehind { .. }
            | store::Error::OtherKeys
            | store::Error::Folder { .. }
            | store::Error::Damaged { .. }
            | store::Error::Unreadable { .. }
            | store::Error::Sealed { .. }
            | store::Error::NotFound { .. } => false,
        },
        Trouble::Jail { .. } => true,
        Trouble::Unfit { .. } | Trouble::Broken { .. } => false,
    }
}

async fn troubled(services: &Services, run: RunId, troubles: u32, trouble: Trouble) {
    let stopped = matches!(&trouble, Trouble::Store(store::Error::Conflict { code, .. })
        if ["AUTOMATION_STOPPED", "RUN_TRANSITION"].contains(code));
    if !stopped {
        tracing::warn!(%run, troubles, error = %trouble, "an attempt met trouble");
        services.env.sleep(TROUBLE.wait_after(troubles)).await;
    }
    let result = if may_pass(&trouble) { give_back(services, run).await } else { close(services, run, &trouble).await };
    if let Err(error) = result {
        // The run is still marked as running; the next start finds it.
        tracing::error!(%run, %error, "a run could not be given back");
    }
}

async fn give_back(services: &Services, run: RunId) -> Result<(), store::Error> {
    let mut waits = TROUBLE.waits().take(GIVE_BACK_TRIES_MAX);
    loop {
        let result = match services.store.run(run).await {
            Ok(run) => services.store.lose_attempt(run.id, run.attempts).await,
            Err(error) => Err(error),
        };
        let passes = matches!(result, Err(store::Error::Full | store::Error::Busy | store::Error::Database { .. }));
        match waits.next() {
            Some(wait) if passes => services.env.sleep(wait).await,
            Some(_) | None => return result,
        }
    }
}

/// Ends a run that cannot be carried out: fail closed, and tell the person.
async fn close(services: &Services, id: RunId, trouble: &Trouble) -> Result<(), store::Error> {
    let run = services.store.run(id).await?;
    if run.phase.is_over() {
        return Ok(());
    }
    let automation = services.store.automation(&run.automation.to_string()).await?;
    let code = match trouble {
        Trouble::Store(error) => error.code(),
        Trouble::Jail { .. } => "SANDBOX_CRASHED",
        Trouble::Unfit { code, .. } | Trouble::Broken { code, .. } => code,
    };
    // An input that no script can be given is no fault of the record: the next item may run.
    let unfit = matches!(trouble, Trouble::Unfit { .. });
    let class = if unfit { Class::Logic } else { Class::Internal };
    let failure = Failure::new(class, code, trouble.to_string());
    let need = NewNeed {
        kind: if unfit { NeedKind::Repair } else { NeedKind::Internal },
        dedupe_key: format!("internal:{}:{}", run.automation, run.item),
        automation: Some(run.automation),
        run: Some(id),
        call: None,
        effect: None,
        title: wording::broken_title(&automation.title, unfit),
        evidence: json!({ "code": code, "message": trouble.to_string() }),
    };
    let attempt = if run.phase == intents::run::Phase::Running { run.attempts } else { run.attempts + 1 };
    let progress = Progress { run: id, attempt, generation: run.generation, records: Vec::new(), calls: run.calls };
    let finish = Finish {
        progress,
        failure: Some(failure),
        state: Vec::new(),
        labels: Labels::new(),
        needs: vec![need],
        pause: !unfit,
        repair: None,
    };
    services.store.finish(finish).await.map(|_| ())
}
