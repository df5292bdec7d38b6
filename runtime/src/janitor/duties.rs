//! The loop with its duties.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use intents::Timestamp;
use intents::need::Kind;
use serde_json::json;
use tokio::task::JoinHandle;

use super::Backups;
use super::disk::{self, DISK_KEY, Room};
use super::record;
use crate::env::Env;
use crate::health::Health;
use crate::store::{Error, NewNeed, Retention, Store};
use crate::supervisor::{Concerns, Escalation, Rhythm, supervise_task};

/// New events are anchored this soon: a cut tail that is younger goes unseen.
const ANCHOR_AFTER: Duration = Duration::from_secs(1);
/// How often the log is brought back into the database, and the disk is looked at.
const TIDY_EVERY: Duration = Duration::from_secs(60);
/// How often what is too old is removed.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);
/// The first sweep after a start: late enough that the start is not slower for it.
const FIRST_SWEEP_AFTER: Duration = Duration::from_secs(60);
/// Commits of one sweep; what is left is for the next.
const SWEEP_COMMITS_MAX: usize = 10_000;
/// However large the database is, payloads are kept this long: a run that failed yesterday can be looked at.
const PAYLOADS_MIN: Duration = Duration::from_secs(24 * 3600);
/// Segments that go into the archive in one turn; what is left is for the next.
const ARCHIVE_SEGMENTS_MAX: usize = 100;
/// A duty that fails this often in a row is told to the person.
const FAILURES_MAX: u32 = 5;

/// Starts the janitor. It needs nothing but the store; aborting the handle ends it.
pub fn start_janitor(
    store: &Store,
    env: &Env,
    health: &Health,
    escalation: &Arc<dyn Escalation>,
    retention: Retention,
    backups: impl Fn() -> Option<Backups> + Send + 'static,
) -> JoinHandle<()> {
    let (store, own_env) = (store.clone(), env.clone());
    supervise_task("janitor", env, health, escalation, move || {
        Janitor::new(&store, &own_env, retention).with_backups(backups()).run()
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Duty {
    Anchor,
    Checkpoint,
    Reserve,
    Disk,
    Sweep,
    Archive,
    Backup,
    Alarm,
}

impl Duty {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Anchor => "anchoring the record of events",
            Self::Checkpoint => "keeping the database file small",
            Self::Reserve => "keeping a reserve on the disk",
            Self::Disk => "looking at the free space of the disk",
            Self::Sweep => "removing what is too old",
            Self::Archive => "bringing old events into the archive",
            Self::Backup => "taking a backup",
            Self::Alarm => "telling that the record of events was changed",
        }
    }
}

/// One life of the janitor.
pub(super) struct Janitor {
    store: Store,
    env: Env,
    retention: Retention,
    concerns: Concerns,
    failures: BTreeMap<Duty, u32>,
    tidy: Rhythm,
    sweep: Rhythm,
    /// When the head is to be anchored, if it has moved.
    anchor_at: Option<Timestamp>,
    alarm_told: bool,
    backups: Option<Backups>,
}

impl Janitor {
    pub(super) fn new(store: &Store, env: &Env, retention: Retention) -> Self {
        let now = env.now();
        Self {
            store: store.clone(),
            env: env.clone(),
            retention,
            concerns: Concerns::new(store),
            failures: BTreeMap::new(),
            tidy: Rhythm::from(now, TIDY_EVERY),
            sweep: Rhythm::from(now + FIRST_SWEEP_AFTER, SWEEP_EVERY),
            anchor_at: Some(now),
            alarm_told: false,
            backups: None,
        }
    }

    pub(super) fn with_backups(mut self, backups: Option<Backups>) -> Self {
        self.backups = backups;
        self
    }

    pub(super) async fn run(mut self) -> Result<Infallible, Error> {
        let mut events = self.store.signals().events;
        loop {
            let next = self.work().await;
            tokio::select! {
                () = self.env.clock.sleep_until(next) => {}
                changed = events.changed(), if self.anchor_at.is_none() => {
                    changed.map_err(|_| Error::Closed)?;
                    self.events_came();
                }
            }
        }
    }

    /// New events wait a little for more, and are anchored with them.
    pub(super) fn events_came(&mut self) {
        self.anchor_at.get_or_insert(self.env.now() + ANCHOR_AFTER);
    }

    /// Does what is due; says when there is more to do by time.
    pub(super) async fn work(&mut self) -> Timestamp {
        let now = self.env.now();
        self.tell_alarm().await;
        // Further away than it is ever set: the clock went back.
        if self.anchor_at.is_some_and(|at| now >= at || at.since(now) > ANCHOR_AFTER) {
            self.anchor_at = None;
            let anchored = self.store.anchor().await.map(|_| ());
            if anchored.is_err() {
                self.anchor_at = Some(now + ANCHOR_AFTER);
            }
            self.note(Duty::Anchor, anchored).await;
        }
        if self.tidy.is_due(now) {
            self.tidy_up().await;
        }
        if self.sweep.is_due(now) {
            let swept = self.sweep().await;
            self.note(Duty::Sweep, swept).await;
            let archived = self.archive().await;
            self.note(Duty::Archive, archived).await;
        }
        if let Some(backups) = self.backups.as_mut().filter(|backups| backups.next() <= now) {
            let taken = backups.take(&self.env).await;
            self.note(Duty::Backup, taken).await;
        }
        let backup = self.backups.as_ref().map(Backups::next);
        let rhythms = self.tidy.next().min(self.sweep.next());
        let rhythms = backup.map_or(rhythms, |at| at.min(rhythms));
        self.anchor_at.map_or(rhythms, |at| at.min(rhythms))
    }

    async fn tell_alarm(&mut self) {
        if self.alarm_told {
            return;
        }
        let told = match self.store.alarm() {
            Some(alarm) => self.concerns.raise(record::need(alarm)).await,
            None => Ok(()),
        };
        self.alarm_told = told.is_ok();
        self.note(Duty::Alarm, told).await;
    }

    async fn tidy_up(&mut self) {
        // First the disk: a need that cannot be stored any more tells nobody.
        let disk = self.look_at_disk().await;
        self.note(Duty::Disk, disk).await;
        let store = self.store.clone();
        // It writes some megabytes when there was none.
        let reserve = tokio::task::spawn_blocking(move || store.keep_reserve()).await.map_err(|_| Error::Closed);
        self.note(Duty::Reserve, reserve).await;
        let checkpoint = self.store.checkpoint().await;
        self.note(Duty::Checkpoint, checkpoint).await;
    }

    async fn look_at_disk(&mut self) -> Result<(), Error> {
        let folder = self.store.folder().to_owned();
        let asked = folder.clone();
        let free = tokio::task::spawn_blocking(move || disk::free_bytes(&asked)).await.map_err(|_| Error::Closed)?;
        let free = free.map_err(|error| Error::Folder { folder: folder.clone(), reason: error.to_string() })?;
        self.tell_room(free).await
    }

    pub(super) async fn tell_room(&mut self, free_bytes: u64) -> Result<(), Error> {
        match disk::judge(free_bytes) {
            Room::Low => self.concerns.raise(disk::need(self.store.folder(), free_bytes)).await,
            Room::Between => Ok(()),
            Room::Enough => self.concerns.settle(DISK_KEY).await,
        }
    }

    async fn sweep(&mut self) -> Result<(), Error> {
        let mut retention = self.retention;
        loop {
            self.sweep_by(retention).await?;
            let full = match retention.bytes_max {
                Some(most) => self.store.bytes_of_rows().await? > most,
                None => false,
            };
            if !full || retention.payloads <= PAYLOADS_MIN {
                return Ok(());
            }
            // The oldest half goes, and what is left is looked at again.
            retention.payloads = Duration::max(retention.payloads / 2, PAYLOADS_MIN);
            tracing::warn!(
                days = retention.payloads.as_secs() / 86_400,
                "the database is larger than it may be, so old payloads go sooner"
            );
        }
    }

    async fn sweep_by(&self, retention: Retention) -> Result<(), Error> {
        for _ in 0..SWEEP_COMMITS_MAX {
            let swept = self.store.sweep(retention).await?;
            if swept.items == 0 {
                break;
            }
            tracing::info!(items = swept.items, runs = swept.runs, rows = swept.rows, "old payloads were removed");
            tokio::task::yield_now().await;
        }
        // The files of what has just lost its key, and of what was never finished.
        let artifacts = self.store.sweep_artifacts().await?;
        if artifacts > 0 {
            tracing::info!(artifacts, "old artifacts were removed");
        }
        Ok(())
    }

    async fn archive(&mut self) -> Result<(), Error> {
        for _ in 0..ARCHIVE_SEGMENTS_MAX {
            let archived = self.store.archive_events(self.env.now() - self.retention.events).await?;
            if archived.events == 0 {
                return Ok(());
            }
            tracing::info!(events = archived.events, "old events went into the archive");
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Counts failures; what keeps failing is told once, and withdrawn when it works again.
    async fn note<E: Into<crate::error::Error>>(&mut self, duty: Duty, result: Result<(), E>) {
        let key = format!("janitor:{duty:?}").to_lowercase();
        let told = match result {
            Ok(()) => {
                self.failures.remove(&duty);
                self.concerns.settle(&key).await
            }
            Err(error) => {
                let error: crate::error::Error = error.into();
                tracing::warn!(duty = duty.as_str(), error = &error as &dyn std::error::Error, "a duty failed");
                let failures = self.failures.entry(duty).or_default();
                *failures += 1;
                // A backup is not missed for long before it is told: the next one is hours away.
                let most = if duty == Duty::Backup { 1 } else { FAILURES_MAX };
                if *failures < most { Ok(()) } else { self.concerns.raise(need(duty, key, &error)).await }
            }
        };
        if let Err(error) = told {
            tracing::warn!(error = &error as &dyn std::error::Error, "the person could not be told about a duty");
        }
    }
}

fn need(duty: Duty, dedupe_key: String, error: &crate::error::Error) -> NewNeed {
    NewNeed {
        kind: Kind::Internal,
        dedupe_key,
        automation: None,
        run: None,
        call: None,
        effect: None,
        title: format!("Steward keeps failing at {}", duty.as_str()),
        evidence: json!({ "code": error.code(), "reason": error.to_string() }),
    }
}
