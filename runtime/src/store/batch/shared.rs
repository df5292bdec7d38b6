//! What every part of the store knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use intents::drift::Fingerprint;
use intents::id::{AutomationId, ScriptId};
use sea_orm::EntityTrait;
use serde_json::Value;

use crate::env::Env;
use crate::store::Error;
use crate::store::active::Lease;
use crate::store::db::Queries;
use crate::store::figures::Figures;
use crate::store::kept::Kept;
use crate::store::open::Keys;
use crate::store::payload::PayloadKey;
use crate::store::ready::Ready;
use crate::store::reserve::Reserve;
use crate::store::rows::{automation, script, trigger};
use crate::store::setting::Setting;
use crate::store::under_way::UnderWay;

/// One for all who hold the store.
pub(in crate::store) struct Shared {
    pub(in crate::store) env: Env,
    pub(in crate::store) keys: Keys,
    pub(in crate::store) payload: PayloadKey,
    pub(in crate::store) reserve: Reserve,
    pub(in crate::store) figures: Figures,
    pub(in crate::store) under_way: UnderWay,
    pub(in crate::store) ready: Ready,
    pub(in crate::store) automations: Kept<AutomationId, Arc<automation::Model>>,
    pub(in crate::store) scripts: Kept<ScriptId, Arc<script::Model>>,
    pub(in crate::store) fingerprints: Kept<AutomationId, Arc<BTreeMap<String, Fingerprint>>>,
    pub(in crate::store) settings: Kept<(), Arc<Vec<Setting>>>,
    /// Whether a trigger lets its runs overlap: what a trigger says never changes.
    pub(in crate::store) overlaps: Kept<String, bool>,
    /// Whether there may be an open incident that a run which succeeds closes.
    pub(in crate::store) incidents_open: AtomicBool,
    all_stopped: AtomicBool,
    /// Automations of which nothing is to run before they were looked at.
    held_back: Mutex<BTreeSet<AutomationId>>,
    /// The right to act.
    pub(in crate::store) lease: Arc<Lease>,
    commits: AtomicU64,
    statements: AtomicU64,
}

impl Shared {
    pub(in crate::store) fn new(
        env: Env,
        keys: Keys,
        reserve: Reserve,
        under_way: UnderWay,
        all_stopped: bool,
        lease: Arc<Lease>,
    ) -> Self {
        let payload = PayloadKey::new(keys.payload);
        Self {
            env,
            keys,
            payload,
            reserve,
            figures: Figures::new(),
            under_way,
            ready: Ready::default(),
            automations: Kept::default(),
            scripts: Kept::default(),
            fingerprints: Kept::default(),
            settings: Kept::default(),
            overlaps: Kept::default(),
            incidents_open: AtomicBool::new(true),
            all_stopped: AtomicBool::new(all_stopped),
            held_back: Mutex::default(),
            lease,
            commits: AtomicU64::new(0),
            statements: AtomicU64::new(0),
        }
    }

    fn held_back(&self) -> MutexGuard<'_, BTreeSet<AutomationId>> {
        self.held_back.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an automation is held back.
    pub(in crate::store) fn is_held_back(&self, automation: AutomationId) -> bool {
        self.held_back().contains(&automation)
    }

    /// All automations that are held back.
    pub(in crate::store) fn all_held_back(&self) -> Vec<AutomationId> {
        self.held_back().iter().copied().collect()
    }

    /// From here on these are held back.
    pub(in crate::store) fn hold_back(&self, automations: &[AutomationId]) {
        self.held_back().extend(automations);
    }

    /// From here on it may run.
    pub(in crate::store) fn let_run(&self, automation: AutomationId) {
        self.held_back().remove(&automation);
    }

    /// Whether everything is stopped.
    pub(in crate::store) fn is_all_stopped(&self) -> bool {
        self.all_stopped.load(Ordering::SeqCst)
    }

    /// From here on everything is stopped, or goes on.
    pub(super) fn set_all_stopped(&self, stopped: bool) {
        self.all_stopped.store(stopped, Ordering::SeqCst);
    }

    pub(in crate::store) fn count_commit(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_statements(&self, count: u64) {
        self.statements.fetch_add(count, Ordering::Relaxed);
    }

    /// Commits and multi-row statements so far.
    pub(in crate::store) fn counts(&self) -> (u64, u64) {
        (self.commits.load(Ordering::Relaxed), self.statements.load(Ordering::Relaxed))
    }
}

/// Whether a trigger lets its runs overlap. A run that a person started goes in turn.
pub(in crate::store) async fn overlaps(db: &impl Queries, shared: &Shared, id: Option<&str>) -> Result<bool, Error> {
    let Some(id) = id else { return Ok(false) };
    let since = match shared.overlaps.get(&id.to_owned()) {
        Ok(overlaps) => return Ok(overlaps),
        Err(since) => since,
    };
    let found = db.one(trigger::Entity::find_by_id(id)).await?;
    let body: Option<Value> = found.and_then(|trigger| serde_json::from_str(&trigger.body).ok());
    let overlaps = body.is_some_and(|body| body["overlap"] == "allow");
    shared.overlaps.keep(id.to_owned(), overlaps, since);
    Ok(overlaps)
}
