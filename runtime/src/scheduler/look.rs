//! The loop: looks in the store for what is due, and sleeps until there may be more.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use intents::Timestamp;
use intents::id::TriggerId;
use tokio::task::JoinHandle;

use super::decide::{Schedule, advance};
use super::reconcile::{self, Finding};
use super::silence::Silences;
use crate::env::Env;
use crate::health::Health;
use crate::store::{Advance, Error, Store, StoredTrigger};
use crate::supervisor::{Concerns, Escalation, Rhythm, passes_by_itself, supervise_task};

/// Schedules that are read at once: some hundred kilobytes.
const PAGE: u64 = 1000;
/// Deliveries and schedules that share a commit: the writer is busy for some ten milliseconds, so that a stop is
/// acknowledged in time.
const COMMIT_MAX: usize = 200;
/// The longest sleep: a lost hint, or a clock that was moved while we slept, costs no more.
const SLEEP_MAX: Duration = Duration::from_secs(60);
/// The store is tried again after this when it says that it cannot now.
const RETRY: Duration = Duration::from_secs(5);
/// How often what should have fired is compared with what did.
const RECONCILE_EVERY: Duration = Duration::from_secs(600);
/// How often the expectations of contracts are looked at.
const SILENCE_EVERY: Duration = Duration::from_secs(60);

/// Starts the scheduler. It needs nothing but the store; aborting the handle ends it.
pub fn start_scheduler(store: &Store, env: &Env, health: &Health, escalation: &Arc<dyn Escalation>) -> JoinHandle<()> {
    let (store, own_env) = (store.clone(), env.clone());
    supervise_task("scheduler", env, health, escalation, move || Scheduler::new(&store, &own_env).run())
}

/// One life of the scheduler.
pub(super) struct Scheduler {
    store: Store,
    env: Env,
    concerns: Concerns,
    /// Schedules that a person was asked about and that may get well by themselves.
    ailing: BTreeSet<TriggerId>,
    silences: Silences,
    reconcile: Rhythm,
    silence: Rhythm,
}

impl Scheduler {
    pub(super) fn new(store: &Store, env: &Env) -> Self {
        let now = env.now();
        Self {
            store: store.clone(),
            env: env.clone(),
            concerns: Concerns::new(store),
            ailing: BTreeSet::new(),
            silences: Silences::new(store),
            reconcile: Rhythm::from(now, RECONCILE_EVERY),
            silence: Rhythm::from(now, SILENCE_EVERY),
        }
    }

    pub(super) async fn run(mut self) -> Result<Infallible, Error> {
        let mut timers = self.store.signals().timers;
        loop {
            // Seen before the look, so that what changes during it is looked at again.
            timers.borrow_and_update();
            let next = match self.look().await {
                Ok(next) => next,
                Err(error) if passes_by_itself(&error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "schedules wait for the store");
                    self.env.sleep(RETRY).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            tokio::select! {
                () = self.env.clock.sleep_until(next) => {}
                changed = timers.changed() => changed.map_err(|_| Error::Closed)?,
            }
        }
    }

    /// Does everything that is due; says when there is more to do by time.
    pub(super) async fn look(&mut self) -> Result<Timestamp, Error> {
        self.wake().await?;
        self.fire().await?;
        let now = self.env.now();
        if self.reconcile.is_due(now) {
            self.reconcile(now).await?;
            self.fire().await?;
        }
        if self.silence.is_due(now) {
            self.silences.look(now).await?;
        }
        let slot = self.store.next_slot().await?;
        let wake = self.store.next_wake().await?;
        let bound = [now + SLEEP_MAX, self.reconcile.next(), self.silence.next()];
        Ok(bound.into_iter().chain(slot).chain(wake).min().unwrap_or(now))
    }

    /// Ends the sleeps whose time has come.
    async fn wake(&self) -> Result<(), Error> {
        while self.store.next_wake().await?.is_some_and(|at| at <= self.env.now()) {
            if self.store.wake_due().await? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Fires the schedules whose time has come.
    async fn fire(&mut self) -> Result<(), Error> {
        let mut before: Vec<StoredTrigger> = Vec::new();
        loop {
            let now = self.env.now();
            let due = self.store.due_triggers(now, PAGE).await?;
            if due.is_empty() {
                return Ok(());
            }
            if due == before {
                // Nothing moved: the reconciler will say so. Meanwhile the rest of the loop goes on.
                tracing::error!(schedules = due.len(), "schedules are due and do not move on");
                return Ok(());
            }
            let delivers = !self.store.all_stopped().await?;
            let mut advances = Vec::with_capacity(due.len());
            for stored in &due {
                match Schedule::read(&stored.body) {
                    Ok(schedule) => advances.push(advance(stored, &schedule, delivers && stored.active, now)),
                    Err(error) => advances.push(self.set_aside(stored, &error.to_string()).await?),
                }
            }
            for part in parts(advances) {
                self.store.advance_triggers(part).await?;
            }
            before = due;
        }
    }

    /// What is not understood is due no more until the reconciler understands it.
    async fn set_aside(&mut self, stored: &StoredTrigger, reason: &str) -> Result<Advance, Error> {
        self.tell_not_understood(stored, reason).await?;
        let (expected_last, last_at) = (stored.last_at, stored.last_at);
        Ok(Advance { trigger: stored.id, expected_last, deliveries: Vec::new(), missed: None, last_at, next_at: None })
    }

    /// Compares what should have fired with what did, repairs what differs, and says so.
    async fn reconcile(&mut self, now: Timestamp) -> Result<(), Error> {
        let mut after = None;
        let mut clock_is_right = true;
        loop {
            let page = self.store.triggers_after("schedule", after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            let mut repairs = Vec::new();
            for stored in &page {
                let schedule = match Schedule::read(&stored.body) {
                    Ok(schedule) => schedule,
                    Err(error) => {
                        self.tell_not_understood(stored, &error.to_string()).await?;
                        continue;
                    }
                };
                let finding = reconcile::compare(&schedule, stored, now);
                clock_is_right &= !matches!(finding, Some(Finding::Ahead { .. }));
                self.tell(stored, finding).await?;
                repairs.extend(finding.and_then(|finding| reconcile::repair(finding, stored)));
            }
            for part in parts(repairs) {
                self.store.advance_triggers(part).await?;
            }
        }
        if clock_is_right { self.concerns.settle(reconcile::CLOCK_KEY).await } else { Ok(()) }
    }

    async fn tell(&mut self, stored: &StoredTrigger, finding: Option<Finding>) -> Result<(), Error> {
        let Some(finding) = finding else {
            if self.ailing.remove(&stored.id) {
                self.concerns.settle(&reconcile::dedupe_key(stored)).await?;
            }
            return Ok(());
        };
        tracing::warn!(trigger = %stored.id, automation = %stored.automation, ?finding, "a schedule differs from its rule");
        if reconcile::lasts(finding) {
            self.ailing.insert(stored.id);
        }
        let title = self.title(stored).await?;
        self.concerns.raise(reconcile::need(finding, stored, &title)).await
    }

    async fn tell_not_understood(&mut self, stored: &StoredTrigger, reason: &str) -> Result<(), Error> {
        self.ailing.insert(stored.id);
        let title = self.title(stored).await?;
        self.concerns.raise(reconcile::not_understood(stored, &title, reason)).await
    }

    async fn title(&self, stored: &StoredTrigger) -> Result<String, Error> {
        Ok(self.store.automation(&stored.automation.to_string()).await?.title)
    }
}

/// Cuts what is to be stored into commits of a bounded length.
fn parts(advances: Vec<Advance>) -> Vec<Vec<Advance>> {
    let mut parts: Vec<Vec<Advance>> = Vec::new();
    let mut room = 0;
    for advance in advances {
        let weight = 1 + advance.deliveries.len();
        if room < weight || parts.is_empty() {
            parts.push(Vec::new());
            room = COMMIT_MAX;
        }
        room = room.saturating_sub(weight);
        parts.last_mut().expect("there is one, or it was just pushed").push(advance);
    }
    parts
}
